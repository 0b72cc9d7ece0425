"""What the widgets' demos share: an application that shows one widget in sixteen colours and ends with q.

``python -m coroctl_widgets.demo NAME`` shows one; without a name it lists them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual.app import App

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.widget import Widget

NAMES = (
    "choice",
    "event_list",
    "link_matrix",
    "listing",
    "live_table",
    "log_tail",
    "log_view",
    "notes",
    "paper",
    "quorum_gauge",
    "sheet_dialog",
    "sparkline",
    "title_bar",
)
"""Modules, each with a ``demo`` that yields widgets."""


class Demo(App[None]):
    """Widgets below each other, and nothing else."""

    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit")]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, build: Callable[[], Iterable[Widget]]) -> None:
        super().__init__(ansi_color=True)  # at once: NO_COLOR chooses its filter by it
        self._build = build
        self.theme = "ansi-dark"
        self.animation_level = "none"

    def compose(self) -> ComposeResult:
        yield from self._build()


def demo_of(name: str) -> Callable[[], Iterable[Widget]]:
    """What builds the demo of that name. KeyError: there is none."""
    if name not in NAMES:
        raise KeyError(name)
    build: Callable[[], Iterable[Widget]] = import_module(f"coroctl_widgets.{name}").demo
    return build


def about(name: str) -> str:
    """The first sentence of what a module says of itself."""
    return (import_module(f"coroctl_widgets.{name}").__doc__ or "").split("\n")[0].rstrip(".")


def main(words: list[str]) -> int:
    """Show the one that is named."""
    if not words or words[0] not in NAMES:
        print("usage: python -m coroctl_widgets.demo NAME; q ends it. log_view takes a file, too. NAME is one of:\n")
        print("\n".join(f"  {name:<13} {about(name)}" for name in NAMES))
        return 0 if not words else 2
    sys.argv[1:] = words[1:]
    Demo(demo_of(words[0])).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
