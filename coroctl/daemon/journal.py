"""What has happened on this node: in memory, in SQLite, in the log file, and to whoever listens.

The loop hands rows over and goes on; one thread here writes them. A full disk, a hung one or a damaged database
costs history at most, says so, and stops nobody. Knows nothing of what the events mean.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.clock import now_us
from coroctl.daemon.eventdb import EventDatabase, is_damage, read_since
from coroctl.daemon.logfile import LogFile
from coroctl.daemon.rendering import Entry, Level, Row, Value, bounded, line
from coroctl.daemon.sink import Sink, Turned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

DATABASE = "/var/lib/corolistener/events.db"
LOG_FILE = "/var/log/corolistener.log"
TAIL = 200
RETRY_S = 5.0
OPEN_S = 5.0
MOST_TERM = (1 << 63) - 1


class Moved(NamedTuple):
    """A damaged database has got another name."""

    to: Path
    why: str


class Journal:
    """The events of one daemon. Made by `opened`, used on the loop's thread."""

    def __init__(
        self,
        database: Path,
        log: Path,
        node: str,
        echo: Callable[[Sequence[Row]], None] | None = None,
        retry_s: float = RETRY_S,
    ) -> None:
        self._path = database
        self.node = bounded(node)
        self._retry_s = retry_s
        self._loop = asyncio.get_running_loop()
        self._database = EventDatabase(database)
        self._log = LogFile(log)
        self._tail: deque[Row] = deque(maxlen=TAIL)
        self._listeners: list[Callable[[Row], None]] = []
        self._next = 0
        self._numbered = asyncio.Event()
        self._sinks = [Sink("log", self._write_log, self._turned), Sink("database", self._insert, self._turned)]
        if echo is not None:
            self._sinks.append(Sink("stderr", echo, self._turned))
        self._wake = threading.Event()
        self._ending = False
        self._told = 0
        """How often the thread had something to tell: written by the thread."""
        self._noted = 0
        """How much of that has become a row: written by the loop."""
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)

    @staticmethod
    async def opened(
        database: Path,
        log: Path,
        node: str,
        echo: Callable[[Sequence[Row]], None] | None = None,
        retry_s: float = RETRY_S,
    ) -> Journal:
        """Begin. A database that cannot be opened within 5 s is tried again later; nothing is raised."""
        journal = Journal(database, log, node, echo, retry_s)
        journal._thread.start()
        try:
            await asyncio.wait_for(journal._numbered.wait(), OPEN_S)
        except TimeoutError:
            journal._number_from(_fresh_start())
        return journal

    # On the loop

    def event(
        self,
        level: Level,
        name: str,
        term: int = 0,
        /,
        *,
        actor: str | None = None,
        origin: str | None = None,
        **details: Value,
    ) -> Row:
        """Note that something has happened, now. Never waits and never fails."""
        return self.enter(Entry(level, name, term, details), actor, origin)

    def enter(self, entry: Entry, actor: str | None = None, origin: str | None = None) -> Row:
        """The same, of what `rendering.describe` has made."""
        row = Row(
            self._next,
            time.time_ns() // 1000,
            now_us(),
            self.node,
            min(entry.term, MOST_TERM),
            entry.level,
            entry.name,
            {key: bounded(value) if isinstance(value, str) else value for key, value in entry.details.items()},
            actor and bounded(actor),
            origin and bounded(origin),
        )
        self._next += 1
        self._tail.append(row)
        for sink in self._sinks:
            sink.put(row)
        self._wake.set()
        for listener in self._listeners:
            self._loop.call_soon(listener, row)
        return row

    def tail(self) -> tuple[Row, ...]:
        """The newest 200 of this life, oldest first."""
        return tuple(self._tail)

    def subscribe(self, listener: Callable[[Row], None]) -> Callable[[], None]:
        """Call it with each row from now on, soon, on the loop. Returns what ends that."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    async def since(self, after: int, limit: int) -> list[Row]:
        """Rows with a greater id, oldest first, at most `limit`; from memory what the database does not have."""
        recent = self.tail()
        try:
            rows = await asyncio.to_thread(read_since, self._path, after, limit)
        except sqlite3.Error:
            rows = []
        last = rows[-1].id if rows else after
        return (rows + [row for row in recent if row.id > last])[:limit]

    async def close(self, within_s: float = 2.0) -> bool:
        """Write what waits and end the thread; False if the disk did not let it end in time."""
        self._ending = True
        self._wake.set()
        try:
            await asyncio.wait_for(self._ended.wait(), within_s)
        except TimeoutError:
            return False
        self._thread.join()
        return True

    def _number_from(self, number: int) -> None:
        self._next = max(self._next, number)
        self._numbered.set()

    def _note(self, what: Callable[[], None]) -> None:
        what()
        self._noted += 1
        self._wake.set()

    def _note_turned(self, turned: Turned) -> None:
        """A place that fails is an event in the others; that it works again is one there too."""
        if turned.why:
            self.event(Level.ALERT, "record-fails", 0, place=turned.place, why=turned.why)
        else:
            level = Level.WARNING if turned.lost else Level.NOTICE
            self.event(level, "record-works", 0, place=turned.place, lost=turned.lost)

    def _note_moved(self, moved: Moved) -> None:
        self.event(Level.ALERT, "database-damaged", 0, why=moved.why, moved_to=str(moved.to))

    # On the thread

    def _work(self) -> None:
        try:
            self._begin()
            while not self._round():
                pass
        finally:
            self._database.close()
            self._log.close()
            self._call(self._ended.set)

    def _round(self) -> bool:
        """Wait for rows, and write them; True if that was the last time."""
        failing = any(sink.failing for sink in self._sinks)
        self._wake.wait(self._retry_s if failing else None)
        self._wake.clear()
        # What the thread tells comes back as a row, which is to be written too.
        told = self._told
        ending = self._ending and self._noted == told
        for sink in self._sinks:
            sink.drain()
        return ending and self._told == told

    def _begin(self) -> None:
        """Find out where to go on numbering."""
        try:
            moved = self._open()
            first = self._database.newest + 1 if moved is None else _fresh_start()
        except (OSError, sqlite3.Error):
            # The first row that is to go there will say so.
            moved, first = None, _fresh_start()
        self._call(partial(self._number_from, first))
        if moved is not None:
            self._tell(partial(self._note_moved, moved))

    def _open(self) -> Moved | None:
        """A damaged database is replaced by a fresh one; where it went, then."""
        try:
            self._database.open()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            moved = Moved(self._database.move_aside(), str(error))
            self._database.open()
            return moved
        return None

    def _insert(self, rows: Sequence[Row]) -> None:
        moved = self._open()
        try:
            self._database.insert(rows)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            moved = Moved(self._database.move_aside(), str(error))
            self._database.insert(rows)
        finally:
            if moved is not None:
                self._tell(partial(self._note_moved, moved))
        if self._database.newest > rows[-1].id:
            self._call(partial(self._number_from, self._database.newest + 1))

    def _write_log(self, rows: Sequence[Row]) -> None:
        self._log.append([line(row) for row in rows])

    def _turned(self, turned: Turned) -> None:
        self._tell(partial(self._note_turned, turned))

    def _tell(self, what: Callable[[], None]) -> None:
        self._told += 1
        self._call(partial(self._note, what))

    def _call(self, what: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:
            # The loop was closed while the disk hung: nobody is left to be told.
            if not self._loop.is_closed():
                raise


def _fresh_start() -> int:
    """Where numbering begins when what was there is not known: above it, whatever it was."""
    return time.time_ns() // 1_000_000
