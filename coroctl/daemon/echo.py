"""The log on standard error: for journald with the levels that it shows, for anybody else as it is in the file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from coroctl.daemon.rendering import brief, line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coroctl.daemon.rendering import Row

STDERR = 2


def echo(fd: int = STDERR) -> Callable[[Sequence[Row]], None]:
    """A function that writes rows there. It blocks while the reader does not read; OSError if there is none."""
    render = journald_line if _is_journald(fd) else line

    def write(rows: Sequence[Row]) -> None:
        rest = memoryview("".join(f"{render(row)}\n" for row in rows).encode("utf-8"))
        while rest:
            rest = rest[os.write(fd, rest) :]

    return write


def journald_line(row: Row) -> str:
    """Level as journald takes it from the start of a line; the time is its own."""
    return f"<{row.level.value}>{brief(row)}"


def _is_journald(fd: int) -> bool:
    """systemd names the stream that it has connected, by device and inode."""
    try:
        status = os.fstat(fd)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
