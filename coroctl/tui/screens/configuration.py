"""This node's configuration file with what lint says of it, and which configuration every node has loaded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import Footer

from coroctl.model import NodeId
from coroctl.sources.reading import Reading, read
from coroctl.tui import conf_page, presenters
from coroctl.tui.screens.difference import Difference
from coroctl.tui.screens.page import Page
from coroctl_widgets import Listing, LiveTable, Notes

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.model import Configuration
    from coroctl.tui.view import View


class ConfigurationScreen(Page):
    """The file has the focus. It is read, on a thread, when it is opened and whenever it has changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,c", "leave", "Back", id="back"),
        Binding("tab", "app.focus_next", "Nodes/file", show=False, id="next-part"),
        Binding("d", "difference", "Differences", id="differences"),
    ]

    HEADING = "Configuration"

    CSS = """
    ConfigurationScreen { layout: vertical; }
    #nodes { height: 4; max-height: 30%; margin-top: 1; }
    #summary { margin-top: 1; }
    #file { height: 1fr; margin-top: 1; }
    """

    def __init__(self, view: View | None) -> None:
        super().__init__(view)
        self._known: Configuration | None = None
        self._reading: Reading | None = None
        self._nodes_table = LiveTable(conf_page.COLUMNS, empty="asking corosync ...", id="nodes")
        self._summary = Notes(id="summary")
        self._file = Listing(empty="asking corosync ...", id="file")

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._nodes_table
        yield self._summary
        yield self._file
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._file.focus()

    def show(self, view: View) -> None:
        """Bring every part up to date; the file is read again only if it is another one."""
        super().show(view)
        snapshot = view.snapshot
        self._nodes_table.set_empty(presenters.nothing(snapshot))
        self._nodes_table.set_rows(conf_page.rows(snapshot))
        self._nodes_table.styles.height = max(len(snapshot.nodes), 1) + 1
        if snapshot.configuration is None:
            self._file.set_lines((), "there is no file to show")
        elif snapshot.configuration != self._known:
            self._known = snapshot.configuration
            self.run_worker(self._read(snapshot.configuration), exclusive=True)
        self._summary.show_lines(conf_page.summary(snapshot, self._reading))

    async def _read(self, known: Configuration) -> None:
        reading = await asyncio.to_thread(read, known.file)
        self._reading = reading
        self._file.set_lines(conf_page.lines(reading), reading.reason or "the file is empty")
        if self._view is not None:
            self._summary.show_lines(conf_page.summary(self._view.snapshot, reading))

    def action_difference(self) -> None:
        """Of the node under the cursor and this one."""
        key, view = self._nodes_table.cursor_key, self._view
        if key is not None and view is not None and view.snapshot.configuration is not None:
            self.app.push_screen(Difference(NodeId(int(key)), view))

    @on(LiveTable.RowSelected, "#nodes")
    def compare_node(self) -> None:
        """Enter on a node."""
        self.action_difference()
