"""One node: what the cluster knows of it, its links one by one, and its machine."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Footer

from coroctl.errors import CoroctlError
from coroctl.tui import alarm_notes, node_facts, presenters, wires
from coroctl.tui.screens.acting import NodeActing
from coroctl_widgets import Course, LiveTable, Note, Notes, Sparkline, TitleBar, Tone

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.model import Node, NodeId, Snapshot
    from coroctl.sources.machine import Host
    from coroctl.tui.view import View

LOOK_S = 2.0
"""How often the machine is looked at while somebody looks at it; a look takes 20 ms, on a thread, or on its node."""
COURSES = ("cpu", "load", "memory")


class NodeScreen(NodeActing):
    """Follows one node by its id, whatever becomes of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "leave", "Back", id="back"),
    ]

    CSS = """
    NodeScreen { layout: vertical; }
    #page { height: 1fr; }
    #facts { margin-top: 1; }
    #warnings { margin-top: 1; display: none; }
    #links { height: 2; margin-top: 1; }
    #services { margin-top: 1; display: none; }
    #machine { display: none; }
    NodeScreen Sparkline { display: none; }
    """

    def __init__(
        self, node: NodeId, view: View | None, look: Callable[[], Host] | None = None, *, actions: bool = False
    ) -> None:
        """`look` is asked on a thread: None where nobody can tell of the node's machine."""
        super().__init__(actions=actions)
        self._node = node
        self._view = view
        self._look = look
        self._past: deque[Host] = deque(maxlen=60)
        self._looking = False
        self._title = TitleBar(presenters.title(None, None), id="title")
        self._facts = Notes(id="facts")
        self._warnings = Notes(id="warnings")
        self._links = LiveTable(wires.COLUMNS, id="links")
        self._services = Notes(id="services")
        self._machine = Notes(id="machine")
        self._courses = [Sparkline(Course(name)) for name in COURSES]

    def compose(self) -> ComposeResult:
        yield self._title
        with VerticalScroll(id="page"):
            yield self._facts
            yield self._warnings
            yield self._links
            yield self._services
            yield from self._courses
            yield self._machine
        yield Footer(show_command_palette=False)

    def chosen(self) -> Node | None:
        """The one that it was opened for, as long as it is in the configuration."""
        return self._view.snapshot.node(self._node) if self._view is not None else None

    def on_mount(self) -> None:
        self._links.focus(scroll_visible=False)
        if self._view is not None:
            self.show(self._view)
        if self._look is not None:
            self.set_interval(LOOK_S, self._look_again)
            self._look_again()

    def on_resize(self) -> None:
        if self._view is not None:
            self.show(self._view)

    def show(self, view: View) -> None:
        """Bring every part up to date."""
        self._view = view
        snapshot = view.snapshot
        self.show_age(snapshot, view.age)
        node = snapshot.node(self._node)
        if node is None:
            self._facts.show_lines((Note(f"node {self._node} is not in the configuration any more", Tone.WARN),))
            self._links.set_rows(())
            return
        self._facts.show_lines(node_facts.facts(snapshot, node))
        self._warnings.show_lines(
            alarm_notes.whole((one for one in view.alarms if one.node == self._node), self.size.width)
        )
        self._show_links(view, node)
        if self._look is None:
            self._services.show_lines(node_facts.elsewhere(node))

    def _show_links(self, view: View, node: Node) -> None:
        """Of this node all of them, of another one those to it."""
        nodes = view.snapshot.nodes if node.nodeid == view.snapshot.local else (node,)
        rows = wires.rows(nodes, view.memory)
        self._links.set_empty(wires.no_links(view.snapshot))
        self._links.set_rows(rows)
        self._links.styles.height = max(len(rows), 1) + 1

    def show_age(self, snapshot: Snapshot, age: float) -> None:
        """Say how old the data are."""
        node = snapshot.node(self._node)
        self._title.value = presenters.title(snapshot, age, f"node {node.name or node.nodeid if node else self._node}")

    def _look_again(self) -> None:
        """One look at a time, however long a disk or systemd takes."""
        if not self._looking and self.is_current:
            self._looking = True
            self.run_worker(self._take_look(), name="looks at the machine")

    async def _take_look(self) -> None:
        assert self._look is not None
        try:
            host = await asyncio.to_thread(self._look)
        except CoroctlError as error:
            self._show_no_look(str(error))
            return
        finally:
            self._looking = False
        self._past.append(host)
        for widget, course in zip(self._courses, node_facts.courses(self._past), strict=True):
            widget.display = True
            widget.value = course
        self._services.show_lines(node_facts.services(host))
        self._machine.show_lines(node_facts.machine(host))

    def _show_no_look(self, why: str) -> None:
        """Nothing old is passed off as known."""
        for widget in self._courses:
            widget.display = False
        self._machine.show_lines(())
        self._services.show_lines(node_facts.no_look(self.chosen(), why))

    def action_leave(self) -> None:
        self.dismiss()
