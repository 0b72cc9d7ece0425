"""What a node tells of itself beside the cluster: logs, machine, load, loaded file; this one's, and any other's.

Another node's daemon is asked over the sealed pull. Here nothing is read: processes do (`readers`), and what goes
through the loop that renews the lease goes in small pieces, as fast as whoever asked takes them.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

from coroctl.conf.document import Document
from coroctl.daemon.identities import identity_of
from coroctl.daemon.loads import Loads, Looks, own_load
from coroctl.daemon.logs import LogName, as_row
from coroctl.daemon.machine import Machine, Subject
from coroctl.daemon.pull import About, Looked, PullError
from coroctl.daemon.readers import SILENCE_S, Places, ReaderError, read_by
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
    from pathlib import Path

    from coroctl.daemon.configuration import Loaded
    from coroctl.daemon.logs import LogWanted
    from coroctl.daemon.pull import Pulled, Question, Reply, Told
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

MODULE = "coroctl.reading.log"
COROSYNC_LOG = "/var/log/corosync/corosync.log"
"""Where corosync.conf names none."""
OWN_READERS = 8
"""Processes that read logs for clients of this node's sockets at a time; as many more for other nodes."""
ROUTED = 64
"""Logs of other nodes that are passed on at a time."""
NEIGHBOUR_S = 4.0
"""A neighbour may have to start a process."""


class Asks(Looks, Protocol):
    """The pull's client."""

    async def loaded(self, source: NodeId, own: Identity, within_s: float) -> Told:
        """Which file a node has loaded."""

    async def pull(self, source: NodeId, wanted: Identity, own: Identity, within_s: float | None = None) -> Pulled:
        """That file."""

    def log(self, source: NodeId, wanted: LogWanted, own: Identity, within_s: float) -> AsyncGenerator[bytes, None]:
        """LOG."""


class Others(Protocol):
    """The other nodes' daemons."""

    @property
    def pull(self) -> Asks:
        """To ask them."""

    def heard(self) -> Collection[NodeId]:
        """Those that are there."""


class Telling:
    """Of one node; asked on the loop."""

    def __init__(
        self,
        node: NodeId,
        log: Path,
        loaded: Callable[[], Loaded],
        others: Others,
        serve: Callable[[Question], Awaitable[Reply]],
        watched: Callable[[], bool],
    ) -> None:
        """`log`: corolistener's. `serve` answers questions that are not for here. `watched`: somebody sees loads."""
        self._node = node
        self._log = log
        self._loaded = loaded
        self._pull = others.pull
        self._serve = serve
        self._machine = Machine(self._subject)
        self.loads = Loads(others.pull, self._identity, lambda: others.heard() if watched() else ())
        self._own, self._others, self._routed = Places(OWN_READERS), Places(OWN_READERS), Places(ROUTED)

    async def close(self) -> None:
        """End what goes on by itself."""
        await self._machine.close()

    async def log(self, node: NodeId | None, wanted: LogWanted) -> AsyncGenerator[bytes, None]:
        """JSON objects (docs/control-sockets.md), the last one with "last". CoroctlError if it breaks off."""
        node = node or self._node
        here = node == self._node
        source = self._read(wanted) if here else self._pull.log(node, wanted, self._identity(), NEIGHBOUR_S)
        try:
            with self._own if here else self._routed:
                async with aclosing(source):
                    async for piece in source:
                        last = _checked(piece)
                        yield piece
                        if last:
                            return
        except PullError as error:
            raise PullError(f"node {node}: {error}") from error
        raise ReaderError(f"node {node}: the log broke off")

    async def hosts(self, nodes: Collection[NodeId]) -> list[dict[str, Any]]:
        """Of each node its machine, or why it is not known; in bounded time."""
        return list(await asyncio.gather(*(self._host(node) for node in nodes or (self._node,))))

    async def conf(self, node: NodeId | None) -> dict[str, Any]:
        """The file that the node has loaded. CoroctlError says why it cannot be had; in bounded time."""
        own = self._loaded()
        if node in (None, self._node):
            return _as_conf(self._node, own.identity, own.data)
        assert node is not None
        told = await self._pull.loaded(node, own.identity, NEIGHBOUR_S)
        pulled = await self._pull.pull(node, told.loaded, own.identity, NEIGHBOUR_S)
        if identity_of(pulled.data) != told.loaded:
            raise PullError(f"node {node} has handed out another file than the one that it has loaded")
        return _as_conf(node, told.loaded, pulled.data)

    async def answer(self, question: Question) -> Reply:
        """For PullServer."""
        match question.about:
            case About.LOG if question.log is not None:
                return self._read_for_another(question.log)
            case About.HOST:
                return Looked(await self._own_host())
            case About.LOAD:
                return Looked(own_load()._asdict())
            case _:
                return await self._serve(question)

    async def _host(self, node: NodeId) -> dict[str, Any]:
        try:
            if node == self._node:
                return {"node": node, "host": await self._machine.now()}
            return {"node": node, "host": (await self._pull.look(node, About.HOST, self._identity(), NEIGHBOUR_S)).row}
        except CoroctlError as error:
            return {"node": node, "why": str(error)}

    async def _own_host(self) -> dict[str, Any]:
        try:
            return await self._machine.now()
        except ReaderError as error:
            return {"error": str(error)}

    async def _read_for_another(self, wanted: LogWanted) -> AsyncGenerator[bytes, None]:
        try:
            with self._others:
                async with aclosing(self._read(wanted)) as pieces:
                    async for piece in pieces:
                        yield piece
        except ReaderError as error:
            yield json.dumps({"error": str(error)}).encode()

    def _read(self, wanted: LogWanted) -> AsyncGenerator[bytes, None]:
        asked = {**as_row(wanted), "path": self._path(wanted.name)}
        return read_by(MODULE, json.dumps(asked), SILENCE_S)

    def _path(self, name: LogName) -> str:
        """The file is root's own, so what it names is what root wants to be read."""
        match name:
            case LogName.COROLISTENER:
                return str(self._log)
            case LogName.COROSYNC:
                return Document.parse(self._loaded().data).get("logging.logfile") or COROSYNC_LOG

    def _identity(self) -> Identity:
        return self._loaded().identity

    def _subject(self) -> Subject:
        cluster = self._loaded().cluster
        own = next((one for one in cluster.nodes if one.nodeid == self._node), None)
        return Subject(own.addresses if own else (), cluster.listener.service or "")


def _as_conf(node: NodeId, identity: Identity, data: bytes) -> dict[str, Any]:
    return {"node": node, **identity._asdict(), "text": data.decode("utf-8", "surrogateescape")}


def _checked(piece: bytes) -> bool:
    """Whether it is the last. What another node says is passed on only if it is what a log's piece must be."""
    try:
        said = json.loads(piece)
        if "error" in said:
            raise ReaderError(str(said["error"])[:1000])
        good = isinstance(said["lines"], list) and b"\n" not in piece
    except (ValueError, KeyError, TypeError, RecursionError):
        good = False
    if not good:
        raise ReaderError("what came is no part of a log")
    return said.get("last") is True
