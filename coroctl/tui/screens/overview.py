"""The cluster at a glance: verdict, votes, nodes, what happened, and the log."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.widgets import Footer

from coroctl.model import NodeId
from coroctl.sources.changes import changes
from coroctl.tui import presenters
from coroctl.tui.key_names import key_of
from coroctl.tui.messages import Opened
from coroctl.tui.screens.acting import NodeActing
from coroctl_widgets import Event, EventList, Level, LiveTable, LogTail, Notes, QuorumGauge, TitleBar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.alarms import Alarm
    from coroctl.model import Node, Snapshot
    from coroctl.sources.feed import Update
    from coroctl.sources.logs import News
    from coroctl.tui.view import View


TABLE_SHARE = 0.38
"""Of the height, at most; as in the styles."""
FIXED, LEAST_EVENTS, LEAST_LOG = 7, 2, 3
"""Lines of title, gauge, gaps and footer, and what events and log need to say anything."""
KEPT = 1000
"""Events, and lines of the log, that wait while another screen is on top."""


def local_time() -> str:
    """The time of day, as events are stamped with it."""
    return time.strftime("%H:%M:%S")


class Overview(NodeActing):
    """Shows updates; owns the memory of the last one, to tell what has changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "app.open('links')", "Links", id="links"),
        Binding("v", "app.open_machines", "VMs", id="machines"),
        Binding("a", "app.open('alarms')", "Alarms", id="alarms"),
        Binding("c", "app.open('configuration')", "Config", id="configuration"),
        Binding("slash", "filter", "Filter", key_display="/", id="filter"),
        Binding("n", "focus_part('nodes')", "Nodes", show=False, id="nodes"),
        Binding("e", "focus_part('events')", "Events", show=False, id="events"),
        Binding("o", "focus_part('log')", "Log", id="log"),
        Binding("O", "app.open_log", "Whole log", show=False, id="whole-log"),
    ]

    CSS = """
    Overview { layout: vertical; }
    #nodes { height: 4; max-height: 38%; margin-top: 1; }
    #notes { display: none; }
    #events { height: 1fr; min-height: 2; margin-top: 1; }
    #log { height: 1fr; min-height: 3; }
    """

    def __init__(
        self,
        log: str,
        notices: Iterable[str] = (),
        wall_clock: Callable[[], str] = local_time,
        *,
        actions: bool = False,
        warnings: Iterable[str] = (),
    ) -> None:
        """`notices` and `warnings` begin the events. Without `actions` there are neither keys for them nor a menu."""
        super().__init__(actions=actions)
        self._path = log
        # Kept, not looked up: a last update may come when the screen is being taken down.
        self._title = TitleBar(presenters.title(None, None), id="title")
        self._gauge = QuorumGauge(presenters.gauge(None), id="gauge")
        self._nodes_table = LiveTable(presenters.columns(None), empty="asking corosync ...", arranged=True, id="nodes")
        self._notes = Notes(id="notes")
        self._events = EventList(id="events")
        self._tail = LogTail(log, id="log")
        self._notices = (*((Level.WARN, one) for one in warnings), *((Level.INFO, one) for one in notices))
        self._wall_clock = wall_clock
        self._snapshot: Snapshot | None = None
        self._alarms: tuple[Alarm, ...] = ()
        self._view: View | None = None
        self._unseen: deque[Event] = deque(maxlen=KEPT)
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._no_log = ""
        self._height = presenters.LEAST_HEIGHT  # kept, too

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._gauge
        yield self._nodes_table
        yield self._notes
        yield self._events
        yield self._tail
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        now = self._wall_clock()
        self._events.append(Event(now, level, notice) for level, notice in self._notices)
        self._nodes_table.focus()

    def show_update(self, update: Update, view: View, *, covered: bool = False) -> None:
        """Bring every part up to date: at once, or if another screen covers this one, when that has gone.

        Textual repaints the upper screen for whatever changes below it, seen or not.
        """
        now = self._wall_clock()
        found = [*update.notes, *changes(self._snapshot, view.snapshot)]
        self._unseen.extend(presenters.event(change, now) for change in found)
        self._snapshot, self._view = view.snapshot, view
        if not covered:
            self._paint(view)

    def on_screen_resume(self) -> None:
        if self._view is not None:
            self._paint(self._view)
        self._paint_log()

    def on_resize(self) -> None:
        self._height = self.size.height
        if self._view is not None:
            self._paint(self._view)

    def _paint(self, view: View) -> None:
        snapshot = view.snapshot
        self._alarms = view.alarms
        self.show_age(snapshot, view.age)
        self._gauge.value = presenters.gauge(snapshot)
        table = self._nodes_table
        table.set_columns(presenters.columns(snapshot))
        table.set_empty(presenters.nothing(snapshot))
        table.set_rows(presenters.rows(snapshot, view.memory))
        self.fit_table()
        self._show_notes(snapshot)
        self._make_room()
        if self._unseen:
            self._events.append(self._unseen)
            self._unseen.clear()

    def _make_room(self) -> None:
        """Without the log's end where that would drive it, or the events, off the screen: they say more."""
        table = min(self._nodes_table.needed, int(self._height * TABLE_SHARE))
        notes = len(self._notes.value)
        self._tail.display = self._height - table - notes >= FIXED + LEAST_EVENTS + LEAST_LOG

    @on(LiveTable.Filtered, "#nodes")
    def fit_table(self) -> None:
        """As high as it needs to be; a layout only when that differs."""
        self._nodes_table.styles.height = self._nodes_table.needed

    @on(LiveTable.RowHighlighted, "#nodes")
    def show_reason(self) -> None:
        """The cursor came to another node."""
        if self._snapshot is not None:
            self._show_notes(self._snapshot)

    def _show_notes(self, snapshot: Snapshot) -> None:
        chosen, key = self._nodes_table.cursor_key, key_of(self, "alarms")
        self._notes.show_lines(presenters.notes(snapshot, chosen, self._alarms, self._height, key))

    def show_age(self, snapshot: Snapshot, age: float) -> None:
        """Say how old the data are."""
        self._title.value = presenters.title(snapshot, age)

    def show_log(self, news: News, *, covered: bool = False) -> None:
        """Add lines to the log, or say why there are none; `covered` as above."""
        self._no_log = news.reason
        self._lines.extend(news.lines)
        if not covered:
            self._paint_log()

    def _paint_log(self) -> None:
        self._tail.set_source(self._path, self._no_log)
        if self._lines:
            self._tail.append(self._lines)
            self._lines.clear()

    @on(LiveTable.RowSelected, "#nodes")
    def open_node(self, message: LiveTable.RowSelected) -> None:
        """Enter on a node."""
        self.post_message(Opened(NodeId(int(message.key))))

    def chosen(self) -> Node | None:
        """The one under the cursor."""
        return next((one for one in self._known() if str(one.nodeid) == self._nodes_table.cursor_key), None)

    def _known(self) -> tuple[Node, ...]:
        return self._snapshot.nodes if self._snapshot is not None else ()

    def action_filter(self) -> None:
        """From wherever the focus is; at once, so that what is typed ahead goes into the filter."""
        self.set_focus(self._nodes_table)
        self._nodes_table.action_filter()

    def action_focus_part(self, part: str) -> None:
        self.query_one(f"#{part}").focus()
