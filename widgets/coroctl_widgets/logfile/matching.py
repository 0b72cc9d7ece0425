"""Which lines of a block match: a text or a regular expression, and lines that do not, if that is asked for.

Small letters match large ones, too; a pattern with a large letter is taken as it is. Bytes are searched as they are
wherever that gives the same answer as looking at each line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from coroctl_widgets.logfile.lines import SPAN, forced_end

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECIAL: Final = frozenset(r"\.^$*+?{}[]|()")
ACROSS: Final = re.compile(r"\\[nsWDAZB0-9xuN]|\[\^|\(\?|\$|[*+?}]\+|[\r\n]")
"""What may look beyond a line's end, so that a block as a whole would answer otherwise than its lines."""
ODD: Final = re.compile(r"\[[^\]]*-|\\[x0-9]")
"""What may mean large letters without having one."""


class Pattern(NamedTuple):
    """What is looked for."""

    text: str
    """A regular expression."""
    inverse: bool = False
    """Lines without it."""


class PatternError(ValueError):
    """The text is no regular expression; the reason is one line."""


class Matcher:
    """A pattern that is ready to be looked for."""

    def __init__(self, pattern: Pattern) -> None:
        """PatternError if it cannot be understood."""
        self.pattern = pattern
        self.inverse = pattern.inverse
        text = pattern.text
        small = not any(letter.isupper() for letter in re.sub(r"\\.", "", text))
        flags = re.IGNORECASE if small else re.NOFLAG
        try:
            self._text = re.compile(text, flags)
            self._bytes = re.compile(text.encode(), flags | re.MULTILINE) if text.isascii() else None
            # In small letters only, a regular expression is found several times as fast.
            self._folded = re.compile(text.encode(), re.MULTILINE) if text.isascii() else None
        except (re.error, RecursionError, OverflowError) as error:
            raise PatternError(f"not a regular expression: {error}") from None
        self._fold = small and not ODD.search(text)
        plain = text.isascii() and not SPECIAL & set(text)
        self.literal = text if plain else ""
        """The pattern, if it is just a text."""
        self._needle = (text.lower() if small else text).encode() if plain else b""
        self._each = not text.isascii() or bool(ACROSS.search(text))

    def matches(self, line: bytes) -> bool:
        """Whether one line, with or without its end, is among those that are looked for."""
        return self._has(line) is not self.inverse

    def starts(self, block: bytes, base: int) -> Iterator[int]:
        """Offsets of the lines that are looked for, in whole lines of which the first starts at `base`."""
        if self.inverse:
            yield from self._without(block, base)
        elif self._each:
            yield from (
                base + start for start, end in _lines(block, 0, len(block), base) if self._has(block[start:end])
            )
        else:
            yield from (base + start for start, _ in self._with(block, base))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where a plain text occurs; nothing for other patterns, which may take for ever."""
        if not self.literal or self.inverse:
            return []
        return [found.span() for found in self._text.finditer(text)]

    def _has(self, line: bytes) -> bool:
        line = line.rstrip(b"\r\n")
        if self._needle:
            return self._needle in (line.lower() if self._fold else line)
        if self._bytes is not None:
            return self._bytes.search(line) is not None
        return self._text.search(line.decode("utf-8", "replace")) is not None

    def _with(self, block: bytes, base: int) -> Iterator[tuple[int, int]]:
        """Lines that have it, found by what is rare: the match."""
        hay = block.lower() if self._fold else block
        at = 0
        while at < len(block) and (found := self._find(hay, at)) >= 0:
            end = block.find(b"\n", found) + 1 or len(block)
            first = max(block.rfind(b"\n", 0, found) + 1, at)
            for start, stop in _lines(block, first, end, base):
                if self._has(block[start:stop]):
                    yield start, stop
            at = end

    def _find(self, hay: bytes, at: int) -> int:
        if self._needle:
            return hay.find(self._needle, at)
        expression = self._folded if self._fold else self._bytes
        assert expression is not None
        found = expression.search(hay, at)
        return found.start() if found else -1

    def _without(self, block: bytes, base: int) -> Iterator[int]:
        for start, end in _lines(block, 0, len(block), base):
            if not self._has(block[start:end]):
                yield base + start


def _lines(block: bytes, start: int, end: int, base: int) -> Iterator[tuple[int, int]]:
    """The lines of a part of a block, those that are too long in the parts that `lines` gives."""
    while start < end:
        stop = block.find(b"\n", start, min(end, start + 2 * SPAN)) + 1 or end
        forced = forced_end(base + start) - base
        stop = min(stop, forced)
        yield start, stop
        start = stop
