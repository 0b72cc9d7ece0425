"""Netlink messages of two kinds, addresses and nftables: bytes to values and requests to bytes. No sockets."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR = 2
DONE = 3
NEW_ADDRESS = 20
DELETE_ADDRESS = 21
GET_ADDRESS = 22

_NFTABLES = 10 << 8
NEW_TABLE = _NFTABLES | 0
GET_TABLE = _NFTABLES | 1
DELETE_TABLE = _NFTABLES | 2
NEW_RULE = _NFTABLES | 6
GET_RULE = _NFTABLES | 7
DELETE_RULE = _NFTABLES | 8
DELETE_SET = _NFTABLES | 11
NEW_ELEMENT = _NFTABLES | 12
GET_ELEMENT = _NFTABLES | 13
DELETE_ELEMENT = _NFTABLES | 14
NEW_GENERATION = _NFTABLES | 15
"""Ends what one transaction tells."""

INET = 1
ARP = 3
NETDEV = 5
"""Families of nftables."""

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_DUMP = 0x301
_INTERRUPTED = 0x10
_TYPE = 0x3FFF


class Message(NamedTuple):
    """One message, its payload unread."""

    kind: int
    interrupted: bool
    """It belongs to a dump that is not consistent and has to be asked for again."""
    payload: bytes


class Address(NamedTuple):
    """An IPv4 address of an interface."""

    interface: int
    prefix: int
    address: bytes


class Object(NamedTuple):
    """A table, a rule, a set, or elements of a set, as far as the gate shows in them."""

    family: int
    table: str
    set_name: str = ""
    handle: int = 0
    elements: tuple[Element, ...] = ()


class Element(NamedTuple):
    """An element of a set."""

    key: bytes
    remaining_ms: int | None
    """None: it does not time out."""


def messages(data: bytes) -> Iterator[Message]:
    """What one datagram of the kernel holds."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, _, _ = _HEADER.unpack_from(data, at)
        yield Message(kind, bool(flags & _INTERRUPTED), data[at + _HEADER.size : at + length])
        at += (max(length, _HEADER.size) + 3) & ~3


def dump_addresses() -> bytes:
    """Asks for every IPv4 address."""
    return _request(GET_ADDRESS, struct.pack("=BBBBI", 2, 0, 0, 0, 0))


def dump_nftables(kind: int, family: int = 0, table: str = "", set_name: str = "") -> bytes:
    """Asks for every object of a kind; of elements, those of one set."""
    attributes = b"".join(
        _attribute(number, value.encode() + b"\0") for number, value in ((1, table), (2, set_name)) if value
    )
    return _request(kind, struct.pack("=BBH", family, 0, 0) + attributes)


def _request(kind: int, payload: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(payload), kind, _DUMP, 1, 0) + payload


def _attribute(number: int, value: bytes) -> bytes:
    padding = b"\0" * (-len(value) % 4)
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), number) + value + padding


def read_address(message: Message) -> Address:
    """Of a message NEW_ADDRESS or DELETE_ADDRESS."""
    prefix, interface = message.payload[1], struct.unpack_from("=I", message.payload, 4)[0]
    attributes = dict(_attributes(message.payload[8:]))
    return Address(interface, prefix, attributes.get(2) or attributes.get(1, b""))


def read_object(message: Message) -> Object:
    """Of any message of nftables but NEW_GENERATION."""
    family = message.payload[0]
    attributes = dict(_attributes(message.payload[4:]))
    table = _text(attributes.get(1, b""))
    if message.kind in (NEW_RULE, DELETE_RULE):
        return Object(family, table, handle=int.from_bytes(attributes.get(3, b""), "big"))
    if message.kind in (NEW_ELEMENT, DELETE_ELEMENT):
        elements = tuple(_element(value) for _, value in _attributes(attributes.get(3, b"")))
        return Object(family, table, _text(attributes.get(2, b"")), elements=elements)
    if message.kind == DELETE_SET:
        return Object(family, table, _text(attributes.get(2, b"")))
    return Object(family, table)


def _element(data: bytes) -> Element:
    attributes = dict(_attributes(data))
    key = dict(_attributes(attributes.get(1, b""))).get(1, b"")
    timeout = attributes.get(5, attributes.get(4))
    return Element(key, None if timeout is None else int.from_bytes(timeout, "big"))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, number = _ATTRIBUTE.unpack_from(data, at)
        yield number & _TYPE, data[at + _ATTRIBUTE.size : at + length]
        at += (max(length, _ATTRIBUTE.size) + 3) & ~3


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "replace")
