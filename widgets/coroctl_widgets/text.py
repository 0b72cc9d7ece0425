"""Untrusted text made fit for a terminal: neutral characters only, and exactly so many cells wide.

Everything that a widget paints goes through here. Knows characters and cells, not widgets.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache
from typing import Final

from rich.cells import cell_len, get_character_cell_size

MARK: Final = "·"
"""Stands for a character that must not reach the terminal: hiding it would let two names look alike."""
ELLIPSIS: Final = "…"
TAB: Final = 4
MAX_COMBINING: Final = 2
"""Marks on one character; more of them paint over the neighbouring lines."""

_COLOURS = re.compile("\x1b\\[[0-9;:]*m")
"""The one escape sequence that honest logs contain and that may vanish without a trace."""
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")


class Align(Enum):
    """Where text stands in a width that is larger than it."""

    LEFT = "left"
    RIGHT = "right"


class _Kind(Enum):
    PLAIN = "plain"
    COMBINING = "combining"
    DROPPED = "dropped"
    UNSAFE = "unsafe"


@lru_cache(maxsize=4096)
def _kind(character: str) -> _Kind:
    if "\ufe00" <= character <= "\ufe0f" or "\U0001f3fb" <= character <= "\U0001f3ff":
        return _Kind.DROPPED  # variants and skin tones: terminals disagree about their width
    if unicodedata.category(character) in _UNSAFE or character in _INVISIBLE:
        return _Kind.UNSAFE
    if "\U0001f1e6" <= character <= "\U0001f1ff" or "\U000e0000" <= character <= "\U000e0fff":
        return _Kind.UNSAFE  # flags join in some terminals only
    return _Kind.COMBINING if get_character_cell_size(character) == 0 else _Kind.PLAIN


def neutral(text: str) -> str:
    """The text without anything that a terminal would obey, join or misplace."""
    if text.isascii() and text.isprintable():
        return text
    safe: list[str] = []
    combining = MAX_COMBINING  # none may come before the first character
    for character in _COLOURS.sub("", text).expandtabs(TAB):
        match _kind(character):
            case _Kind.PLAIN:
                combining = 0
                safe.append(character)
            case _Kind.UNSAFE:
                combining = MAX_COMBINING
                safe.append(MARK)
            case _Kind.COMBINING if combining < MAX_COMBINING:
                combining += 1
                safe.append(character)
            case _:
                pass
    return "".join(safe)


def cells(text: str) -> int:
    """The width of neutral text."""
    return cell_len(text)


def split(text: str, width: int) -> tuple[str, str]:
    """Neutral text cut at a cell; a wide character across the cut goes right as a whole."""
    if text.isascii():
        return text[:width], text[width:]
    used = 0
    for index, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > width:
            return text[:index], text[index:]
    return text, ""


def skip(text: str, count: int) -> str:
    """Neutral text without its first cells, for scrolling sideways; half a wide character becomes a space."""
    if text.isascii():
        return text[max(0, count) :]
    used = 0
    for index, character in enumerate(text):
        size = get_character_cell_size(character)
        if used >= count and size:
            return " " * (used - max(0, count)) + text[index:]
        used += size
    return " " * max(0, used - max(0, count))


@lru_cache(maxsize=2048)
def fit(text: str, width: int, align: Align = Align.LEFT) -> str:
    """Any text, neutral and exactly this wide; an ellipsis says that some of it is missing."""
    if width <= 0:
        return ""
    text = neutral(text)
    if cells(text) > width:
        text = split(text, width - 1)[0] + ELLIPSIS
    space = " " * (width - cells(text))
    return space + text if align is Align.RIGHT else text + space


def crop(text: str, width: int) -> str:
    """Any text, neutral and at most this wide."""
    return fit(text, min(width, cells(neutral(text))))
