"""This node's UDP sockets: opened as soon as a link's address is there, read a bounded batch at a time.

Each link has one for strangers, and one connected to each peer: the kernel gives every socket its own queue, so that a
flood from elsewhere pushes no peer's datagram out, and it looks the way up once. Does not know what a datagram holds.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

BATCH = 64
"""Datagrams that one link may hand over in one turn of the loop: then it is everybody else's turn."""
RETRY_S = 1.0
_SIZE_MAX = 65_536
_NOT_THERE = (ConnectionRefusedError, ConnectionResetError)
"""What a connected socket tells of a peer whose daemon does not run."""


class Target(NamedTuple):
    """A numeric address and a port, as sockets want them."""

    family: socket.AddressFamily
    name: Any
    """Its first item is the address in its one normal form."""

    @property
    def host(self) -> str:
        """The address in its one normal form."""
        return str(self.name[0])


def numeric(address: str, port: int) -> Target:
    """The target of a numeric address, IPv4 or IPv6 (with %device if link-local); OSError if it is none."""
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    try:
        [(family, _, _, _, name), *_] = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM, flags=flags)
    except ValueError as error:  # text that cannot even be a host's name
        raise OSError(errno.EINVAL, "this is no address") from error
    return Target(family, name)


def error_name(error: OSError) -> str:
    """``ENETUNREACH`` and the like."""
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


class _Link(NamedTuple):
    address: str
    port: int
    socket: socket.socket | None = None
    trouble: str = ""
    peers: Mapping[Target, socket.socket] = MappingProxyType({})


class Links:
    """The sockets by link number."""

    def __init__(
        self,
        arrived: Callable[[bytes, str, int], None],
        trouble: Callable[[int, str], None],
        failed: Callable[[str], None],
    ) -> None:
        """`arrived(datagram, source address, link)`; `trouble(link, text)`, empty once it is over; `failed(errno)`."""
        self._arrived = arrived
        self._trouble = trouble
        self._failed = failed
        self._links: dict[int, _Link] = {}
        self._peers: Mapping[int, frozenset[Target]] = {}
        self._retry: asyncio.TimerHandle | None = None

    def configure(self, own: Sequence[str], port: int, peers: Iterable[tuple[int, Target]] = ()) -> None:
        """Have sockets on each of these addresses (by link number, empty: none), and on no others.

        `peers`: who is to be heard over which link whatever others send.
        """
        wanted = {number: (address, port) for number, address in enumerate(own) if address}
        for number, link in list(self._links.items()):
            if wanted.get(number) == (link.address, link.port):
                del wanted[number]
            else:
                self._close(self._links.pop(number))
        for number, (address, _) in wanted.items():
            self._links[number] = _Link(address, port)
        told = tuple(peers)
        self._peers = {number: frozenset(peer for link, peer in told if link == number) for number in self._links}
        self._open_missing()

    def close(self) -> None:
        """Close all of them."""
        self.configure((), 0)

    def missing(self) -> Mapping[int, str]:
        """The links that cannot be used yet, and why."""
        return {number: link.trouble for number, link in self._links.items() if link.socket is None}

    def send(self, number: int, target: Target, datagram: bytes) -> str:
        """Send without waiting; empty, or why it could not be sent: an errno's name, or NO_LINK, OTHER_FAMILY."""
        link = self._links.get(number)
        if link is None or link.socket is None:
            return "NO_LINK"
        peer = link.peers.get(target)
        if peer is None and link.socket.family != target.family:
            return "OTHER_FAMILY"
        try:
            if peer is None:
                link.socket.sendto(datagram, target.name)
            else:
                _send(peer, datagram)
        except OSError as error:
            return error_name(error)
        return ""

    def _open_missing(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        for number, link in list(self._links.items()):
            opened = self._open(number, link) if link.socket is None else link
            self._links[number] = self._connect(number, opened)
        if self.missing():
            self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._open_missing)

    def _open(self, number: int, link: _Link) -> _Link:
        try:
            opened = _bound(numeric(link.address, link.port))
        except OSError as error:
            text = f"cannot use {link.address} port {link.port}: {error.strerror or error}"
            self._trouble(number, text)
            return link._replace(trouble=text)
        asyncio.get_running_loop().add_reader(opened, self._readable, opened, number)
        self._trouble(number, "")
        return link._replace(socket=opened, trouble="")

    def _connect(self, number: int, link: _Link) -> _Link:
        """The peers' sockets as they are to be; a peer without one is heard by the socket for strangers."""
        if link.socket is None:
            return link
        kept = {peer: one for peer, one in link.peers.items() if peer in self._peers[number]}
        for peer in link.peers.keys() - kept.keys():
            _end(link.peers[peer])
        for peer in self._peers[number] - kept.keys():
            if peer.family == link.socket.family:
                with suppress(OSError):
                    kept[peer] = opened = _connected(link.socket, peer)
                    asyncio.get_running_loop().add_reader(opened, self._peer_readable, opened, peer.host, number)
        return link._replace(peers=kept)

    def _close(self, link: _Link) -> None:
        for one in (*link.peers.values(), link.socket):
            if one is not None:
                _end(one)

    def _peer_readable(self, opened: socket.socket, host: str, number: int) -> None:
        """One datagram: mostly there is no second one, and to find that out costs as much as to be called again."""
        try:
            datagram = opened.recv(_SIZE_MAX)
        except (BlockingIOError, *_NOT_THERE):
            return
        except OSError as error:
            self._failed(error_name(error))
            return
        self._arrived(datagram, host, number)

    def _readable(self, opened: socket.socket, number: int) -> None:
        for _ in range(BATCH):
            if opened.fileno() < 0:  # whoever took the last one has closed us
                return
            try:
                datagram, source = opened.recvfrom(_SIZE_MAX)
            except (BlockingIOError, *_NOT_THERE):
                return
            except OSError as error:
                self._failed(error_name(error))
                return
            self._arrived(datagram, source[0], number)


def _send(peer: socket.socket, datagram: bytes) -> None:
    """A connected socket tells first what became of the one before, and sends nothing; that nobody is there is fine."""
    try:
        peer.send(datagram)
    except _NOT_THERE:
        with suppress(*_NOT_THERE):
            peer.send(datagram)


def _bound(target: Target) -> socket.socket:
    opened = _new(target.family)
    try:
        # No SO_REUSEADDR: a second daemon on this address must fail, not share.
        opened.bind(target.name)
    except OSError:
        opened.close()
        raise
    return opened


def _connected(beside: socket.socket, peer: Target) -> socket.socket:
    """On the same address and port as the other one, for what this peer sends."""
    opened = _new(beside.family)
    try:
        # Both need it, and only while this one is bound: nobody else is let in.
        for one in (beside, opened):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.bind(beside.getsockname())
        opened.connect(peer.name)
    except OSError:
        opened.close()
        raise
    finally:
        beside.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
    return opened


def _new(family: socket.AddressFamily) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return opened


def _end(opened: socket.socket) -> None:
    asyncio.get_running_loop().remove_reader(opened)
    opened.close()
