"""One log file by name: bytes at an offset, and what has become of the file meanwhile.

Blocks. Knows nothing of lines.
"""

from __future__ import annotations

import errno
import os
import stat
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import Self

TAIL: Final = 64
"""Bytes before the known end that are compared: a file that was truncated may have outgrown its old size."""


class Fate(Enum):
    """What has become of a file since it was last looked at."""

    SAME = "same"
    GROWN = "grown"
    TRUNCATED = "truncated"
    """Shorter, or written anew from its beginning."""
    ROTATED = "rotated"
    """Another file has its name. This one can still be read."""
    GONE = "gone"
    """No file has its name. This one can still be read, and may still grow."""


class LogFile:
    """An open regular file. Not for more than one thread at a time."""

    def __init__(self, path: str, *, links: bool = True) -> None:
        """OSError if it is not there, may not be read, is not a regular file, or is a link and `links` is not set."""
        self.path = path
        self._links = links
        # O_NONBLOCK: a FIFO must not hold anybody up until somebody writes to it.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if links else os.O_NOFOLLOW)
        self._fd = os.open(path, flags)
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise OSError(errno.EINVAL, "not a regular file", path)
        self.size = status.st_size
        """Bytes, as of the last `look`."""
        self.changed_s = status.st_mtime
        """Wall clock of the last write, seconds since 1970, as of the last `look`."""
        self._tail = self._read_tail()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def next(self) -> LogFile:
        """The file that has the name now, opened in the same way."""
        return LogFile(self.path, links=self._links)

    def close(self) -> None:
        """Let go of it; any number of times."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def fileno(self) -> int:
        """For a child process that reads the same file, whatever happens to its name."""
        return self._fd

    def read(self, offset: int, count: int) -> bytes:
        """So many bytes from there, fewer only where `size` ends them."""
        return os.pread(self._fd, max(0, min(count, self.size - offset)), offset)

    def look(self) -> Fate:
        """Learn size and fate. A file that both grew and lost its name is GROWN first."""
        status = os.fstat(self._fd)
        before, self.size, self.changed_s = self.size, status.st_size, status.st_mtime
        if self.size < before or self._read_tail(before) != self._tail:
            self._tail = self._read_tail()
            return Fate.TRUNCATED
        if self.size > before:
            self._tail = self._read_tail()
            return Fate.GROWN
        try:
            named = os.stat(self.path)  # noqa: PTH116 - pathlib costs a command 5 ms
        except OSError:
            return Fate.GONE
        return Fate.SAME if os.path.samestat(named, status) else Fate.ROTATED

    def _read_tail(self, end: int | None = None) -> bytes:
        end = self.size if end is None else end
        begin = max(0, end - TAIL)
        return os.pread(self._fd, end - begin, begin)
