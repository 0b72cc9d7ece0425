"""The lines of a log that match, with lines around them, one after the other: for a pipe, and for what is yet to come.

Reads the whole file in large blocks, and looks at single lines only near a match.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from coroctl_widgets.logfile import lines
from coroctl_widgets.logfile.seeker import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl_widgets.logfile.lines import Bytes, Line
    from coroctl_widgets.logfile.matching import Matcher

GAP: Final = None
"""Stands where lines were left out between two that are near matches."""


class Sieve:
    """Takes lines in their order and gives those that are wanted. Without a matcher all are."""

    def __init__(self, matcher: Matcher | None, context: int = 0) -> None:
        self._matcher = matcher
        self._context = context
        self._held: deque[Line] = deque(maxlen=context)
        self._owed = 0
        self._given_to: int | None = None
        """Where the last line that was given ends."""
        self._taken_to = 0

    def take(self, line: Line) -> Iterator[Line | None]:
        """What is to be given now that this line is known; GAP only if there is a context."""
        if line.start != self._taken_to:  # another file, or lines that nobody wants
            self._held.clear()
        self._taken_to = line.end
        if self._matcher is None:
            yield line
        elif self._matcher.matches(line.data):
            for held in (*self._held, line):
                yield from self._give(held)
            self._held.clear()
            self._owed = self._context
        elif self._owed:
            self._owed -= 1
            yield from self._give(line)
        else:
            self._held.append(line)

    def _give(self, line: Line) -> Iterator[Line | None]:
        if self._context and self._given_to is not None and line.start != self._given_to:
            yield GAP
        self._given_to = line.end
        yield line

    def sift(self, file: Bytes, start: int) -> Iterator[Line | None]:
        """What is wanted of a file from a line's start to its end."""
        near = lines.forward(file, start) if self._matcher is None else self._near(self._matcher, file, start)
        for line in near:
            yield from self.take(line)

    def _near(self, matcher: Matcher, file: Bytes, start: int) -> Iterator[Line]:
        """All lines that can be given, and those before the end, which may be given later."""
        reached = start
        for hit in _hits(matcher, file, start):
            for line in _around(file, hit, self._context):
                if line.start >= reached:
                    yield line
                    reached = line.end
        for line in lines.before(file, file.size, self._context):
            if line.start >= reached:
                yield line


def _hits(matcher: Matcher, file: Bytes, start: int) -> Iterator[int]:
    while start < file.size:
        end = lines.start_of(file, start + CHUNK) if start + CHUNK < file.size else file.size
        yield from matcher.starts(file.read(start, end - start), start)
        start = end


def _around(file: Bytes, hit: int, context: int) -> Iterator[Line]:
    if context:
        yield from lines.before(file, hit, context)
    yield from lines.after(file, hit, 1 + context)
