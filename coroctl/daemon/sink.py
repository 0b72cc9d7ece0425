"""Rows on their way to one place that may be slow, full or gone: kept in bounded memory, and written when it works.

`put` is the loop's, `drain` the journal's thread's. Knows no place by itself: it is given a function that writes.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coroctl.daemon.rendering import Row

BATCH = 500
MOST = 5000
"""Rows that wait, at most; the oldest are given up first."""


class Turned(NamedTuple):
    """A place has begun to fail, or works again."""

    place: str
    why: str
    """Empty if it works again."""
    lost: int
    """Rows that were given up meanwhile; 0 while it fails."""


class Sink:
    """One place. `write` takes all rows or raises OSError or sqlite3.Error; `turned` is called where `drain` is."""

    def __init__(
        self,
        place: str,
        write: Callable[[Sequence[Row]], None],
        turned: Callable[[Turned], None],
        most: int = MOST,
    ) -> None:
        self.place = place
        self._write = write
        self._turned = turned
        self._most = most
        self._lock = Lock()
        self._rows: deque[Row] = deque()
        self._lost = 0
        self.failing = False

    def put(self, row: Row) -> None:
        """Have it written some time. Never waits for the place."""
        with self._lock:
            self._rows.append(row)
            self._trim()

    def drain(self) -> None:
        """Write what waits, until nothing does or the place fails."""
        while rows := self._take():
            try:
                self._write(rows)
            except (OSError, sqlite3.Error) as error:
                self._failed(rows, error)
                return
            self._succeeded()

    def _take(self) -> list[Row]:
        with self._lock:
            return [self._rows.popleft() for _ in range(min(BATCH, len(self._rows)))]

    def _failed(self, rows: Sequence[Row], error: Exception) -> None:
        with self._lock:
            self._rows.extendleft(reversed(rows))
            self._trim()
        if not self.failing:
            self.failing = True
            self._turned(Turned(self.place, str(error), 0))

    def _succeeded(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        if self.failing or lost:
            self.failing = False
            self._turned(Turned(self.place, "", lost))

    def _trim(self) -> None:
        while len(self._rows) > self._most:
            self._rows.popleft()
            self._lost += 1
