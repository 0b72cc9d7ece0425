"""A log as a whole: the known ones by number, any other by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer

from coroctl_widgets import LogView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.sources.logs import KnownLog


class LogScreen(Screen[None]):
    """One log at a time; the first is `path`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", id="back"),
        Binding("1", "known(0)", "corolistener", id="corolistener"),
        Binding("2", "known(1)", "corosync", id="corosync"),
    ]

    def __init__(self, path: str, known: Sequence[KnownLog]) -> None:
        super().__init__()
        self._known = known
        self._view = LogView(path, id="view")

    def compose(self) -> ComposeResult:
        yield self._view
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._view.focus()

    def action_known(self, index: int) -> None:
        self._view.open(self._known[index].path)
