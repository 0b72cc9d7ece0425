"""Who is at the other end of a local socket: as the kernel knows it, beside what they claim.

The process may end at any moment, so it is looked at once, when the connection is made or the message comes.
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


class Standing(NamedTuple):
    """What decides whether a process may open a socket file."""

    uid: int
    """The effective one."""
    groups: frozenset[int]
    """All that it is in."""

    def may(self, gid: int) -> bool:
        """Whether it may open what is root's and that group's."""
        return self.uid == 0 or gid in self.groups


def actor_of_message(pid: int, uid: int, gid: int, claimed: Claimed) -> Actor:
    """The process that sent a message, of which the kernel told these."""
    return Actor(uid, gid, pid, _login_uid(pid), claimed)


def standing_of(pid: int, uid: int) -> Standing | None:
    """None if that process has ended, or its number is another user's already."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
        told = dict(line.split(":", 1) for line in lines if line.startswith(("Uid:", "Gid:", "Groups:")))
        uids, gids, groups = ([int(word) for word in told[key].split()] for key in ("Uid", "Gid", "Groups"))
    except (OSError, ValueError, KeyError):
        return None
    return Standing(uids[1], frozenset(gids[1:2] + gids[3:4] + groups)) if uids[0] == uid else None


def _login_uid(pid: int) -> int | None:
    """As the audit system keeps it; a kernel without one, and a process that has ended, tell nothing."""
    try:
        login = int(Path(f"/proc/{pid}/loginuid").read_text())
    except (OSError, ValueError):
        return None
    return None if login == _NO_LOGIN else login
