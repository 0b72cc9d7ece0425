"""Arithmetic on intervals of time: unions, intersections, overlaps between holders. Knows no clock and no node.

An interval is half open, [start, end), in microseconds of one clock.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FOREVER = 1 << 62
"""The end of what has none."""


class Interval(NamedTuple):
    """[start, end) in microseconds."""

    start_us: int
    end_us: int

    @property
    def length_us(self) -> int:
        return self.end_us - self.start_us


class Overlap(NamedTuple):
    """Two had at once what only one may have."""

    first: str
    second: str
    interval: Interval

    def __str__(self) -> str:
        start, length = self.interval.start_us / 1e6, self.interval.length_us / 1e3
        return f"{self.first} and {self.second} for {length:.1f} ms from {start:.6f}"


def merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Their union, in order; those that touch become one, empty ones vanish."""
    merged: list[Interval] = []
    for each in sorted(intervals):
        if each.length_us <= 0:
            continue
        if merged and each.start_us <= merged[-1].end_us:
            merged[-1] = Interval(merged[-1].start_us, max(merged[-1].end_us, each.end_us))
        else:
            merged.append(each)
    return tuple(merged)


def intersect(some: Iterable[Interval], others: Iterable[Interval]) -> tuple[Interval, ...]:
    """What lies in both unions."""
    left, right = list(merge(some)), list(merge(others))
    common = []
    while left and right:
        start, end = max(left[0].start_us, right[0].start_us), min(left[0].end_us, right[0].end_us)
        if start < end:
            common.append(Interval(start, end))
        (left if left[0].end_us <= right[0].end_us else right).pop(0)
    return tuple(common)


def subtract(some: Iterable[Interval], others: Iterable[Interval]) -> tuple[Interval, ...]:
    """What lies in the first union and not in the second."""
    return intersect(some, _outside(merge(others)))


def _outside(merged: Sequence[Interval]) -> list[Interval]:
    edges = [-FOREVER, *(edge for each in merged for edge in each), FOREVER]
    return [Interval(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def overlaps(held: Mapping[str, Sequence[Interval]]) -> tuple[Overlap, ...]:
    """Every stretch of time in which two of them had it, in order of time."""
    found = [
        Overlap(first, second, common)
        for first, second in combinations(sorted(held), 2)
        for common in intersect(held[first], held[second])
    ]
    return tuple(sorted(found, key=lambda overlap: overlap.interval))


def levels(changes: Sequence[tuple[int, int]], end_us: int) -> tuple[Interval, ...]:
    """Intervals in which a level that changes at these (moment, until) lasts.

    Each change replaces the one before it; it lasts to its own ``until`` at the longest (0: it does not last at all,
    FOREVER: as long as nothing replaces it). Nothing lasts beyond ``end_us``.
    """
    ends = [*(moment for moment, _ in changes), end_us][1:]
    return merge(
        Interval(moment, min(until, replaced, end_us)) for (moment, until), replaced in zip(changes, ends, strict=True)
    )


def runs(moments: Sequence[int], apart_us: int) -> tuple[Interval, ...]:
    """Moments that follow each other within ``apart_us`` make one interval, from the first to just after the last."""
    return merge(
        [Interval(moment, moment + 1) for moment in moments]
        + [Interval(one, other) for one, other in pairwise(moments) if other - one <= apart_us]
    )
