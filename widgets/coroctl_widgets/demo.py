"""What the widgets' demos share: an application that shows one widget in sixteen colours and ends with q."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import App

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.widget import Widget


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
