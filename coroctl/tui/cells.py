"""Cells of a terminal and how they are written with few bytes. Pure; knows ANSI and widths of characters."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from rich.cells import split_graphemes

Cell = tuple[str, str]
"""Style (what stands between ESC [ and m), and character; of a wide character the second cell is empty."""
Row = list[Cell]

BLANK: Final[Cell] = ("", " ")
GAP: Final = 5
"""Cells that stay as they are, and cost less to be written again than to be jumped over."""
_CERTAIN: Final = re.compile("[ -~¡-¬®-ʯ\u0391-\u0481\u048a-\u0527\u2010-\u2027\u2030-\u205e←-↓─-\u25fc\u2801-⣿]*")
"""Characters that take one cell on every terminal."""
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_BACKGROUNDS: Final = (48, *range(40, 48), *range(100, 108))
_SEEN_ON_BLANKS: Final = frozenset(map(str, (4, 7, 9, 21, 53, *_BACKGROUNDS)))
"""Underlined, reversed, struck through, underlined twice, overlined, on a colour."""


def blanks(count: int) -> Row:
    """So many of the terminal's own."""
    return [BLANK] * count


def cells_of(style: str, text: str) -> Row:
    """The cells that a text takes."""
    blank = (style, " ") if shows_on_blanks(style) else BLANK
    if _CERTAIN.fullmatch(text):
        return [blank if letter == " " else (style, letter) for letter in text]
    text = _CONTROLS.sub(" ", text)
    cells: Row = []
    for begin, end, width in split_graphemes(text)[0]:
        if width:
            cells += [(style, text[begin:end]), *[(style, "")] * (width - 1)]
    return [blank if cell[1] == " " else cell for cell in cells]


@lru_cache(4096)
def is_certain(cell: Cell) -> bool:
    """Whether every terminal gives it one cell."""
    return len(cell[1]) == 1 and _CERTAIN.fullmatch(cell[1]) is not None


@lru_cache(256)
def shows_on_blanks(style: str) -> bool:
    """Whether a blank in this style is more than nothing."""
    words = style.split(";")
    if "38" in words:  # what follows it are numbers of a colour
        place = words.index("38")
        del words[place : place + (5 if words[place + 1 : place + 2] == ["2"] else 3)]
    return not _SEEN_ON_BLANKS.isdisjoint(words)


def paint(old: Row, new: Row, y: int) -> str:
    """What makes the line's old cells the new ones; it begins anywhere, in the terminal's own style, and ends in it."""
    out: list[str] = []
    style, at = "", -1  # and where the cursor is, as far as that is known
    for x, cell in enumerate(new):
        if cell == old[x] or cell[1] == "":
            continue
        if at != x:
            if 0 <= at < x <= at + GAP and all(_fits(one, style) for one in new[at:x]):
                out.append("".join(letter for _, letter in new[at:x]))
            else:
                out.append(f"\x1b[{x - at}C" if 0 <= at < x else f"\x1b[{y + 1};{x + 1}H")
        if not _fits(cell, style):
            out.append(_change(style, cell[0]))
            style = cell[0]
        out.append(cell[1])
        at = x + 1 if is_certain(cell) else -1
    if style:
        out.append("\x1b[m")
    return "".join(out)


def _change(before: str, after: str) -> str:
    if not after:
        return "\x1b[m"
    return f"\x1b[0;{after}m" if before else f"\x1b[{after}m"


def _fits(cell: Cell, style: str) -> bool:
    """Whether it may be written without another style."""
    return cell[0] == style if cell != BLANK else not style or not shows_on_blanks(style)
