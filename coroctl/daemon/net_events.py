"""What the kernel tells by itself: a multicast netlink socket, read on the loop, message by message.

Knows the framing of netlink and nothing of what the messages mean. Whoever reads must be able to ask for the state
anew: the kernel drops messages when the reader is slow, and says so (`lost`).
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.daemon.socket_filter import Load, drop, keep

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterator

NETLINK_ROUTE = socket.NETLINK_ROUTE
NETLINK_NETFILTER = 12

_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_HEADER = struct.Struct("=IHHII")
_KIND_AT, _PORT_AT = 4, 12
_DATAGRAM = 65536
_BUFFER = 1 << 20
_AT_ONCE = 64
"""Datagrams read before the loop gets its turn again: a flood of foreign events must not hold up a lease."""


class Message(NamedTuple):
    """One netlink message: its type, and what follows its header."""

    kind: int
    body: bytes


def messages(datagram: bytes) -> Iterator[Message]:
    """The messages of a datagram; what is cut off at its end is left out."""
    at = 0
    while at + _HEADER.size <= len(datagram):
        length, kind, *_ = _HEADER.unpack_from(datagram, at)
        if length < _HEADER.size or at + length > len(datagram):
            return
        yield Message(kind, datagram[at + _HEADER.size : at + length])
        at += (length + 3) & ~3


class NetlinkEvents:
    """A subscription. `heard` gets what one wake-up brought, in order; `lost` is called when some were dropped."""

    def __init__(
        self,
        protocol: int,
        groups: tuple[int, ...],
        heard: Callable[[list[Message]], None],
        lost: Callable[[], object],
        *,
        kinds: Collection[int] = (),
        but: int = 0,
    ) -> None:
        """`kinds`: only messages of these; where the kernel puts several into a datagram, the first counts.

        `but`: not what the socket with that port has caused. What is left out does not even wake the loop.
        """
        self._protocol = protocol
        self._groups = groups
        self._heard = heard
        self._lost = lost
        self._kinds = [socket.htons(kind) for kind in kinds]
        self._but = socket.htonl(but)
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Subscribe. OSError: the kernel does not know the protocol, or forbids it."""
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, self._protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            if self._kinds:
                keep(opened, Load.HALF, _KIND_AT, self._kinds)
            elif self._but:
                drop(opened, Load.WORD, _PORT_AT, [self._but])
            opened.bind((0, 0))
            for group in self._groups:
                opened.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
            opened.setblocking(False)
            asyncio.get_running_loop().add_reader(opened, self._read)
        except OSError:
            opened.close()
            raise
        self._socket = opened

    def stop(self) -> None:
        """Unsubscribe."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        found: list[Message] = []
        dropped = False
        for _ in range(_AT_ONCE):
            if self._socket is None:
                return
            try:
                datagram, sender = self._socket.recvfrom(_DATAGRAM)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                dropped = True
                continue
            # Only the kernel has port 0; a process may send to a group, too.
            if sender[0] == 0:
                found.extend(messages(datagram))
        if found:
            self._heard(found)
        if dropped:
            self._lost()


class Look:
    """Events only say when to look. One look at a time, and another one after it if something was heard meanwhile."""

    def __init__(self, look: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._look = look
        self._looking: asyncio.Task[None] | None = None
        self._again = False

    def soon(self) -> asyncio.Task[None]:
        """Look; the task ends when nothing is left to look at."""
        self._again = True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._work())
        return self._looking

    def stop(self) -> None:
        """A look that is under way tells nobody."""
        if self._looking is not None:
            self._looking.cancel()

    async def _work(self) -> None:
        while self._again:
            self._again = False
            await self._look()
