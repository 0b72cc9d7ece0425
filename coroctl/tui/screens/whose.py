"""Whose log is to be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import on
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Label

from coroctl.tui.screens.over import Over
from coroctl_widgets import Cell, Column, LiveTable, Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.model import NodeId

MOST_ROWS = 12


class Whose(NamedTuple):
    """One choice."""

    label: str
    what: str
    names: Mapping[NodeId, str] = {}
    """The nodes that tell it, and what they are called; none: a file is read here."""


class WhoseScreen(Over[Whose | None]):
    """Ends with the one that was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "Cancel")]

    CSS = """
    WhoseScreen { align: center middle; background: $background; }
    #whose { width: 100%; max-width: 70; height: auto; border: solid $foreground; padding: 0 1; }
    #whose Label { width: 1fr; }
    #title { text-style: bold; }
    #how { text-style: dim; }
    #choices { margin-bottom: 1; }
    """

    def __init__(self, choices: Sequence[Whose], now: Whose) -> None:
        """The cursor begins at the choice that is in force."""
        super().__init__()
        self._choices = choices
        self._now = next((place for place, one in enumerate(choices) if one.names == now.names), 0)

    def compose(self) -> ComposeResult:
        columns = (Column("node", "Node", 16), Column("what", "", 20, grow=1))
        rows = [Row(str(place), (Cell(one.label), Cell(one.what))) for place, one in enumerate(self._choices)]
        with Vertical(id="whose"):
            yield Label("Whose log?", id="title", markup=False)
            yield LiveTable(columns, rows, id="choices")
            yield Label("Enter chooses, Esc leaves.", id="how", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(LiveTable)
        table.styles.height = min(len(self._choices), MOST_ROWS) + 1
        table.focus()
        for _ in range(self._now):
            table.action_move(1)

    @on(LiveTable.RowSelected)
    def choose(self, message: LiveTable.RowSelected) -> None:
        self.dismiss(self._choices[int(message.key)])

    def action_leave(self) -> None:
        self.dismiss(None)
