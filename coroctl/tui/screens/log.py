"""A log as a whole: the known ones by number, any other by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer

from coroctl.tui import presenters
from coroctl_widgets import LogView, TitleBar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.model import Snapshot
    from coroctl.sources.logs import KnownLog
    from coroctl.tui.view import View


class LogScreen(Screen[None]):
    """One log at a time; the first is `path`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", id="back"),
        Binding("1", "known(0)", "corolistener", id="corolistener"),
        Binding("2", "known(1)", "corosync", id="corosync"),
    ]

    def __init__(self, path: str, known: Sequence[KnownLog], view: View | None = None) -> None:
        super().__init__()
        self._cluster = view
        self._title = TitleBar(presenters.title(None, None), id="title")
        self._known = known
        self._view = LogView(path, id="view")

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._view
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._view.focus()
        if self._cluster is not None:
            self.show(self._cluster)

    def show(self, view: View) -> None:
        """Only the title follows the cluster."""
        self.show_age(view.snapshot, view.age)

    def show_age(self, snapshot: Snapshot, age: float) -> None:
        """Say how old the data are."""
        self._title.value = presenters.title(snapshot, age, "Log")

    def action_known(self, index: int) -> None:
        self._view.open(self._known[index].path)
