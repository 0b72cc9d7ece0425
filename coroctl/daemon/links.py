"""This node's UDP sockets, one a link address: opened as soon as the address is there, read a bounded batch at a time.

Knows neither peers nor what a datagram holds.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BATCH = 64
"""Datagrams that one link may hand over in one turn of the loop: then it is everybody else's turn."""
RETRY_S = 1.0
_SIZE_MAX = 65_536


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
    socket: socket.socket | None
    trouble: str


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
        self._retry: asyncio.TimerHandle | None = None

    def configure(self, own: Sequence[str], port: int) -> None:
        """Have a socket on each of these addresses (by link number, empty: none), and on no others."""
        wanted = {number: (address, port) for number, address in enumerate(own) if address}
        for number, link in list(self._links.items()):
            if wanted.get(number) == (link.address, link.port):
                del wanted[number]
            else:
                self._close(self._links.pop(number))
        for number, (address, _) in wanted.items():
            self._links[number] = _Link(address, port, None, "")
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
        if link.socket.family != target.family:
            return "OTHER_FAMILY"
        try:
            link.socket.sendto(datagram, target.name)
        except OSError as error:
            return error_name(error)
        return ""

    def _open_missing(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        for number, link in list(self._links.items()):
            if link.socket is None:
                self._links[number] = self._open(number, link)
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

    def _close(self, link: _Link) -> None:
        if link.socket is not None:
            asyncio.get_running_loop().remove_reader(link.socket)
            link.socket.close()

    def _readable(self, opened: socket.socket, number: int) -> None:
        for _ in range(BATCH):
            if opened.fileno() < 0:  # whoever took the last one has closed us
                return
            try:
                datagram, source = opened.recvfrom(_SIZE_MAX)
            except BlockingIOError:
                return
            except OSError as error:
                self._failed(error_name(error))
                return
            self._arrived(datagram, source[0], number)


def _bound(target: Target) -> socket.socket:
    opened = socket.socket(target.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if target.family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # No SO_REUSEADDR: a second daemon on this address must fail, not share.
        opened.bind(target.name)
    except OSError:
        opened.close()
        raise
    return opened
