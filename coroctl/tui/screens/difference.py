"""The file that a node has loaded beside this node's: what differs, line by line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer

from coroctl.conf.files import load
from coroctl.errors import CoroctlError
from coroctl.sources.changes import label
from coroctl.sources.loaded import loaded_by
from coroctl.tui import node_facts, presenters
from coroctl.tui.conf_diff import Compared, Side, compared
from coroctl_widgets import Listing, Note, Notes, TitleBar, Tone

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.model import NodeId, Snapshot
    from coroctl.tui.view import View


class Difference(Screen[None]):
    """Asked for once, when it is opened: a file that is loaded meanwhile is another one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,backspace,d", "dismiss", "Back", id="back")]

    CSS = """
    Difference { layout: vertical; }
    #differing { margin-top: 1; }
    #lines { height: 1fr; margin-top: 1; }
    """

    def __init__(self, node: NodeId, view: View) -> None:
        """`view`: with this node's file."""
        super().__init__()
        self._node = node
        self._view = view
        self._title = TitleBar(presenters.title(None, None), id="title")
        self._notes = Notes(id="differing")
        self._listing = Listing(empty=f"asking the corolistener of {self._called} ...", id="lines")

    @property
    def _called(self) -> str:
        node = self._view.snapshot.node(self._node)
        return label(node) if node else f"node {self._node}"

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._notes
        yield self._listing
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._listing.focus()
        self.show(self._view)
        self.run_worker(self._compare())

    def show(self, view: View) -> None:
        """Only the title follows the cluster."""
        self._view = view
        self.show_age(view.snapshot, view.age)

    def show_age(self, snapshot: Snapshot, age: float) -> None:
        """Say how old the data are."""
        self._title.value = presenters.title(snapshot, age, f"Configuration › {self._called}")

    async def _compare(self) -> None:
        try:
            found = await asyncio.to_thread(self._found)
        except CoroctlError as error:
            found = Compared((Note(self._untold(error), Tone.WARN),))
        self._notes.show_lines(found.notes)
        self._listing.set_lines(found.lines, " ")

    def _untold(self, error: CoroctlError) -> str:
        since = node_facts.silence(self._view.snapshot.node(self._node))
        return f"the file of {self._called} cannot be compared: {since}{error}"

    def _found(self) -> Compared:
        """Blocks: corolisteners are asked, and the disk."""
        local = self._view.snapshot.configuration
        assert local is not None
        there = loaded_by(self._node)
        after = Side(f"{self._called}: version {there.version}, as loaded there", there.data)
        return compared(Side(f"{local.file} of this node", load(local.file)), after)
