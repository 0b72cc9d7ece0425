"""Virtual time: one queue of things to happen, in microseconds, and clocks that drift away from it."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MS = 1000
SECOND = 1000 * MS
MILLION = 1_000_000


class Timeline:
    """The queue. What happens at the same moment happens in the order in which it was asked for."""

    __slots__ = ("count", "heap", "now")

    def __init__(self) -> None:
        self.now = 0
        self.count = 0
        self.heap: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []

    def at(self, moment: int, what: Callable[..., None], *args: object) -> None:
        """Have something happen; the past is now."""
        self.count += 1
        heappush(self.heap, (max(moment, self.now), self.count, what, args))

    def after(self, delay: int, what: Callable[..., None], *args: object) -> None:
        """The same, from now."""
        self.count += 1
        heappush(self.heap, (self.now + delay, self.count, what, args))

    def run(self, until: int) -> None:
        """Everything up to that moment."""
        heap = self.heap
        while heap and heap[0][0] <= until:
            self.now, _, what, args = heappop(heap)
            what(*args)
        self.now = until


class Clock(NamedTuple):
    """A node's CLOCK_BOOTTIME: starts anywhere, and runs too fast or too slow by parts per million."""

    offset: int
    ppm: int

    def read(self, true: int) -> int:
        """What it shows at a true moment."""
        return self.offset + true + true * self.ppm // MILLION

    def true(self, shown: int) -> int:
        """The first true moment at which it shows at least that."""
        elapsed = shown - self.offset
        return -(-elapsed * MILLION // (MILLION + self.ppm))

    def lasts(self, shown: int) -> int:
        """How long in truth a span of this clock takes."""
        return shown * MILLION // (MILLION + self.ppm)
