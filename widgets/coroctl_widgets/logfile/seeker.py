"""The process that searches: ``python -m coroctl_widgets.logfile.seeker FD LIFELINE PATTERN...``, told where by stdin.

A process of its own, because a regular expression may take for ever, and a thread that evaluates one cannot be ended
and stops all others. It reads one open file, knows no name, and ends with its stdin.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import sys
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from coroctl_widgets.logfile.lines import forced_end, start_of
from coroctl_widgets.logfile.matching import Matcher, Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl_widgets.logfile.lines import Bytes

CHUNK: Final = 1024 * 1024
"""Bytes that are searched between two reports."""
HEADER: Final = struct.Struct("=QQI?")
"""Number of the order, place reached, how many offsets follow (8 bytes each), whether this is the end."""


class Order(NamedTuple):
    """What to search: from `low` to `high` or, if `up`, back from there, until so many lines are found."""

    number: int
    low: int
    high: int
    most: int
    up: bool


class _Seen:
    """The inherited file, as long as it is now."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @property
    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def read(self, offset: int, count: int) -> bytes:
        return os.pread(self._fd, max(0, count), offset)


def main() -> int:
    """Carry out orders, one JSON list a line."""
    end_with(int(sys.argv[2]))
    file = _Seen(int(sys.argv[1]))
    matchers = [Matcher(Pattern(*json.loads(word))) for word in sys.argv[3:]]
    try:
        for line in sys.stdin:
            for report in reports(file, matchers, Order(*json.loads(line))):
                sys.stdout.buffer.write(report)
                sys.stdout.buffer.flush()
    except (BrokenPipeError, KeyboardInterrupt):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody listens any more: nothing is left to flush
    return 0


def end_with(lifeline: int) -> None:
    """Let the kernel end this process when nobody holds the pipe's other end: Python could not while it matches."""
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)  # SIGIO, whose default is the end
    with suppress(BlockingIOError):
        if not os.read(lifeline, 1):
            sys.exit(0)  # it has gone already


def reports(file: Bytes, matchers: list[Matcher], order: Order) -> Iterator[bytes]:
    """What was found, in the order in which it was met, block by block."""
    left = order.most
    reached, last = order.high if order.up else order.low, array("Q")
    for low, high in _blocks(file, order):
        last = _found(file, matchers, low, high)
        if order.up:
            last.reverse()
        del last[left:]
        left -= len(last)
        reached = low if order.up else high
        if left == 0:
            break
        yield HEADER.pack(order.number, reached, len(last), False) + last.tobytes()
        last = array("Q")
    yield HEADER.pack(order.number, reached, len(last), True) + last.tobytes()


def hits(file: Bytes, matchers: list[Matcher], order: Order) -> Iterator[int]:
    """The same for this process: only the offsets."""
    for report in reports(file, matchers, order):
        yield from array("Q", report[HEADER.size :])


def _blocks(file: Bytes, order: Order) -> Iterator[tuple[int, int]]:
    low, high = order.low, order.high
    while low < high:
        if order.up:
            middle = max(low, start_of(file, max(low, high - CHUNK)))
            yield middle, high
            high = middle
        else:
            middle = start_of(file, low + CHUNK) if low + CHUNK < high else high
            yield low, middle
            low = middle


def _found(file: Bytes, matchers: list[Matcher], low: int, high: int) -> array[int]:
    """Offsets of the lines that all matchers want."""
    block = file.read(low, high - low)
    first, *others = matchers
    found = array("Q", first.starts(block, low))
    if others:
        found = array(
            "Q", (start for start in found if all(one.matches(_line(block, start - low, low)) for one in others))
        )
    return found


def _line(block: bytes, at: int, base: int) -> bytes:
    end = block.find(b"\n", at, forced_end(base + at) - base)
    return block[at : end if end >= 0 else forced_end(base + at) - base]


if __name__ == "__main__":
    sys.exit(main())
