"""What somebody wants of a log: its last lines, those since a time, those that match; and what comes from then on.

For a pipe or a connection: lines one after the other, and nothing is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl_widgets.logfile import lines, seeker, times
from coroctl_widgets.logfile.grep import Sieve
from coroctl_widgets.logfile.growth import Growth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from coroctl_widgets.logfile.file import LogFile
    from coroctl_widgets.logfile.lines import Line
    from coroctl_widgets.logfile.matching import Matcher


class Wanted(NamedTuple):
    """Which lines of a log."""

    last: int | None = None
    """At most so many of them; None: all."""
    since: float | None = None
    """From then on, seconds since 1970; None: from its beginning."""
    matcher: Matcher | None = None
    context: int = 0
    """Lines around each match."""


class Excerpt:
    """Of an open file, which it closes; GAP of `grep` stands where lines are left out."""

    def __init__(self, file: LogFile, wanted: Wanted, *, follow: bool = False) -> None:
        """With `follow` a last line that is not whole yet is left for `more`."""
        self._file = file
        self._wanted = wanted
        self._sieve = Sieve(wanted.matcher, wanted.context)
        self._end = lines.start_of(file, file.size) if follow else file.size
        self._growth = Growth(file, self._end)
        self.cut = False
        """Whether `last` has left out older lines; known when the first line has come."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._growth.close()

    def now(self) -> Iterator[Line | None]:
        """What the file has."""
        start = self._start()
        if start < self._end:
            yield from self._sieve.sift(_Until(self._file, self._end), start)

    def more(self) -> Iterator[Line | None]:
        """What has come since the last time. OSError if it cannot be read."""
        for line in self._growth.read():
            yield from self._sieve.take(line)

    def _start(self) -> int:
        since, count = self._wanted.since, self._wanted.last
        start = 0 if since is None else times.place_of(self._file, since, self._file.changed_s)
        if count is None:
            return start
        return self._last(count, start)

    def _last(self, count: int, start: int) -> int:
        """Where the last so many wanted lines begin, with their context, from a line's start on."""
        if count == 0:
            return self._file.size
        matcher, context = self._wanted.matcher, self._wanted.context
        if matcher is None:
            found = lines.before(self._file, self._file.size, count)
            first = found[0].start if found else 0
            self.cut = first > start
            return max(first, start)
        order = seeker.Order(0, start, self._file.size, count, up=True)
        hits = list(seeker.hits(self._file, [matcher], order))
        self.cut = len(hits) == count
        first = min(hits, default=self._file.size)
        around = lines.before(self._file, first, context)
        return max(around[0].start, start) if around else first


class _Until:
    """A file up to a place: what comes after it is told later."""

    def __init__(self, file: LogFile, size: int) -> None:
        self._file = file
        self.size = size

    def read(self, offset: int, count: int) -> bytes:
        return self._file.read(offset, max(0, min(count, self.size - offset)))
