"""Who is at the other end of a local socket: as the kernel knows it, beside what they claim.

The process may end at any moment, so it is looked at once, when the connection is made.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import NamedTuple

from coroctl.daemon.protocol import Claimed

_UCRED = struct.Struct("3i")
_NO_LOGIN = (1 << 32) - 1
"""What the kernel writes for a process that nobody has logged in for."""


class Actor(NamedTuple):
    """The caller of one connection."""

    uid: int
    gid: int
    pid: int
    login_uid: int | None
    """Who logged in at first, whatever they have become by sudo or su; None for a service, or if it is not told."""
    claimed: Claimed = Claimed()

    def __str__(self) -> str:
        """For the log: ``uid 0 (login 1000, pid 4711)``."""
        login = "none" if self.login_uid is None else str(self.login_uid)
        return f"uid {self.uid} (login {login}, pid {self.pid})"


def actor_of(connection: socket.socket) -> Actor:
    """The process that made the connection."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(told)
    return Actor(uid & _NO_LOGIN, gid & _NO_LOGIN, pid, _login_uid(pid))


def _login_uid(pid: int) -> int | None:
    """As the audit system keeps it; a kernel without one, and a process that has ended, tell nothing."""
    try:
        login = int(Path(f"/proc/{pid}/loginuid").read_text())
    except (OSError, ValueError):
        return None
    return None if login == _NO_LOGIN else login
