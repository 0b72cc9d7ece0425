"""The cluster at a glance: verdict, votes, nodes, what happened, and the log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer

from coroctl.model import Availability
from coroctl.sources.changes import changes
from coroctl.tui import presenters
from coroctl_widgets import Event, EventList, Level, LiveTable, LogTail, Notes, QuorumGauge, TitleBar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from coroctl.model import Snapshot
    from coroctl.sources.feed import Update
    from coroctl.sources.logs import News


def local_time() -> str:
    """The time of day, as events are stamped with it."""
    return time.strftime("%H:%M:%S")


class Overview(Screen[None]):
    """Shows updates; owns the memory of the last one, to tell what has changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "focus_part('nodes')", "Nodes"),
        Binding("e", "focus_part('events')", "Events"),
        Binding("o", "focus_part('log')", "Log"),
    ]

    CSS = """
    Overview { layout: vertical; }
    #nodes { height: 4; max-height: 50%; margin-top: 1; }
    #notes { display: none; }
    #events { height: 1fr; min-height: 2; margin-top: 1; }
    #log { height: 1fr; min-height: 3; }
    """

    def __init__(self, log: str, notices: Iterable[str] = (), wall_clock: Callable[[], str] = local_time) -> None:
        super().__init__()
        self._path = log
        # Kept, not looked up: a last update may come when the screen is being taken down.
        self._title = TitleBar(presenters.title(None, None), id="title")
        self._gauge = QuorumGauge(presenters.gauge(None), id="gauge")
        self._nodes_table = LiveTable(presenters.columns(None), empty="asking corosync ...", id="nodes")
        self._notes = Notes(id="notes")
        self._events = EventList(id="events")
        self._tail = LogTail(log, id="log")
        self._notices = tuple(notices)
        self._wall_clock = wall_clock
        self._snapshot: Snapshot | None = None

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
        self._events.append(Event(now, Level.INFO, notice) for notice in self._notices)
        self._nodes_table.focus()

    def show_update(self, update: Update, age: float) -> None:
        """Bring every part up to date."""
        snapshot = update.snapshot
        self.show_age(snapshot, age)
        self._gauge.value = presenters.gauge(snapshot)
        table = self._nodes_table
        table.set_columns(presenters.columns(snapshot))
        table.set_empty(_nothing(snapshot))
        table.set_rows(presenters.rows(snapshot))
        table.styles.height = max(len(snapshot.nodes), 1) + 1  # a layout only when it differs
        self._show_notes(snapshot)
        now = self._wall_clock()
        found = [*update.notes, *changes(self._snapshot, snapshot)]
        if found:
            self._events.append(presenters.event(change, now) for change in found)
        self._snapshot = snapshot

    @on(LiveTable.RowHighlighted, "#nodes")
    def show_reason(self) -> None:
        """The cursor came to another node."""
        if self._snapshot is not None:
            self._show_notes(self._snapshot)

    def _show_notes(self, snapshot: Snapshot) -> None:
        found = presenters.notes(snapshot, self._nodes_table.cursor_key)
        self._notes.display = bool(found)
        self._notes.styles.height = max(len(found), 1)
        self._notes.value = found

    def show_age(self, snapshot: Snapshot, age: float) -> None:
        """Say how old the data are."""
        self._title.value = presenters.title(snapshot, age)

    def show_log(self, news: News) -> None:
        """Add lines to the log, or say why there are none."""
        self._tail.set_source(self._path, news.reason)
        if news.lines:
            self._tail.append(news.lines)

    def action_focus_part(self, part: str) -> None:
        self.query_one(f"#{part}").focus()


def _nothing(snapshot: Snapshot) -> str:
    if snapshot.availability is Availability.ANSWERED:
        return "corosync knows no nodes"
    return snapshot.reason
