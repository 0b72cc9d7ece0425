"""Lines by offset, forwards and backwards, with bounded reading even where there is no newline at all.

A line starts at 0, after a newline, and at each multiple of SPAN that has no newline in the SPAN bytes before it.
Whether an offset is a start is so decided by what is near it, and is the same from whichever side one comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

SPAN: Final = 16 * 1024
"""Bytes. No line has two SPANs or more."""
BLOCK: Final = 64 * 1024
"""Bytes that are read at a time."""


class Bytes(Protocol):
    """What lines are in."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read(self, offset: int, count: int) -> bytes:
        """So many, fewer only at the end."""


class Line(NamedTuple):
    """A line, or a part of one that is too long."""

    start: int
    end: int
    """Where the next one starts."""
    data: bytes
    """Without its end."""


def forced_end(start: int) -> int:
    """Where a line that starts there ends if no newline does it before."""
    return -(-(start + SPAN) // SPAN) * SPAN


def start_of(file: Bytes, offset: int) -> int:
    """Where the line starts that the byte at an offset belongs to. At the end of the file: where the next would."""
    low = max(0, offset - 2 * SPAN)
    newline = file.read(low, offset - low).rfind(b"\n")
    forced = offset // SPAN * SPAN
    if newline < 0 and low:
        return forced
    start = low + newline + 1
    return forced if forced - SPAN >= start else start


def forward(file: Bytes, start: int) -> Iterator[Line]:
    """Lines from a start on."""
    buffer, at = file.read(start, BLOCK), 0
    while True:
        end = _end(buffer, at, start)
        if end is None and start + len(buffer) < file.size:
            more = file.read(start + len(buffer), BLOCK)
            if not more:
                return  # truncated while it is read
            start, buffer, at = start + at, buffer[at:] + more, 0
            continue
        if end is None:
            end = len(buffer)
        if end == at:
            return
        yield Line(start + at, start + end, buffer[at:end].rstrip(b"\r\n"))
        at = end


def _end(buffer: bytes, at: int, base: int) -> int | None:
    """Where in the buffer the line ends that starts at `at`; None if that is not in it."""
    forced = forced_end(base + at) - base
    newline = buffer.find(b"\n", at, forced)
    if newline >= 0:
        return newline + 1
    return forced if forced <= len(buffer) else None


def after(file: Bytes, start: int, count: int) -> list[Line]:
    """At most so many lines from a start on."""
    lines = forward(file, start)
    return [line for line, _ in zip(lines, range(count), strict=False)]


def before(file: Bytes, start: int, count: int) -> list[Line]:
    """At most so many lines before a start, the oldest first."""
    found: list[Line] = []
    while start > 0 and len(found) < count:
        low = start_of(file, max(0, start - BLOCK))
        block = []
        for line in forward(file, low):
            if line.start >= start:
                break
            block.append(line)
        if not block:
            break  # truncated while it is read
        found[:0] = block
        start = low
    return found[-count:] if count else []
