"""Elements of nftables sets, added and deleted in one transaction by netlink (linux/netfilter/nf_tables.h).

The dead-man is renewed twice a second while a node is master, and libnftables, which reads all tables of the machine
before each of its transactions, cost a fifth of the daemon's CPU time. Rules and tables stay its matter (`net_nft`).
Knows neither leases nor addresses. Like all calls into nftables these may wait for the kernel's lock: `net_thread`.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.net_events import NETLINK_NETFILTER, messages

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUBSYSTEM = 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_NLMSG_ERROR = 2
_REQUEST, _ACK = 0x1, 0x4
_NESTED = 0x8000
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS = 1, 2, 3
_ELEMENT, _KEY, _TIMEOUT, _VALUE = 1, 1, 4, 1
_HEADER = struct.Struct("=IHHII")
_GENERIC = struct.Struct(">BBH")
_ATTRIBUTE = struct.Struct("=HH")
_ERRNO = struct.Struct("=i")
_DATAGRAM = 65536


class Family(IntEnum):
    """Of a table (NFPROTO_*)."""

    INET = 1
    ARP = 3
    NETDEV = 5


class Verb(IntEnum):
    """What is done to an element: the message's type and flags."""

    ADD = _SUBSYSTEM << 24 | 12 << 16 | 0x400
    """That it is there already is fine, and changes nothing."""
    CREATE = _SUBSYSTEM << 24 | 12 << 16 | 0x600
    """Refused if it is there."""
    DELETE = _SUBSYSTEM << 24 | 14 << 16
    """Refused if it is not there, or has expired."""


class Change(NamedTuple):
    """One element of one set."""

    verb: Verb
    family: Family
    table: str
    set: str
    key: bytes
    timeout_ms: int = 0
    """0: the set's own, if it has one."""


class Elements:
    """One netlink socket. It is kept: to close one costs 14 ms. OSError: no nftables."""

    def __init__(self) -> None:
        self._kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        self._kernel.bind((0, 0))
        self.port: int = self._kernel.getsockname()[0]
        """Its own number, by which the kernel says who has caused an event."""
        self._one_at_a_time = threading.Lock()

    def __del__(self) -> None:
        # Like the context of libnftables, which goes with its owner, too.
        with suppress(AttributeError):
            self._kernel.close()

    def change(self, *changes: Change) -> bool:
        """All of them at once. False: nothing was done, or the kernel did not say so."""
        batch = [_message(_BATCH_BEGIN, _REQUEST, socket.AF_UNSPEC, _SUBSYSTEM, b"")]
        for one in changes:
            kind, flags = one.verb >> 16, one.verb & 0xFFFF
            batch.append(_message(kind, _REQUEST | _ACK | flags, one.family, 0, _elements(one)))
        batch.append(_message(_BATCH_END, _REQUEST, socket.AF_UNSPEC, _SUBSYSTEM, b""))
        try:
            with self._one_at_a_time:
                self._kernel.send(b"".join(batch))
                verdicts = list(self._verdicts())
        except OSError:
            return False
        return len(verdicts) == len(changes) and not any(verdicts)

    def _verdicts(self) -> Iterator[int]:
        """What became of each message: the kernel has answered before `send` returns, so nothing is ever left over."""
        while True:
            try:
                datagram = self._kernel.recv(_DATAGRAM, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            yield from (_ERRNO.unpack_from(one.body)[0] for one in messages(datagram) if one.kind == _NLMSG_ERROR)


def _message(kind: int, flags: int, family: int, resource: int, body: bytes) -> bytes:
    length = _HEADER.size + _GENERIC.size + len(body)
    return _HEADER.pack(length, kind, flags, 0, 0) + _GENERIC.pack(family, 0, resource) + body


def _elements(change: Change) -> bytes:
    element = _nest(_KEY, _attribute(_VALUE, change.key))
    if change.timeout_ms:
        element += _attribute(_TIMEOUT, struct.pack(">Q", change.timeout_ms))
    return (
        _attribute(_LIST_TABLE, change.table.encode() + b"\0")
        + _attribute(_LIST_SET, change.set.encode() + b"\0")
        + _nest(_LIST_ELEMENTS, _nest(_ELEMENT, element))
    )


def _nest(kind: int, data: bytes) -> bytes:
    return _attribute(_NESTED | kind, data)


def _attribute(kind: int, data: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), kind) + data + bytes(-len(data) % 4)
