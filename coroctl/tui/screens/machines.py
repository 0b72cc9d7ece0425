"""The virtual machines: where each is, what it does, its last move and why; and what recovery waits for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import Footer

from coroctl.actions import MACHINE_FORGET, ON_MACHINES
from coroctl.errors import CoroctlError
from coroctl.model import NodeId
from coroctl.sources.changes import label
from coroctl.tui import guests, presenters
from coroctl.tui.messages import Opened, Wanted
from coroctl.tui.screens.acting import ActingScreen, bindings
from coroctl_widgets import LiveTable, Notes, TitleBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.actions import Action
    from coroctl.model import Snapshot
    from coroctl.sources.fleet import Fleet, Guest
    from coroctl.tui.view import View

LOOK_S = 2.0
"""How often they are looked at while somebody looks at them, on a thread: thousands are a few megabytes."""


class MachinesScreen(ActingScreen):
    """A table that is asked for while it is seen; a machine is known by its name, wherever the cursor goes."""

    OFFERS = ON_MACHINES

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(ON_MACHINES, show=True),
        Binding("escape,backspace,v", "leave", "Back", id="back"),
    ]

    CSS = """
    MachinesScreen { layout: vertical; }
    #told { margin-top: 1; display: none; max-height: 50%; }
    #machines { height: 1fr; min-height: 3; margin-top: 1; }
    """

    def __init__(self, view: View | None, look: Callable[[], Fleet], *, actions: bool = False) -> None:
        """`look` is asked on a thread."""
        super().__init__(actions=actions)
        self._view = view
        self._look = look
        self._fleet: Fleet | None = None
        self._trouble = ""
        self._looking = False
        self._title = TitleBar(presenters.title(None, None), id="title")
        self._told = Notes(id="told")
        self._table = LiveTable(guests.COLUMNS, empty=guests.nothing(None, ""), arranged=True, id="machines")

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._told
        yield self._table
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._table.focus()
        if self._view is not None:
            self.show(self._view)
        self.set_interval(LOOK_S, self._look_again)
        self._look_again()

    def on_resize(self) -> None:
        if self._view is not None:
            self.show(self._view)

    def show(self, view: View) -> None:
        """The cluster is another one."""
        self._view = view
        self.show_age(view.snapshot, view.age)
        self._told.show_lines(guests.notes(view, self._fleet, self._trouble, self.size.width))

    def show_age(self, snapshot: Snapshot, age: float) -> None:
        """Say how old the data are."""
        self._title.value = presenters.title(snapshot, age, "Machines")

    def wanted(self, action: Action | None) -> Wanted | None:
        """An action on the machine under the cursor."""
        guest = self._chosen()
        if guest is None or self._view is None or action is None:
            return None
        nodes = tuple((one.nodeid, label(one)) for one in self._view.snapshot.nodes if one.nodeid != guest.node)
        places = () if action is MACHINE_FORGET else nodes
        return Wanted(action, NodeId(0), guest.name, None, guest.name, places)

    @on(LiveTable.RowSelected, "#machines")
    def open_node(self) -> None:
        """Enter on a machine: the node that has it."""
        guest = self._chosen()
        if guest is not None and guest.node is not None:
            self.post_message(Opened(guest.node))

    def _chosen(self) -> Guest | None:
        found = self._fleet.guests if self._fleet is not None else ()
        return next((one for one in found if one.name == self._table.cursor_key), None)

    def _look_again(self) -> None:
        """One look at a time."""
        if not self._looking and (self.is_current or self._fleet is None):
            self._looking = True
            self.run_worker(self._take_look(), name="looks at the machines")

    async def _take_look(self) -> None:
        try:
            self._fleet, self._trouble = await asyncio.to_thread(self._look), ""
        except CoroctlError as error:
            self._trouble = str(error)
        finally:
            self._looking = False
        self._table.set_empty(guests.nothing(self._fleet, self._trouble))
        if self._view is not None:
            self._table.set_rows(guests.rows(self._fleet, self._view.snapshot) if self._fleet is not None else ())
            self.show(self._view)

    def action_leave(self) -> None:
        self.dismiss()
