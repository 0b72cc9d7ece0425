"""The ARP frames of the probe: bytes from and to values, nothing else."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

REQUEST = 1
REPLY = 2
ETHERTYPE = 0x0806

_EVERYBODY = b"\xff" * 6
_HEADER = struct.Struct("!6s6sH")
_BODY = struct.Struct("!HHBBH6s4s6s4s")


class Arp(NamedTuple):
    """One ARP frame, as far as the probe looks."""

    operation: int
    sender_mac: str
    sender: str
    target: str


def request(mac: bytes, sender: str, target: str) -> bytes:
    """A broadcast frame from ``mac`` that asks who has ``target``."""
    body = _BODY.pack(1, 0x0800, 6, 4, REQUEST, mac, socket.inet_aton(sender), b"\x00" * 6, socket.inet_aton(target))
    return _HEADER.pack(_EVERYBODY, mac, ETHERTYPE) + body


def parse(frame: bytes) -> Arp | None:
    """The frame's content; None if it is not ARP for IPv4 over Ethernet."""
    if len(frame) < _HEADER.size + _BODY.size or _HEADER.unpack_from(frame)[2] != ETHERTYPE:
        return None
    hardware, protocol, hardware_len, protocol_len, operation, mac, sender, _, target = _BODY.unpack_from(
        frame, _HEADER.size
    )
    if (hardware, protocol, hardware_len, protocol_len) != (1, 0x0800, 6, 4):
        return None
    return Arp(operation, mac.hex(":"), socket.inet_ntoa(sender), socket.inet_ntoa(target))
