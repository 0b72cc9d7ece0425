"""What a table is made of, and which of its columns fit into a width. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from coroctl_widgets.lines import Tone
from coroctl_widgets.text import Align

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP: Final = 2


class Column(NamedTuple):
    """A column. `width`: at least, while there is room; 0: nothing to show. `grow`: its share of what is left over,
    until it is `most` wide (0: no bound), so that what belongs together stays together on a wide screen.

    `drop`: where there is too little room, columns go in this order, the largest first; 0 stays.
    """

    key: str
    label: str
    width: int
    align: Align = Align.LEFT
    grow: int = 0
    drop: int = 0
    most: int = 0


class Cell(NamedTuple):
    """Untrusted text and what it means; the owner puts a word or a glyph into the text for that, too."""

    text: str
    tone: Tone = Tone.NORMAL
    rank: float | None = None
    """What the row is sorted by; None: by the text, and numbers in it as numbers."""


class Row(NamedTuple):
    """One cell for each column; the key is the row's identity."""

    key: str
    cells: tuple[Cell, ...]


class Place(NamedTuple):
    """A column that is shown, and how wide."""

    column: int
    width: int


@lru_cache(maxsize=64)
def lay_out(columns: tuple[Column, ...], width: int) -> tuple[Place, ...]:
    """The columns that fit into a width, with theirs."""
    kept = [i for i, column in enumerate(columns) if column.width]
    while _needed([columns[i].width for i in kept]) > width:
        droppable = [i for i in kept if columns[i].drop]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda i: (columns[i].drop, i)))
    widths = _grown([columns[i] for i in kept], width - _needed([columns[i].width for i in kept]))
    return tuple(Place(i, narrow) for i, narrow in zip(kept, _narrowed(widths, width), strict=True) if narrow)


def _needed(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * max(0, len(widths) - 1)


def _grown(columns: Sequence[Column], extra: int) -> list[int]:
    """What is left over, shared, and again what one of them does not take; the rounding goes to the last that grows."""
    widths = [column.width for column in columns]
    while extra > 0:
        growing = [i for i, one in enumerate(columns) if one.grow and (not one.most or widths[i] < one.most)]
        shares, left = sum(columns[i].grow for i in growing), extra
        for i in growing:
            share = left if i == growing[-1] else extra * columns[i].grow // shares
            taken = min(share, columns[i].most - widths[i]) if columns[i].most else share
            widths[i] += taken
            left -= taken
        if left in (0, extra):
            break
        extra = left
    return widths


def _narrowed(widths: list[int], width: int) -> list[int]:
    """The widest gives first; when nothing helps, the last columns go."""
    while _needed(widths) > width and max(widths, default=0) > 1:
        widths[widths.index(max(widths))] -= 1
    room = max(0, (width + GAP) // (1 + GAP))
    return [narrow if i < room else 0 for i, narrow in enumerate(widths)]
