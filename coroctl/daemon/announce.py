"""Announcements: gratuitous ARP, so that everybody's next packet for the cluster address comes here.

Frames leave by AF_PACKET and pass the gate's chain at the device, which drops them unless the address may speak; so
nothing here knows of leases. Owns the frames' bytes and the schedule.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

ETH_P_ARP = 0x0806
BROADCAST = b"\xff" * 6
NOBODY = bytes(6)
NO_ADDRESS = bytes(4)

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_REQUEST = 1
_REPLY = 2
_AT_S = (0.0, 0.25, 1.0, 2.5, 5.0)
"""Five times over 5 s; close together at first, for a switch may lose the first one."""
_THEN_EVERY_S = 60.0


class Arp(NamedTuple):
    """What an ARP packet says: hardware addresses of 6 bytes, protocol addresses of 4."""

    operation: int
    sender_mac: bytes
    sender: bytes
    target_mac: bytes
    target: bytes

    def frame(self) -> bytes:
        """As a broadcast Ethernet frame."""
        head = _ETHERNET.pack(BROADCAST, self.sender_mac, ETH_P_ARP)
        return head + _ARP.pack(1, 0x0800, 6, 4, *self)


def announcements(mac: bytes, address: str) -> tuple[bytes, bytes]:
    """The gratuitous request and the gratuitous reply: some listeners heed only one of them."""
    ours = socket.inet_aton(address)
    return (
        Arp(_REQUEST, mac, ours, NOBODY, ours).frame(),
        Arp(_REPLY, mac, ours, mac, ours).frame(),
    )


def probe(mac: bytes, address: str) -> bytes:
    """A question for the address that leaves no trace in anybody's ARP table (RFC 5227)."""
    return Arp(_REQUEST, mac, NO_ADDRESS, NOBODY, socket.inet_aton(address)).frame()


def packet_socket(device: str, protocol: int = 0) -> socket.socket:
    """A raw socket on a device, which hears that protocol; OSError: no such device, or no right."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
    try:
        opened.bind((device, protocol))
    except OSError:
        opened.close()
        raise
    return opened


def mac_of(opened: socket.socket) -> bytes:
    """The hardware address of the device that a raw socket is bound to, as it is now."""
    return bytes(opened.getsockname()[4])[:6]


class Announcer:
    """Announces one address on one device from `start` to `stop`; a device that is missing gets the next one."""

    def __init__(self, address: str, device: str, told: Callable[[bool], None] | None = None) -> None:
        self._address = address
        self._device = device
        self._told = told
        """Called after each announcement: whether the kernel took the frames; False: no device, or a shut gate."""
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0
        self._round = 0

    def start(self) -> None:
        """Announce at once and from then on; begins anew if it is under way."""
        self.stop()
        self._began = asyncio.get_running_loop().time()
        self._round = 0
        self._announce()

    def stop(self) -> None:
        """Announce no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _announce(self) -> None:
        self._round += 1
        taken = self._send()
        loop = asyncio.get_running_loop()
        if self._round < len(_AT_S):
            self._timer = loop.call_at(self._began + _AT_S[self._round], self._announce)
        else:
            self._timer = loop.call_later(_THEN_EVERY_S, self._announce)
        if self._told is not None:
            self._told(taken)

    def _send(self) -> bool:
        try:
            with packet_socket(self._device) as opened:
                for frame in announcements(mac_of(opened), self._address):
                    opened.send(frame)
        except OSError:
            # The device is down or gone, the queue is full, or the gate dropped it: the next one may fare better.
            return False
        return True
