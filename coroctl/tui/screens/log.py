"""A log as a whole: the known ones of this node, of another one, or of all nodes as one; any file by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer

from coroctl.sources.spool import Spool
from coroctl.tui import presenters
from coroctl.tui.screens.whose import Whose, WhoseScreen
from coroctl.tui.view import tellers
from coroctl_widgets import LogView, TitleBar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.model import Snapshot
    from coroctl.sources.logs import KnownLog
    from coroctl.tui.view import View

HERE = Whose("here", "this node's own files, as a whole")


class LogScreen(Screen[None]):
    """One log at a time; the first is `path`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", id="back"),
        Binding("1", "known(0)", "corolistener", id="corolistener"),
        Binding("2", "known(1)", "corosync", id="corosync"),
        Binding("w", "whose", "Whose", id="whose-log"),
    ]

    def __init__(self, path: str, known: Sequence[KnownLog], view: View | None = None) -> None:
        super().__init__()
        self._cluster = view
        self._title = TitleBar(presenters.title(None, None), id="title")
        self._known = known
        self._names, self._local = tellers(view)
        self._chosen = next((place for place, log in enumerate(known) if log.path == path), 0)
        self._whose = HERE
        self._spool: Spool | None = None
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

    def on_unmount(self) -> None:
        self._let_go()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where nobody tells a log there is nobody to choose; and what is shown need not be opened."""
        if action == "known":
            (index,) = parameters
            return index in range(len(self._known)) and (index != self._chosen or self._view.path != self._path)
        return bool(self._names) if action == "whose" else True

    @property
    def _path(self) -> str:
        """Of the log that was chosen."""
        if self._spool is not None:
            return self._spool.path
        return self._known[self._chosen].path if self._known else ""

    def action_known(self, index: int) -> None:
        self._chosen = index
        self._open()

    def action_whose(self) -> None:
        self.app.push_screen(WhoseScreen(self._choices(), self._whose), self._choose)

    def _choices(self) -> list[Whose]:
        others = [(node, name) for node, name in self._names.items() if node != self._local]
        each = [Whose(name, "as its corolistener tells it", {node: name}) for node, name in others]
        merged = Whose("all nodes", "as one log, by time", self._names)
        return [HERE, *each, merged]

    def _choose(self, whose: Whose | None) -> None:
        if whose is not None:
            self._whose = whose
            self._open()

    def _open(self) -> None:
        log, whose = self._known[self._chosen], self._whose
        self._let_go()
        if not whose.names:
            self._view.open(log.path)
            return
        self._spool = Spool(whose.names, log.name)
        self._view.open(self._spool.path, f"{log.name} of {whose.label}, the newest lines")

    def _let_go(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None
