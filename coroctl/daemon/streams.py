"""What goes on at a control socket after the first answer: snapshots for watchers, events for followers, and logs.

Snapshots and events are sent at most four times a second, and a client that does not read is sent nothing new
meanwhile. Knows how a connection takes lines, and where snapshots and events come from; not what is in them.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

from coroctl.daemon import protocol
from coroctl.daemon.rendering import line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from coroctl.daemon.connection import Connection
    from coroctl.daemon.limits import Limits
    from coroctl.daemon.rendering import Row

FRESH_S = 0.02
"""A snapshot that is younger serves whoever asks."""
READS = 2
"""Pages of events that are read at the same time: a disk that hangs must not take every thread."""


class Journal(Protocol):
    """The events of this node."""

    async def since(self, after: int, limit: int) -> Sequence[Row]:
        """At most so many events with larger ids, the oldest first."""

    def tail(self) -> Sequence[Row]:
        """The newest ones, from memory."""

    def subscribe(self, listener: Callable[[Row], None]) -> Callable[[], None]:
        """Call it for each new event, on the loop. Returns what ends that."""


class Pictures:
    """The snapshot as JSON, made once for all who ask at the same time, and sent to watchers."""

    def __init__(self, snapshot: Callable[[], dict[str, Any]], limits: Limits) -> None:
        self.watchers: dict[Connection, str] = {}
        """And the id of each one's request."""
        self._snapshot = snapshot
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._picture: dict[str, Any] | None = None
        self._rendered = b""
        self._made_at = 0.0
        self._sent_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def latest(self) -> bytes:
        """One that is fresh enough."""
        picture = self._fresh()
        if not self._rendered:
            self._rendered = protocol.rendered(picture)
        return self._rendered

    def roles(self) -> str:
        """What it says of roles, in one line."""
        return " ".join(f"{node['nodeid']}:{node['role'] or '-'}" for node in self._fresh()["nodes"])

    def _fresh(self) -> dict[str, Any]:
        now = self._loop.time()
        if self._picture is None or now - self._made_at > FRESH_S:
            self._picture, self._rendered, self._made_at = self._snapshot(), b"", now
        return self._picture

    def watch(self, connection: Connection, request: str) -> None:
        """From now on, until `forget`."""
        self.watchers[connection] = request
        connection.send(protocol.answer_with(request, self.latest()))
        self._send_by(self._loop.time() + self._limits.pulse_s)

    def forget(self, connection: Connection) -> None:
        """It has gone."""
        self.watchers.pop(connection, None)

    def changed(self) -> None:
        """There is something new to show."""
        self._picture = None
        self._send_by(self._sent_at + self._limits.watch_s)

    def close(self) -> None:
        """Send nothing any more."""
        self.watchers.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _send_by(self, moment: float) -> None:
        """At that moment, or before if that was settled already."""
        if not self.watchers:
            return
        if self._timer is not None:
            if self._timer.when() <= moment:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(moment, self._send)

    def _send(self) -> None:
        self._timer, self._sent_at = None, self._loop.time()
        for connection, request in list(self.watchers.items()):
            if not connection.full:
                connection.send(protocol.answer_with(request, self.latest()))
        self._send_by(self._sent_at + self._limits.pulse_s)


class Events:
    """Pages of events, and those who follow them."""

    def __init__(self, journal: Journal, limits: Limits) -> None:
        self._journal = journal
        self._limits = limits
        self._reads = asyncio.Semaphore(READS)

    async def tell(self, connection: Connection, request: str, wanted: protocol.Events) -> None:
        """One page, or page after page for as long as the connection lasts."""
        news = asyncio.Event()
        unsubscribe = self._journal.subscribe(lambda _row: news.set())
        try:
            rows = await self._page(wanted.since, wanted.limit)
            connection.send(protocol.answer(request, _as_json(rows, last=not wanted.follow)))
            last = rows[-1].id if rows else wanted.since or 0
            while wanted.follow:
                last = await self._follow(connection, request, last, news)
        finally:
            unsubscribe()

    async def _follow(self, connection: Connection, request: str, last: int, news: asyncio.Event) -> int:
        """The next page, when there is one and the one before has been read; the id to go on from."""
        news.clear()
        rows = await self._page(last, protocol.EVENTS_A_PAGE)
        if rows:
            await connection.readable.wait()
            connection.send(protocol.answer(request, _as_json(rows, last=False)))
        if len(rows) < protocol.EVENTS_A_PAGE:
            await news.wait()
            # What comes in a flood is read in pages.
            await asyncio.sleep(self._limits.watch_s)
        return rows[-1].id if rows else last

    async def _page(self, since: int | None, limit: int) -> Sequence[Row]:
        """After that id; without one the newest, whose ids are taken to have no gaps."""
        if since is None:
            newest = self._journal.tail()[-1:]
            since = max(newest[0].id - limit, 0) if newest else 0
        async with self._reads:
            return await self._journal.since(since, limit)


async def tell_log(connection: Connection, request: str, pieces: AsyncGenerator[bytes, None]) -> None:
    """A log's pieces, one whenever those before have been read."""
    async with aclosing(pieces):
        async for piece in pieces:
            await connection.readable.wait()
            connection.send(protocol.answer_with(request, piece))


def _as_json(rows: Sequence[Row], *, last: bool) -> dict[str, Any]:
    events = [{**row._asdict(), "level": row.level.name.lower(), "line": line(row)} for row in rows]
    return {"events": events, "last": last}
