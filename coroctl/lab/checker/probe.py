"""Asks for addresses by broadcast ARP, from a port of a bridge or from the bridge itself, and takes the answers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from coroctl.lab.checker import arp
from coroctl.lab.checker.entry import hardware_address
from coroctl.lab.checker.records import Spoken

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.lab.checker.records import Record, View

_MOST_FRAMES = 64
"""In one turn, so that a flood cannot keep the recorder from asking."""


class Probe:
    """One interface, asking under one address."""

    def __init__(self, view: View, interface: str, own: str, cloud_ip: str, tell: Callable[[Record], None]) -> None:
        self._view = view
        self._interface = interface
        self._own = own
        self._cloud_ip = cloud_ip
        self._tell = tell
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(arp.ETHERTYPE))
        self._socket.bind((interface, arp.ETHERTYPE))
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def ask(self, address: str) -> None:
        """One frame; a bridge changes its own hardware address with its ports."""
        try:
            mac = hardware_address(self._socket, self._interface)
            self._socket.send(arp.request(mac, self._own, address))
        except BlockingIOError:
            return  # the queue is full of frames that ask the same

    def read(self, now_us: Callable[[], int]) -> None:
        """Whoever speaks for the cluster address, and every answer to the probe."""
        for _ in range(_MOST_FRAMES):
            try:
                frame = arp.parse(self._socket.recv(2048))
            except BlockingIOError:
                return
            if frame is None:
                continue
            asked = frame.operation == arp.REPLY and frame.target == self._own
            if asked or frame.sender == self._cloud_ip:
                self._tell(Spoken(now_us(), self._view.value, frame.sender, frame.sender_mac, asked))
