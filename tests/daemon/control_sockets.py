"""Real control sockets on the test's loop, and clients that say whatever a test wants them to say."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coroctl.daemon.journal import Journal
from coroctl.daemon.limits import Limits
from coroctl.daemon.protocol import Refused
from coroctl.daemon.sockets import Sockets
from coroctl.decision.messages import Answer, Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection

    from coroctl.daemon.callers import Actor
    from coroctl.daemon.logs import LogWanted
    from coroctl.daemon.outlook_subject import Seen
    from coroctl.decision.messages import Edit, Request
    from coroctl.model import NodeId

DEADLINE_S = 10.0
NO_NODE = 99


class Teller:
    """A log of pieces that a test decides on, and machines without anything in them."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = [b'{"lines": [[1.5, "a line"]]}', b'{"lines": [], "cut": false, "last": true}']
        self.wanted: list[tuple[NodeId | None, LogWanted]] = []
        self.under_way = 0
        self.goes_on = asyncio.Event()
        """Set: the log's last piece may come."""
        self.goes_on.set()

    async def log(self, node: NodeId | None, wanted: LogWanted) -> AsyncGenerator[bytes, None]:
        self.wanted.append((node, wanted))
        self.under_way += 1
        try:
            for piece in self.pieces[:-1]:
                yield piece
            await self.goes_on.wait()
            yield self.pieces[-1]
        finally:
            self.under_way -= 1

    async def conf(self, node: NodeId | None) -> dict[str, Any]:
        return {"node": node or 1, "version": 7, "digest": "d", "text": "totem {\n}\n"}

    async def hosts(self, nodes: Collection[NodeId]) -> list[dict[str, Any]]:
        return [{"node": node, "why": "a test"} for node in nodes]


class Daemon:
    """What stands behind the sockets in these tests: a counter as the snapshot, and a queue of changes."""

    def __init__(self, folder: Path, journal: Journal, limits: Limits) -> None:
        self.folder = folder
        self.journal = journal
        self.shown: dict[str, Any] = {"count": 0}
        self.asked: asyncio.Queue[tuple[Request, Actor]] = asyncio.Queue()
        self.refused: list[tuple[str, Actor]] = []
        self.turned: list[tuple[str, Actor, str, str]] = []
        self.more: list[tuple[int | None, int]] = []
        self.forced: frozenset[str] = frozenset()
        self.teller = Teller()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.sockets = Sockets(folder, lambda: self.shown, self, self.teller, journal, limits=limits)

    async def preflight(self, edit: Edit, seen: Seen | None) -> dict[str, Any]:
        if edit.node == NO_NODE:
            raise Refused("argument", f"there is no node {NO_NODE}")
        return {
            "edit": [edit.verb.value, edit.node, edit.value],
            "seen": [seen.term, *seen.identity] if seen is not None else None,
        }

    def denied(self, verb: str, actor: Actor) -> None:
        self.refused.append((verb, actor))

    def turned_away(self, verb: str, actor: Actor, user: str, why: str) -> None:
        self.turned.append((verb, actor, user, why))

    def turned_away_more(self, uid: int | None, count: int) -> None:
        self.more.append((uid, count))

    async def ask(self, request: Request, actor: Actor, forced: Collection[str]) -> Answer:
        self.asked.put_nowait((request, actor))
        self.forced = frozenset(forced)
        await self.may_answer.wait()
        return Answer(request.id, Verdict.OK, "done")

    def change(self) -> None:
        """Something visible."""
        self.shown = {"count": self.shown["count"] + 1}
        self.sockets.changed()


@asynccontextmanager
async def serving(folder: Path, limits: Limits = Limits()) -> AsyncIterator[Daemon]:  # noqa: B008
    """Sockets in `folder`/run."""
    journal = await Journal.opened(folder / "events.db", folder / "log", "node1")
    daemon = Daemon(folder / "run", journal, limits)
    await daemon.sockets.start()
    try:
        yield daemon
    finally:
        await daemon.sockets.close()
        assert await journal.close()


class Peer:
    """A client without manners."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, **request: Any) -> None:
        """One line, the envelope filled in."""
        self.writer.write(json.dumps({"v": 1, "id": "r", **request}).encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        """The next line."""
        line = await asyncio.wait_for(self.reader.readline(), DEADLINE_S)
        assert line.endswith(b"\n"), "the connection has ended"
        heard: dict[str, Any] = json.loads(line)
        return heard

    async def ask(self, **request: Any) -> dict[str, Any]:
        """Say and hear."""
        self.say(**request)
        return await self.hear()

    async def ends(self) -> bytes:
        """What still comes until the daemon ends the connection."""
        left = b""
        try:
            while data := await asyncio.wait_for(self.reader.read(1 << 16), DEADLINE_S):
                left += data
        except ConnectionError:
            pass
        return left


@asynccontextmanager
async def connected(daemon: Daemon, name: str = "status.sock") -> AsyncIterator[Peer]:
    """A connection to one of the sockets."""
    reader, writer = await asyncio.wait_for(asyncio.open_unix_connection(daemon.folder / name), DEADLINE_S)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def open_files() -> int:
    """Of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
