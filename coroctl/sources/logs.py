"""The end of a log file, line by line as it grows; survives rotation, truncation and a file that is not there yet.

Reads blocks of bounded size and never a whole file. Whoever calls it decides how often.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coroctl.conf.document import Document
from coroctl.conf.files import load
from coroctl.errors import ConfigError, CoroctlError
from coroctl.sources.once import CONF

if TYPE_CHECKING:
    from collections.abc import Iterable

COROLISTENER_LOGS = ("/var/log/corolistener.log", "/usr/local/mgr5/var/corolistener.log")
DEFAULT_COROSYNC_LOG = "/var/log/corosync/corosync.log"
FIRST_BYTES = 16 * 1024
"""How much of an existing file is read at the beginning."""
BLOCK_BYTES = 256 * 1024
"""At most so much at a time; what a flood leaves out is said."""
MAX_LINE = 4096


class News(NamedTuple):
    """What is new in a log."""

    lines: tuple[str, ...]
    """Without their ends. Undecodable bytes are replaced."""
    reason: str = ""
    """Why nothing can be read; empty if it can."""


class KnownLog(NamedTuple):
    """A log that every node has, or may have."""

    name: str
    path: str


class LogUnreadable(CoroctlError):
    """A log cannot be read, or not as it was asked for."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


def known_logs(conf: str = CONF) -> tuple[KnownLog, ...]:
    """corolistener's and the one that corosync is configured to write, whether they are there or not."""
    ours = next((path for path in COROLISTENER_LOGS if os.access(path, os.R_OK)), COROLISTENER_LOGS[0])
    try:
        document, _ = Document.survey(load(conf), conf)
        configured = document.get("logging.logfile")
    except ConfigError:
        configured = None
    return KnownLog("corolistener", ours), KnownLog("corosync", configured or DEFAULT_COROSYNC_LOG)


def choose_log(conf: str = CONF) -> str:
    """corolistener's log where there is one, else the one that corosync is configured to write."""
    ours, corosyncs = known_logs(conf)
    return ours.path if os.access(ours.path, os.R_OK) else corosyncs.path


class LogFollower:
    """One file by name. Not for more than one thread at a time."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd: int | None = None
        self._inode = (0, 0)
        self._offset = 0
        self._rest = b""

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def read(self) -> News:
        """The lines that have come since the last time; the first time, the last ones of the file."""
        try:
            return News(tuple(self._read()))
        except OSError as error:
            self.close()
            return News((), error.strerror or str(error))

    def _read(self) -> Iterable[str]:
        lines: list[str] = []
        if self._fd is not None and self._has_been_replaced():
            lines += self._new_lines()  # what the old file got before it was rotated
            self.close()
        if self._fd is None:
            self._open()
        return [*lines, *self._new_lines()]

    def _open(self) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            raise OSError(0, "not a regular file")
        first = self._inode == (0, 0)
        self._fd, self._inode, self._rest = fd, (status.st_dev, status.st_ino), b""
        self._offset = max(status.st_size - FIRST_BYTES, 0) if first else 0
        if self._offset:
            # The first line is cut in two: only whole ones are shown.
            head = os.pread(fd, FIRST_BYTES, self._offset)
            self._offset += head.find(b"\n") + 1

    def _has_been_replaced(self) -> bool:
        try:
            now = Path(self.path).stat()
        except FileNotFoundError:
            return False  # between a rotation's two steps: the old file may still grow
        return (now.st_dev, now.st_ino) != self._inode

    def _new_lines(self) -> list[str]:
        assert self._fd is not None
        size = os.fstat(self._fd).st_size
        note: list[str] = []
        if size < self._offset:
            self._offset, self._rest = 0, b""
            note.append("--- the file was truncated ---")
        if size - self._offset > BLOCK_BYTES:
            note.append(f"--- {size - self._offset - BLOCK_BYTES} bytes left out ---")
            self._offset, self._rest = size - BLOCK_BYTES, b""
        data = os.pread(self._fd, size - self._offset, self._offset)
        self._offset += len(data)
        *whole, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-MAX_LINE:]
        return note + [line[:MAX_LINE].decode("utf-8", "replace") for line in whole]
