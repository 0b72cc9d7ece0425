"""A square of pairs: a row and a column for each name, and in every cell a short word, with its heat as a character.

Heat is drawn by a ramp of characters, never by colour alone; what stands out is the owner's word. Names and cells
that do not fit are scrolled to by moving the cursor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from textual.binding import Binding
from textual.message import Message

from coroctl_widgets.lines import CURSOR, HEAD, LineWidget, Piece, Tone
from coroctl_widgets.text import ELLIPSIS, Align, cells, fit, neutral, skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual import events
    from textual.binding import BindingType
    from textual.geometry import Size

    from coroctl_widgets.lines import Line

RAMP: Final = "·░▒▓█"
"""From cool to hot."""
MARGIN: Final = 2
NARROWEST: Final = 5
WIDEST: Final = 14
LONGEST_NAME: Final = 20


class Spot(NamedTuple):
    """One cell: untrusted text and what it means; `heat` from 0 to 1, None where there is nothing to measure."""

    text: str
    tone: Tone = Tone.NORMAL
    heat: float | None = None

    def drawn(self) -> str:
        """The text, with its heat before it."""
        if self.heat is None:
            return self.text
        return RAMP[min(max(int(self.heat * len(RAMP)), 0), len(RAMP) - 1)] + self.text


class Matrix(NamedTuple):
    """Names, and a row of spots for each of them, a spot for each name in it."""

    names: tuple[str, ...] = ()
    spots: tuple[tuple[Spot, ...], ...] = ()


class Shape(NamedTuple):
    """What of a matrix fits: the width of the names and of a cell, how many columns and rows."""

    label: int
    cell: int
    columns: int
    rows: int


def shape(matrix: Matrix, width: int, height: int, corner: str = "") -> Shape:
    """Cells as wide as their words, or wider for the names if there is room."""
    count = max(len(matrix.names), 1)
    names = max((cells(neutral(name)) for name in (*matrix.names, corner)), default=1)
    label = min(names, LONGEST_NAME, max(width // 3, 1))
    words = max((cells(neutral(spot.drawn())) for row in matrix.spots for spot in row), default=1)
    room = max(width - MARGIN - label - 1, 1)
    longest = max((cells(neutral(name)) for name in matrix.names), default=1)
    cell = max(NARROWEST, words + 1, min(longest + 1, WIDEST, room // count))
    cell = min(cell, room)
    fitting = max(room // cell, 1)
    lines = max(height - 1, 1)
    rows = lines if lines >= count or lines == 1 else lines - 1
    return Shape(label, cell, min(fitting, count), min(rows, count))


class LinkMatrix(LineWidget, can_focus=True):
    """A header line and a line for each name; the cursor is on one pair."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1, 0)", "Down", show=False, id="down"),
        Binding("up,k", "move(-1, 0)", "Up", show=False, id="up"),
        Binding("right,l", "move(0, 1)", "Right", show=False, id="right"),
        Binding("left,h", "move(0, -1)", "Left", show=False, id="left"),
        Binding("home,g", "move(-9999, 0)", "First", show=False, id="first"),
        Binding("end,G", "move(9999, 0)", "Last", show=False, id="last"),
        Binding("enter", "select", "Open", show=False, id="open"),
    ]

    DEFAULT_CSS = """
    LinkMatrix { height: 1fr; width: 1fr; }
    """

    class SpotHighlighted(Message):
        """The cursor came to another pair."""

        def __init__(self, matrix: LinkMatrix, row: int, column: int) -> None:
            super().__init__()
            self.matrix = matrix
            self.row = row
            self.column = column

        @property
        def control(self) -> LinkMatrix:
            return self.matrix

    class SpotSelected(SpotHighlighted):
        """Enter, or a double click, on a pair."""

    def __init__(
        self,
        value: Matrix | None = None,
        *,
        corner: str = "",
        empty: str = "nothing to show",
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._value = Matrix()
        self._corner = corner
        self._empty = empty
        self._row = self._column = self._top = self._left = 0
        self._form: tuple[Size, Shape] | None = None
        self.set_value(value or Matrix())

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column."""
        return self._row, self._column

    def set_value(self, value: Matrix) -> None:
        """Show this instead. ValueError: not square. The cursor stays with its pair of names."""
        if any(len(row) != len(value.names) for row in (value.spots, *value.spots)):
            raise ValueError(f"not {len(value.names)} rows of {len(value.names)} spots")
        old = self._value.names
        self._row, self._column = (_place(old, at, value.names) for at in (self._row, self._column))
        self._value, self._form = value, None
        self._scroll()
        self.repaint()

    def set_empty(self, text: str) -> None:
        """What to say while there are no names."""
        self._empty = text
        self.repaint()

    def on_resize(self) -> None:
        self._scroll()
        self.repaint()

    def line(self, y: int) -> Line:
        matrix = self._value
        if not matrix.names:
            return (Piece(fit(f"  {self._empty}", self.size.width), (Tone.DIM.value,)),) if y == 0 else ()
        form = self._shape()
        if y == 0:
            return self._header(form)
        index = self._top + y - 1
        if y <= form.rows and index < len(matrix.names):
            return self._line(form, index)
        return self._footer(form) if y == form.rows + 1 else ()

    def _shape(self) -> Shape:
        """Kept until value or size change: it takes a look at every pair."""
        if self._form is None or self._form[0] != self.size:
            self._form = self.size, shape(self._value, self.size.width, self.size.height, self._corner)
        return self._form[1]

    def _header(self, form: Shape) -> Line:
        names = self._value.names[self._left : self._left + form.columns]
        heads = "".join(fit(_ending(name, form.cell - 1), form.cell - 1, Align.RIGHT) + " " for name in names)
        return (Piece(fit(f"{'':{MARGIN}}{fit(self._corner, form.label)} {heads}", self.size.width), (HEAD,)),)

    def _line(self, form: Shape, index: int) -> Line:
        here = index == self._row
        marks = (CURSOR,) if here else ()
        name = fit(self._value.names[index], form.label)
        pieces = [Piece("> " if here else "  ", marks), Piece(f"{name} ", marks)]
        for column in range(self._left, self._left + form.columns):
            spot = self._value.spots[index][column]
            styles = (spot.tone.value, CURSOR) if here and column == self._column else (spot.tone.value,)
            pieces += [Piece(fit(spot.drawn(), form.cell - 1, Align.RIGHT), styles), Piece(" ")]
        used = sum(cells(piece.text) for piece in pieces)
        return (*pieces, Piece(" " * max(self.size.width - used, 0)))

    def _footer(self, form: Shape) -> Line:
        count = len(self._value.names)
        if form.rows >= count and form.columns >= count:
            return ()
        rows = f"rows {self._top + 1}-{self._top + form.rows}"
        columns = f"columns {self._left + 1}-{self._left + form.columns}"
        return (Piece(fit(f"  {rows}, {columns} of {count}", self.size.width), (Tone.DIM.value,)),)

    def _scroll(self) -> None:
        """The cursor's cell is always seen."""
        form = self._shape()
        count = len(self._value.names)
        self._top = max(0, min(max(self._top, self._row - form.rows + 1), self._row, count - form.rows))
        self._left = max(0, min(max(self._left, self._column - form.columns + 1), self._column, count - form.columns))

    def on_click(self, event: events.Click) -> None:
        form = self._shape()
        row, column = self._top + event.y - 1, self._left + (event.x - MARGIN - form.label - 1) // form.cell
        inside = event.x > MARGIN + form.label and self._left <= column < self._left + form.columns
        if 0 < event.y <= form.rows and row < len(self._value.names) and inside:
            self._go(row, column)
            if event.chain == 2:
                self.action_select()

    def _go(self, row: int, column: int) -> None:
        last = max(len(self._value.names) - 1, 0)
        place = (max(0, min(row, last)), max(0, min(column, last)))
        if place == (self._row, self._column):
            return
        self._row, self._column = place
        self._scroll()
        self.repaint()
        self.post_message(self.SpotHighlighted(self, self._row, self._column))

    def action_move(self, rows: int, columns: int) -> None:
        self._go(self._row + rows, self._column + columns)

    def action_select(self) -> None:
        if self._value.names:
            self.post_message(self.SpotSelected(self, self._row, self._column))


def _ending(name: str, width: int) -> str:
    """A name in so many cells; of a longer one its end, as names of one cluster differ there."""
    name = neutral(name)
    return name if cells(name) <= width or width < 2 else ELLIPSIS + skip(name, cells(name) - width + 1)


def _place(old: Sequence[str], at: int, new: Sequence[str]) -> int:
    """Where the name at that place is now."""
    if at < len(old) and old[at] in new:
        return new.index(old[at])
    return max(0, min(at, len(new) - 1))


def demo() -> Iterable[LinkMatrix]:
    """Five nodes, of which two do not hear each other, and one is deaf to another; names that try to do harm."""
    names = ("node1", "node2", "ノード三", "a-node-with-a-name-that-is-far-too-long", "\x1b[2J\u202eevil")
    rows = []
    for i in range(5):
        row = [Spot("-", Tone.DIM) if i == j else Spot("ok", Tone.GOOD) for j in range(5)]
        if i == 0:
            row[1:] = [Spot(f"{ms} ms", heat=heat) for ms, heat in ((0.1, 0.0), (0.9, 0.3), (4.0, 0.6), (60, 0.99))]
        rows.append(row)
    rows[1][2] = rows[2][1] = Spot("CUT", Tone.BAD)
    rows[3][0] = Spot("DEAF", Tone.BAD)
    rows[4][2] = Spot("?", Tone.DIM)
    yield LinkMatrix(Matrix(names, tuple(tuple(row) for row in rows)), corner="hears")


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
