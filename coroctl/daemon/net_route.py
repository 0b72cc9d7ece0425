"""Requests to the kernel's routing netlink: IPv4 addresses of a device, and how a device is.

Plain calls with plain answers; the kernel's refusal is an OSError. They wait for the kernel's one lock over all
devices, so they are made on a thread (`net_thread.ROUTES`).
pyroute2 does the same and much more, but costs 0.4 s at start, 14 MiB, and six times the time of a call.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.net_events import NETLINK_ROUTE, Message, messages

if TYPE_CHECKING:
    from collections.abc import Iterator

RTM_NEWLINK = 16
RTM_DELLINK = 17
RTM_NEWADDR = 20
RTM_DELADDR = 21
RTNLGRP_LINK = 1
RTNLGRP_IPV4_IFADDR = 5

_RTM_GETLINK = 18
_RTM_GETADDR = 22
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_REQUEST = 0x1
_ACK = 0x4
_REPLACE = 0x100
_CREATE = 0x400
_DUMP = 0x300
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_CACHEINFO = 6
_IFA_FLAGS = 8
_IFA_F_NOPREFIXROUTE = 0x200
_UP_RUNNING_LOWER_UP = 0x1 | 0x40 | 0x10000
_HEADER = struct.Struct("=IHHII")
_IFADDR = struct.Struct("=BBBBI")
_IFINFO = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_DATAGRAM = 65536
_PATIENCE_S = 5.0


class Held(NamedTuple):
    """An IPv4 address of this node: on which device (by number), with which mask."""

    device: int
    address: str
    prefix: int


class Link(NamedTuple):
    """A device: its number, and whether it is up and has carrier. Number 0: there is none."""

    device: int
    up: bool


NO_LINK = Link(0, up=False)


def addresses(device: int = 0) -> list[Held]:
    """All IPv4 addresses of this node, or of one device."""
    found = (_held(one.body) for one in _exchange(_RTM_GETADDR, _DUMP, _IFADDR.pack(socket.AF_INET, 0, 0, 0, 0)))
    return [one for one in found if one is not None and device in {0, one.device}]


def set_address(held: Held, seconds: int) -> None:
    """Add an address or give it another lifetime; deprecated, so that the node never chooses it to speak from."""
    flags = _attribute(_IFA_FLAGS, struct.pack("=I", _IFA_F_NOPREFIXROUTE))
    lifetime = _attribute(_IFA_CACHEINFO, struct.pack("=IIII", 0, seconds, 0, 0))
    for _ in _exchange(RTM_NEWADDR, _ACK | _CREATE | _REPLACE, _address(held) + flags + lifetime):
        pass


def delete_address(held: Held) -> None:
    """Remove an address; OSError EADDRNOTAVAIL or ENODEV: it was not there."""
    for _ in _exchange(RTM_DELADDR, _ACK, _address(held)):
        pass


def link(name: str) -> Link:
    """How a device is now."""
    try:
        device = socket.if_nametoindex(name)
        for one in _exchange(_RTM_GETLINK, 0, _IFINFO.pack(socket.AF_UNSPEC, 0, device, 0, 0)):
            return link_of(one.body)
    except OSError:
        # It may go between the two calls.
        return NO_LINK
    return NO_LINK


def link_of(body: bytes) -> Link:
    """The device that a message about a link speaks of."""
    if len(body) < _IFINFO.size:
        return NO_LINK
    _, _, device, flags, _ = _IFINFO.unpack_from(body)
    return Link(device, flags & _UP_RUNNING_LOWER_UP == _UP_RUNNING_LOWER_UP)


def _address(held: Held) -> bytes:
    packed = socket.inet_aton(held.address)
    return (
        _IFADDR.pack(socket.AF_INET, held.prefix, 0, 0, held.device)
        + _attribute(_IFA_LOCAL, packed)
        + _attribute(_IFA_ADDRESS, packed)
    )


def _attribute(kind: int, data: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), kind) + data + bytes(-len(data) % 4)


def _held(body: bytes) -> Held | None:
    _, prefix, _, _, device = _IFADDR.unpack_from(body)
    at = _IFADDR.size
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if kind == _IFA_LOCAL:
            return Held(device, socket.inet_ntoa(body[at + _ATTRIBUTE.size : at + length]), prefix)
        at += max(length + 3 & ~3, _ATTRIBUTE.size)
    return None


def _exchange(kind: int, flags: int, body: bytes) -> Iterator[Message]:
    """Ask, and yield what comes back until the kernel says that this was all."""
    request = _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | flags, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE) as route:
        route.settimeout(_PATIENCE_S)
        route.send(request)
        while True:
            for one in messages(route.recv(_DATAGRAM)):
                if one.kind == _NLMSG_DONE:
                    return
                if one.kind == _NLMSG_ERROR:
                    code = -struct.unpack_from("=i", one.body)[0]
                    if code:
                        raise OSError(code, os.strerror(code))
                    return
                yield one
