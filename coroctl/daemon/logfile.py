"""corolistener.log: appended to, created anew after logrotate, and never written through what somebody else put there.

Blocks. Knows lines, not events.
"""

from __future__ import annotations

import errno
import grp
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MODE = 0o640
GROUP = "coroctl"


class LogFile:
    """One file by name. Not for more than one thread at a time."""

    def __init__(self, path: Path, group: str = GROUP) -> None:
        self._path = path
        self._group = group
        self._fd: int | None = None
        self._cut = False

    def append(self, lines: Sequence[str]) -> None:
        """All lines or none. OSError if they could not be written, or the path is not a regular file."""
        data = "".join(f"{line}\n" for line in lines).encode("utf-8")
        if self._fd is not None and not self._in_place(self._fd):
            self.close()
        if self._fd is None:
            self._fd = self._open()
        # A process that was killed while it wrote may have left half a line.
        _append(self._fd, b"\n" + data if self._cut else data)
        self._cut = False

    def close(self) -> None:
        """It is opened again by the next `append`."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _in_place(self, fd: int) -> bool:
        """Whether the name still means the open file."""
        try:
            named = self._path.lstat()
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(fd))

    def _open(self) -> int:
        # O_NONBLOCK: a FIFO in its place must not hold anybody up.
        flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            fd = os.open(self._path, flags)
        except FileNotFoundError:
            fd = os.open(self._path, flags | os.O_CREAT | os.O_EXCL, MODE)
            self._share(fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", str(self._path))
        self._cut = _ends_within_a_line(fd)
        return fd

    def _share(self, fd: int) -> None:
        """Let the group read it, where there is that group."""
        with suppress(KeyError):
            os.fchown(fd, -1, grp.getgrnam(self._group).gr_gid)
        os.fchmod(fd, MODE)


def _ends_within_a_line(fd: int) -> bool:
    size = os.fstat(fd).st_size
    return size > 0 and os.pread(fd, 1, size - 1) != b"\n"


def _append(fd: int, data: bytes) -> None:
    start = os.fstat(fd).st_size
    written = 0
    try:
        while written < len(data):
            written += os.write(fd, data[written:])
    except OSError:
        # No half line stays, unless somebody else has written or truncated meanwhile.
        if written and os.fstat(fd).st_size == start + written:
            os.ftruncate(fd, start)
        raise
