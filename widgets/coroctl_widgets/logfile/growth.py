"""What a log gets while somebody waits for it, through rotation and truncation. Only whole lines.

Whoever calls decides how often.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from coroctl_widgets.logfile import lines
from coroctl_widgets.logfile.file import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl_widgets.logfile.file import LogFile
    from coroctl_widgets.logfile.lines import Line

AT_ONCE: Final = 1024 * 1024
"""Bytes that are read at a time; what a flood brings beyond them comes the next time."""


class Growth:
    """Begins at an offset of an open file, which it closes when another one takes its name."""

    def __init__(self, file: LogFile, start: int) -> None:
        self._file = file
        self._at = start

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def read(self) -> list[Line]:
        """The lines that have come since the last time. OSError if they cannot be read."""
        match self._file.look():
            case Fate.TRUNCATED:
                self._at = 0
            case Fate.ROTATED if self._file.size - self._at <= AT_ONCE:
                return self._of_the_next()
            case _:
                pass
        return self._whole()

    def _of_the_next(self) -> list[Line]:
        """The end of the old file, even if its last line is cut off, and the beginning of the new one."""
        rest = list(lines.forward(self._file, self._at))
        try:
            file = self._file.next()
        except OSError as error:
            if error.errno == errno.ENOENT:
                return []  # gone again meanwhile: it will be looked for the next time
            raise
        self._file.close()
        self._file, self._at = file, 0
        return [*rest, *self._whole()]

    def _whole(self) -> list[Line]:
        end = self._file.size
        if end <= self._at:
            return []
        found = list(self._some())
        if found and self._file.read(end - 1, 1) != b"\n" and found[-1].end == end:
            found.pop()  # its end is still to come
        self._at = found[-1].end if found else self._at
        return found

    def _some(self) -> Iterator[Line]:
        for line in lines.forward(self._file, self._at):
            yield line
            if line.end - self._at > AT_ONCE:
                return
