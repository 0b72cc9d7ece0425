"""Somebody else who answers for the cluster address: heard, and asked for.

One raw socket that the kernel lets see only ARP whose sender claims the address, so it costs nothing until there is
a conflict. Knows ARP frames; does not know what a conflict means for the cluster.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from coroctl.daemon.announce import ETH_P_ARP, mac_of, packet_socket, probe
from coroctl.daemon.socket_filter import Load, keep

if TYPE_CHECKING:
    from collections.abc import Callable

_SENDER_MAC = slice(22, 28)
_SENDER_AT = 28
_FRAME = 64
_AT_ONCE = 32
_AT_S = (0.0, 1.0, 5.0)
_THEN_EVERY_S = 60.0
_MOST = 16
"""So many strangers are told apart; whoever comes with more addresses than that has made himself known."""


class ConflictWatch:
    """From `start` to `stop`, calls `conflict` once for each hardware address that claims ours ("02:00:00:00:00:01").

    Listens all the time, and asks at 0, 1 and 5 s, then every 60 s: a stranger who has the address and says nothing
    has to answer.
    """

    def __init__(self, address: str, device: str, conflict: Callable[[str], None]) -> None:
        self._address = address
        self._device = device
        self._conflict = conflict
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._round = 0
        self._known: set[bytes] = set()

    def start(self) -> None:
        """Begin (anew). Never fails: without its device it tries again at the next question."""
        self.stop()
        self._known.clear()
        self._round = 0
        self._ask()

    def stop(self) -> None:
        """No more calls."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._close()

    def _ask(self) -> None:
        self._round += 1
        loop = asyncio.get_running_loop()
        wait = _AT_S[self._round] - _AT_S[self._round - 1] if self._round < len(_AT_S) else _THEN_EVERY_S
        self._timer = loop.call_later(wait, self._ask)
        try:
            opened = self._open()
            opened.send(probe(mac_of(opened), self._address))
        except OSError:
            # The device is down or gone; another one of that name needs another socket.
            self._close()

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = listener(self._address, self._device)
            asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self._socket

    def _close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            if self._socket is None:
                return
            try:
                frame = self._socket.recv(_FRAME)
                ours = mac_of(self._socket)
            except BlockingIOError:
                return
            except OSError:
                self._close()
                return
            self._take(frame[_SENDER_MAC], ours)

    def _take(self, mac: bytes, ours: bytes) -> None:
        if mac != ours and mac not in self._known and len(self._known) < _MOST:
            self._known.add(mac)
            self._conflict(mac.hex(":"))


async def stranger(address: str, device: str, wait_s: float = 0.03) -> str | None:
    """Ask once who has the address: the first other hardware address that answers in time, or None."""
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def found(mac: str) -> None:
        if not answered.done():
            answered.set_result(mac)

    watch = ConflictWatch(address, device, found)
    watch.start()
    try:
        return await asyncio.wait_for(answered, wait_s)
    except TimeoutError:
        return None
    finally:
        watch.stop()


def listener(address: str, device: str) -> socket.socket:
    """A raw socket that receives only ARP whose sender protocol address is this one."""
    opened = packet_socket(device)
    try:
        keep(opened, Load.WORD, _SENDER_AT, [int.from_bytes(socket.inet_aton(address), "big")])
        opened.bind((device, ETH_P_ARP))
    except OSError:
        opened.close()
        raise
    return opened
