"""The lines of a file that match a filter, with lines around them, as a file of fewer lines.

Holds offsets only, eight bytes each, and is told them: first those before the place where the filter began, newest
first, later those of lines that have come since.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, overload

from coroctl_widgets.logfile import lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coroctl_widgets.logfile.lines import Bytes, Line

MOST: Final = 1_000_000
"""Lines that are kept; of more the newest."""


class Hits(Sequence[int]):
    """Offsets in rising order, to which can be added at both ends."""

    def __init__(self) -> None:
        self._older = array("Q")  # falling
        self._newer = array("Q")

    def __len__(self) -> int:
        return len(self._older) + len(self._newer)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = index if index >= 0 else len(self) + index
        older = len(self._older)
        if at < older:
            return self._older[older - 1 - at]
        return self._newer[at - older]

    def add_older(self, falling: Iterable[int]) -> None:
        """Before all others, in falling order."""
        self._older.extend(falling)

    def add_newer(self, rising: Iterable[int]) -> None:
        """After all others, in rising order; those that are known are left out."""
        last = self[-1] if len(self) else -1
        self._newer.extend(start for start in rising if start > last)


class Selection:
    """A filtered view of a file: `after` and `before` as in `lines`."""

    def __init__(self, file: Bytes, context: int = 0) -> None:
        self.hits = Hits()
        self.context = context
        """Lines before and after each match."""
        self._file = file

    def is_hit(self, start: int) -> bool:
        """Whether a line is there for itself, not as context."""
        at = bisect_left(self.hits, start)
        return at < len(self.hits) and self.hits[at] == start

    def after(self, start: int, count: int) -> list[Line]:
        """At most so many lines at `start` or later."""
        at = max(0, bisect_left(self.hits, start) - 1)  # the one before may lend its context
        found: list[Line] = []
        reached = start
        while at < len(self.hits) and len(found) < count:
            around = [line for line in self._around(self.hits[at]) if line.start >= reached]
            found += around
            reached = found[-1].end if found else reached
            at += 1
        return found[:count]

    def before(self, start: int, count: int) -> list[Line]:
        """At most so many lines before `start`, the oldest first."""
        at = min(len(self.hits) - 1, bisect_left(self.hits, start))
        found: list[Line] = []
        reached = start
        while at >= 0 and len(found) < count:
            around = [line for line in self._around(self.hits[at]) if line.start < reached]
            found[:0] = around
            reached = found[0].start if found else reached
            at -= 1
        return found[-count:] if count else []

    def _around(self, hit: int) -> Iterator[Line]:
        if self.context:
            yield from lines.before(self._file, hit, self.context)
        yield from lines.after(self._file, hit, 1 + self.context)
