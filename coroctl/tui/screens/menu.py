"""The actions for one node, to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Label

from coroctl.actions import IN_CONSOLE, Action
from coroctl.tui.screens.over import Over
from coroctl_widgets import Cell, Column, LiveTable, Row, neutral

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType


class MenuScreen(Over[Action | None]):
    """Ends with the action that was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Cancel", id="cancel"),
        *(Binding(one.key, f"choose('{one.name}')", one.label, show=False, id=one.name) for one in IN_CONSOLE),
    ]

    CSS = """
    MenuScreen { align: center middle; background: $background; }
    #menu { width: 100%; max-width: 76; height: auto; border: solid $foreground; padding: 0 1; }
    #menu Label { width: 1fr; }
    #of { text-style: bold; }
    #how { text-style: dim; }
    #actions { height: 6; margin-bottom: 1; }
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._of = name

    def compose(self) -> ComposeResult:
        columns = (Column("key", "Key", 3), Column("action", "Action", 12), Column("what", "", 20, grow=1))
        rows = [Row(one.name, (Cell(one.key), Cell(one.label), Cell(one.help))) for one in IN_CONSOLE]
        with Vertical(id="menu"):
            yield Label(neutral(self._of), id="of", markup=False)
            yield LiveTable(columns, rows, id="actions")
            yield Label("Enter chooses, Esc leaves. First you see what it would lead to.", id="how", markup=False)

    @on(LiveTable.RowSelected)
    def choose_row(self, message: LiveTable.RowSelected) -> None:
        self.action_choose(message.key)

    def action_choose(self, name: str) -> None:
        self.dismiss(next(one for one in IN_CONSOLE if one.name == name))

    def action_leave(self) -> None:
        self.dismiss(None)
