"""What the terminal shows, cell by cell: of a frame that Textual paints only what differs goes out.

Textual 8.2 paints a screen that is opened four to six times, in whole lines with their blanks: 64 KB at 200x60, which
take 8 s at 64 kbit/s. Knows Textual's frames, and what terminals have had since the VT100: places, colours, and "erase
to the end of the line", only ever in the terminal's own background, since not every terminal erases with another one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from coroctl.tui.cells import BLANK, Row, blanks, cells_of, is_certain, paint

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[([\d;]*)m|(\n)|([^\x1b\n]+)|\x1b")
_HARMLESS: Final = re.compile(r"(?:\x1b\[[?<>=][\d;]*\$?[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x07)*")
"""Modes, questions, the clipboard, the bell: what leaves every cell as it is."""
_OTHER_SCREEN: Final = "\x1b[?1049"
CLEAR: Final = "\x1b[m\x1b[2J"
ERASE: Final = "\x1b[K"


class _StrangeError(Exception):
    """A frame with something in it that is not known here."""


class Canvas:
    """Keeps every cell as it is to be, as it was told, and which lines of the terminal are not known to be so."""

    def __init__(self) -> None:
        """Without a size everything passes as it is."""
        self._width = 0
        self._rows: list[Row] = []
        self._unknown: set[int] = set()
        """Lines of the terminal that may show anything."""
        self._at: tuple[int, int] | None = None
        """Where the terminal's cursor is."""

    def resize(self, width: int, height: int) -> None:
        """What the terminal has made of its lines is not known; what they are to be is, until it is painted anew."""
        kept = [(row + blanks(width))[:width] for row in self._rows[:height]]
        self._width = width
        self._rows = kept + [blanks(width) for _ in range(height - len(kept))]
        self.forget()

    def forget(self) -> None:
        """Somebody else may have written on the terminal: with the next frame all of it goes out."""
        self._unknown = set(range(len(self._rows)))
        self._at = None

    def take(self, written: str) -> str:
        """What is to be written instead."""
        if not self._rows or not written.endswith("H"):  # the place of the cursor ends each frame
            if not _HARMLESS.fullmatch(written) or _OTHER_SCREEN in written:
                self.forget()
            return written
        before = self._rows
        self._rows = before.copy()
        try:
            touched, at = self._apply(written, before)
        except _StrangeError:
            self._rows = before
            self.forget()
            return written
        return self._difference(before, touched, at)

    def _apply(self, frame: str, before: list[Row]) -> tuple[set[int], tuple[int, int]]:
        """Bring the rows to what the frame says; which ones it touched, and where it leaves the cursor."""
        x, y, style = 0, 0, ""
        touched: set[int] = set()
        for token in _TOKEN.finditer(frame):
            line, column, sgr, newline, text = token.groups()
            if text is not None:
                cells = cells_of(style, text)
                if 0 <= y < len(self._rows):
                    if y not in touched:
                        touched.add(y)
                        self._rows[y] = before[y].copy()
                    _put(self._rows[y], x, cells)
                x += len(cells)
            elif sgr is not None:
                style = _after(style, sgr)
            elif line is not None:
                x, y = int(column) - 1, int(line) - 1
            elif newline is not None:
                x, y = 0, y + 1
            else:
                raise _StrangeError
        return touched, (x, y)

    def _difference(self, before: list[Row], touched: set[int], at: tuple[int, int]) -> str:
        out = []
        if len(self._unknown) == len(self._rows):
            out.append(CLEAR)
            empty = blanks(self._width)
            before, touched = [empty] * len(self._rows), set(range(len(self._rows)))
            self._unknown = set()
        for y in sorted(touched | self._unknown):
            out.extend(self._line(y, before[y]))
        self._unknown = {y for y in touched | self._unknown if not all(map(is_certain, self._rows[y]))}
        if out or at != self._at:
            out.append(f"\x1b[{at[1] + 1};{at[0] + 1}H")
            self._at = at
        return "".join(out)

    def _line(self, y: int, old: Row) -> Iterator[str]:
        """The cheaper of two ways: what differs, or the line erased from the first difference on and written anew."""
        new = self._rows[y]
        if y in self._unknown or not all(map(is_certain, new)):
            yield f"\x1b[{y + 1}H{ERASE}{paint(blanks(self._width), new, y)}"
            return
        if old == new:
            return
        first = next(x for x in range(self._width) if old[x] != new[x])
        end = next((x for x in range(self._width, first, -1) if new[x - 1] != BLANK), first)
        begun = new[:first] + blanks(self._width - first)
        erased = f"\x1b[{y + 1};{first + 1}H{ERASE}{paint(begun, new, y)}"
        if old[end:] == new[end:]:
            kept = paint(old, new, y)
        else:
            kept = f"{paint(old[:end] + new[end:], new, y)}\x1b[{y + 1};{end + 1}H{ERASE}"
        yield min(kept, erased, key=len)


def _put(row: Row, x: int, cells: Row) -> None:
    """Write them over the row, as far as it goes; of a wide character that is cut in two a blank is left."""
    cells = cells[: max(len(row) - x, 0)]
    end = x + len(cells)
    if not cells:
        return
    if row[x][1] == "":
        row[x - 1] = BLANK
    if end < len(row) and row[end][1] == "":
        row[end] = BLANK
    row[x:end] = cells


@lru_cache(1024)
def _after(style: str, sgr: str) -> str:
    """The style after it; "" is the terminal's own. Rich resets after every piece, and tells default colours, too."""
    words = [] if not style else style.split(";")
    told = iter((sgr or "0").split(";"))
    for word in told:
        if word in ("", "0"):
            words = []
        elif word in ("38", "48"):
            kind = next(told, "")
            words += [word, kind, *(next(told, "") for _ in range(3 if kind == "2" else 1))]
        elif words or word not in ("39", "49"):
            words.append(word)
    return ";".join(words)
