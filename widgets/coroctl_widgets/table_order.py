"""Which rows of a table are shown, and in which order. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coroctl_widgets.table_columns import Cell, Row

UNKNOWN: Final = ("", "-", "?")
"""Texts that come last, whichever way the rest goes."""
_NUMBER = re.compile(r"(\d+)")


class Order(NamedTuple):
    """By a column; upwards: the smallest first."""

    column: int
    up: bool = True


def chosen(rows: Sequence[Row], wanted: str) -> tuple[Row, ...]:
    """The rows that have each of the words in some cell, whatever its case; a word after ``!`` in none."""
    words = wanted.casefold().split()
    return tuple(row for row in rows if all(_has(row, word) for word in words)) if words else tuple(rows)


def _has(row: Row, word: str) -> bool:
    text = word.removeprefix("!")
    return any(text in cell.text.casefold() for cell in row.cells) is (text == word)


def ordered(rows: Sequence[Row], order: Order | None) -> tuple[Row, ...]:
    """The rows in that order; those that are equal stay as they are."""
    if order is None:
        return tuple(rows)
    known = [row for row in rows if not _unknown(row.cells[order.column])]
    rest = [row for row in rows if _unknown(row.cells[order.column])]
    known.sort(key=lambda row: _key(row.cells[order.column]), reverse=not order.up)
    return (*known, *rest)


def _unknown(cell: Cell) -> bool:
    return cell.rank is None and cell.text.strip() in UNKNOWN


def _key(cell: Cell) -> tuple[float, list[tuple[int, str]]]:
    if cell.rank is not None:
        return cell.rank, []
    parts = _NUMBER.split(cell.text.casefold())
    return 0, [(int(part), "") if part.isdecimal() else (-1, part) for part in parts if part]
