"""Tables and numbers as plain text. Knows nothing of clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Columns as wide as their content, two blanks apart; those whose numbers are in ``right`` right-aligned."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def plain(text: str) -> str:
    """Text from outside, with what a terminal would act on made visible."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def plural(count: int, word: str) -> str:
    """``1 vote``, ``2 votes``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def latency(microseconds: int | None) -> str:
    """``120 us``, ``1.2 ms``, ``-``."""
    if microseconds is None:
        return "-"
    return f"{microseconds} us" if microseconds < 1000 else f"{microseconds / 1000:.1f} ms"


def optional(value: int | None) -> str:
    """The number, or ``-``."""
    return "-" if value is None else str(value)
