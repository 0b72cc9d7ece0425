"""Who hears whom, and every link from this node one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import Footer

from coroctl.model import NodeId
from coroctl.tui import presenters, wires
from coroctl.tui.messages import Opened
from coroctl.tui.screens.page import Page
from coroctl_widgets import LinkMatrix, LiveTable, Notes

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.tui.view import View


class Links(Page):
    """The matrix has the focus; the table follows its cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "leave", "Back", id="back"),
        Binding("tab", "app.focus_next", "Matrix/links", show=False, id="next-part"),
    ]

    HEADING = "Links"

    CSS = """
    Links { layout: vertical; }
    #matrix { height: 4; max-height: 60%; margin-top: 1; }
    #findings { display: none; margin-top: 1; }
    #legend { height: 2; margin-top: 1; }
    #links { height: 1fr; min-height: 3; margin-top: 1; }
    """

    def __init__(self, view: View | None) -> None:
        super().__init__(view)
        self._matrix = LinkMatrix(corner="hears", empty="asking corosync ...", id="matrix")
        self._findings = Notes(id="findings")
        self._legend = Notes(id="legend")
        self._links = LiveTable(wires.COLUMNS, empty="asking corosync ...", arranged=True, id="links")

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._matrix
        yield self._findings
        yield self._legend
        yield self._links
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._matrix.focus()

    def show(self, view: View) -> None:
        """Bring every part up to date."""
        super().show(view)
        snapshot = view.snapshot
        self._matrix.set_empty(presenters.nothing(snapshot))
        self._matrix.set_value(wires.matrix(snapshot))
        self._matrix.styles.height = max(len(snapshot.nodes), 1) + 1
        self._findings.show_lines(wires.findings(snapshot))
        self._legend.show_lines(wires.legend(snapshot))
        self._links.set_empty(wires.no_links(snapshot))
        self._links.set_rows(wires.rows(snapshot.nodes, view.memory))

    @on(LinkMatrix.SpotHighlighted, "#matrix")
    def find_link(self, message: LinkMatrix.SpotHighlighted) -> None:
        """The table comes to the pair, if it is one of this node's."""
        if self._view is not None and message.column < len(self._view.snapshot.nodes):
            node = self._view.snapshot.nodes[message.column]
            if node.links:
                self._links.move_to(f"{node.nodeid}.{node.links[0].number}")

    @on(LinkMatrix.SpotSelected, "#matrix")
    def open_node(self, message: LinkMatrix.SpotSelected) -> None:
        """Enter on a pair: the node that is heard."""
        if self._view is not None and message.column < len(self._view.snapshot.nodes):
            self.post_message(Opened(self._view.snapshot.nodes[message.column].nodeid))

    @on(LiveTable.RowSelected, "#links")
    def open_far_end(self, message: LiveTable.RowSelected) -> None:
        """Enter on a link."""
        self.post_message(Opened(NodeId(int(message.key.partition(".")[0]))))
