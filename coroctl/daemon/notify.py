"""What the daemon tells the two that look after it: systemd (readiness, watchdog) and the guard (nudges).

Both are datagrams that never block. It knows neither the lease nor why they are sent.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from coroctl.daemon.clock import now_us
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from pathlib import Path

GUARD_UNIT = "corolistener-guard.service"


class GuardMissing(CoroctlError):
    """Nobody guards this node: it must not act as master."""


class Systemd:
    """The service manager that started this process, if one did: without NOTIFY_SOCKET nothing is sent."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        values = dict(os.environ) if environment is None else environment
        path = values.get("NOTIFY_SOCKET", "")
        self._path = f"\0{path[1:]}" if path.startswith("@") else path
        self.watchdog_us = int(values.get("WATCHDOG_USEC") or 0)
        """How long systemd waits for a sign of life; 0: for ever."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) if path else None

    def ready(self) -> bool:
        """The start is over. Like all of these: False if nobody took it."""
        return self._send("READY=1")

    def alive(self) -> bool:
        """A sign of life, wanted every half of `watchdog_us`."""
        return self._send("WATCHDOG=1")

    def status(self, text: str) -> bool:
        """One line for ``systemctl status``."""
        return self._send(f"STATUS={text.splitlines()[0] if text else ''}")

    def stopping(self) -> bool:
        """The end has begun."""
        return self._send("STOPPING=1")

    def extend(self, seconds: float) -> bool:
        """The end takes so long at most, whatever the unit says."""
        return self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, state: str) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.sendto(state.encode(), self._path)
        except OSError:
            # It is restarting itself, or its queue is full; the next sign of life says the same.
            return False
        return True


LOOKS_US = 5_000_000


class GuardLink:
    """The way to the guard. Nothing of a master may begin that could not nudge it."""

    def __init__(self, path: Path, grace_us: int = 1_000_000) -> None:
        self._path = str(path)
        self._grace_us = grace_us
        self._answered_at: int | None = None
        self._there = False
        self._look_at = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def is_there(self) -> bool:
        """For people: looked for now and then only, since each nudge wakes it up."""
        if now_us() >= self._look_at:
            self._look_at = now_us() + LOOKS_US
            try:
                self.nudge()
            except GuardMissing:
                self._there = False
            else:
                self._there = True
        return self._there

    def nudge(self) -> None:
        """Make the guard read /run. GuardMissing when nobody is there to do so.

        A guard that was there less than ``grace_us`` ago is being restarted (systemd does so at once, and it reads
        /run when it starts): that is no error yet. One that has been stopped by a signal fills its queue and is
        missing too.
        """
        now = now_us()
        try:
            self._socket.sendto(b"!", self._path)
        except OSError as error:
            if self._answered_at is None or now - self._answered_at > self._grace_us:
                raise GuardMissing(
                    f"no guard on {self._path} ({error.strerror}): systemctl restart {GUARD_UNIT}"
                ) from None
        else:
            self._answered_at = now

    def close(self) -> None:
        self._socket.close()
