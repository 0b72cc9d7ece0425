"""Logs of several nodes at once, by way of this node's corolistener. For one thread, which waits here.

A node that does not tell its log holds nobody up; whoever follows asks it again, and is told where it left off.
"""

from __future__ import annotations

import select
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from coroctl.client import NoDaemon, Silent
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Self

    from coroctl.client import Client, Json, Stream
    from coroctl.model import NodeId

AT_ONCE = 24
"""Connections: corolistener grants one user 32."""
SILENT_S = 25.0
"""A log that says nothing for so long is that of a frozen corolistener: it speaks every 5 s, and gives up after 15."""
AGAIN_S = 5.0
TAIL = 1000
"""Lines of the same time that are told apart from new ones."""


class Piece(NamedTuple):
    """What a node has told."""

    node: NodeId
    lines: tuple[tuple[float | None, str | None], ...] = ()
    """Each with its time, if it begins with one; None, None where lines are left out."""
    whole: bool = False
    """What was wanted of what is there has come; with `cut` only the newest of it."""
    cut: bool = False
    why: str = ""
    """It does not tell its log (any more)."""


Line = tuple[float | None, str | None]


class _Source:
    """One node's."""

    def __init__(self, node: NodeId) -> None:
        self.node = node
        self.stream: Stream | None = None
        self.heard = 0.0
        self.begun = False
        self._newest: float | None = None
        """The time of the last line that began with one."""
        self._tail: list[Line] = []
        """The lines that have come since the first one of that time."""
        self._known: deque[Line] = deque()
        """Those that will come again, since the log is asked for again from that time on."""

    def asked(self, wanted: Json) -> Json:
        """What to ask for: at first what is wanted, then from where it broke off."""
        self._known = deque(self._tail)
        return wanted if self._newest is None else {**wanted, "since": self._newest}

    def new(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Those of the lines that have not come yet."""
        for line in lines:
            if self._known and line == self._known[0]:
                self._known.popleft()
                continue
            self._known.clear()
            if line[0] is not None and line[0] != self._newest:
                self._newest, self._tail = line[0], []
            if len(self._tail) < TAIL:
                self._tail.append(line)
            yield line

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()
            self.stream = None


class Gathering:
    """`wanted` is the request's (docs/control-sockets.md), without a node."""

    def __init__(self, client: Client, nodes: Sequence[NodeId], wanted: Json) -> None:
        self._client = client
        self._wanted = wanted
        self._open: dict[int, _Source] = {}
        """By file descriptor."""
        self._waiting: deque[tuple[float, _Source]] = deque((0.0, _Source(node)) for node in nodes)
        """With the moment from which each may be asked."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        for source in self._open.values():
            source.close()
        self._open.clear()
        self._waiting.clear()

    @property
    def over(self) -> bool:
        """Nothing more will come."""
        return not self._open and not self._waiting

    def wait(self, timeout_s: float) -> list[Piece]:
        """What has come, at the latest after that time; nothing, maybe. NoDaemon: none runs here."""
        found = self._connect()
        ready, _, _ = select.select(list(self._open), [], [], 0 if found else timeout_s)
        for fd in ready:
            found += self._take(self._open[fd])
        now = time.monotonic()
        for source in [one for one in self._open.values() if now - one.heard > SILENT_S]:
            found.append(self._failed(source, Silent("corolistener does not answer: frozen or starved")))
        return found

    def _connect(self) -> list[Piece]:
        found = []
        now = time.monotonic()
        for _ in range(len(self._waiting)):
            when, source = self._waiting.popleft()
            if when > now or len(self._open) >= AT_ONCE:
                self._waiting.append((when, source))
                continue
            try:
                source.stream = self._client.log(source.node, source.asked(self._wanted))
            except NoDaemon as error:
                if not source.begun:
                    raise
                found.append(self._failed(source, error))
            except CoroctlError as error:
                found.append(self._failed(source, error))
            else:
                source.heard = now
                self._open[source.stream.fileno()] = source
        return found

    def _take(self, source: _Source) -> list[Piece]:
        found: list[Piece] = []
        while source.stream is not None:
            try:
                news = source.stream.take()
            except CoroctlError as error:
                return [*found, self._failed(source, error)]
            if not news:
                break
            source.heard = time.monotonic()
            for said in news:
                found.append(self._piece(source, said))
                if said.get("last"):
                    self._forget(source)
                    break
        return found

    def _piece(self, source: _Source, said: Json) -> Piece:
        lines = tuple(source.new((at, text) for at, text in said["lines"]))
        source.begun = source.begun or "cut" in said
        return Piece(source.node, lines, "cut" in said, said.get("cut", False))

    def _failed(self, source: _Source, error: CoroctlError) -> Piece:
        self._forget(source)
        if self._wanted.get("follow"):
            self._waiting.append((time.monotonic() + AGAIN_S, source))
        return Piece(source.node, whole=True, why=str(error))

    def _forget(self, source: _Source) -> None:
        if source.stream is not None:
            self._open.pop(source.stream.fileno(), None)
        source.close()
