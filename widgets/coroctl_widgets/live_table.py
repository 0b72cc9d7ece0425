"""A table that is set as a whole, again and again, and sends only the cells that changed.

The cursor belongs to a row's key, not to its place. Columns fit the width or are left out; nothing scrolls sideways.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from textual.binding import Binding
from textual.message import Message

from coroctl_widgets.lines import CURSOR, HEAD, LineWidget, Piece, Tone
from coroctl_widgets.text import Align, cells, fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual import events
    from textual.binding import BindingType

    from coroctl_widgets.lines import Line

GUTTER: Final = 2
"""Left of the first column: the cursor's glyph."""
GAP: Final = 2
WHEEL: Final = 3


class Column(NamedTuple):
    """A column. `width`: at least, while there is room. `grow`: its share of what is left over.

    `drop`: where there is too little room, columns go in this order, the largest first; 0 stays.
    """

    key: str
    label: str
    width: int
    align: Align = Align.LEFT
    grow: int = 0
    drop: int = 0


class Cell(NamedTuple):
    """Untrusted text and what it means; the owner puts a word or a glyph into the text for that, too."""

    text: str
    tone: Tone = Tone.NORMAL


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
    kept = list(range(len(columns)))
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
    """What is left over, shared; the rounding goes to the last that grows."""
    widths = [column.width for column in columns]
    shares = sum(column.grow for column in columns)
    if extra > 0 and shares:
        for i, column in enumerate(columns):
            widths[i] += extra * column.grow // shares
        last = max(i for i, column in enumerate(columns) if column.grow)
        widths[last] += extra - (sum(widths) - sum(column.width for column in columns))
    return widths


def _narrowed(widths: list[int], width: int) -> list[int]:
    """The widest gives first; when nothing helps, the last columns go."""
    while _needed(widths) > width and max(widths, default=0) > 1:
        widths[widths.index(max(widths))] -= 1
    room = max(0, (width + GAP) // (1 + GAP))
    return [narrow if i < room else 0 for i, narrow in enumerate(widths)]


class LiveTable(LineWidget, can_focus=True):
    """A header line, the rows, and where there are more rows than lines, a line that says which are seen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("home,g", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
        Binding("enter", "select", "Open", show=False),
    ]

    DEFAULT_CSS = """
    LiveTable { height: 1fr; width: 1fr; }
    """

    class RowHighlighted(Message):
        """The cursor came to another row, or there is none any more (key None)."""

        def __init__(self, table: LiveTable, key: str | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> LiveTable:
            return self.table

    class RowSelected(Message):
        """Enter, or a double click, on a row."""

        def __init__(self, table: LiveTable, key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> LiveTable:
            return self.table

    def __init__(
        self,
        columns: Iterable[Column],
        rows: Iterable[Row] = (),
        *,
        empty: str = "nothing to show",
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._columns = tuple(columns)
        self._rows: tuple[Row, ...] = ()
        self._empty = empty
        self._cursor = 0
        self._top = 0
        self.set_rows(rows)

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._rows[self._cursor].key if self._rows else None

    @property
    def hidden_columns(self) -> tuple[str, ...]:
        """The keys of the columns for which there is no room."""
        shown = {place.column for place in self._places()}
        return tuple(column.key for i, column in enumerate(self._columns) if i not in shown)

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Show these rows instead. ValueError: keys that are not unique, or not one cell for each column."""
        rows = tuple(rows)
        places = _places_of_keys(rows, len(self._columns))
        before, seen = self.cursor_key, self._cursor_is_seen()
        self._rows = rows
        self._cursor = places.get(before or "", min(self._cursor, max(0, len(rows) - 1)))
        self._show_from(self._top, keep_cursor=seen)
        self._changed(before)

    def set_columns(self, columns: Iterable[Column]) -> None:
        """Show the cells under these columns from now on. ValueError: not as many as before."""
        columns = tuple(columns)
        if len(columns) != len(self._columns):
            raise ValueError(f"{len(columns)} columns where there were {len(self._columns)}")
        self._columns = columns
        self.repaint()

    def set_empty(self, text: str) -> None:
        """What to say instead of rows."""
        self._empty = text
        self.repaint()

    def move_to(self, key: str) -> bool:
        """Put the cursor on a row; False where there is none of that key."""
        found = next((i for i, row in enumerate(self._rows) if row.key == key), None)
        if found is not None:
            self._move(found)
        return found is not None

    def on_resize(self) -> None:
        self._show_from(self._top, keep_cursor=True)
        self.repaint()

    def on_click(self, event: events.Click) -> None:
        index = self._top + event.y - 1
        if 0 < event.y <= self._body and index < len(self._rows):
            self._move(index)
            if event.chain == 2:
                self.action_select()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._show_from(self._top + WHEEL, keep_cursor=False)
        self.repaint()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._show_from(self._top - WHEEL, keep_cursor=False)
        self.repaint()

    def line(self, y: int) -> Line:
        if y == 0:
            return self._header()
        if not self._rows:
            return (Piece(fit(f"  {self._empty}", self.size.width), (Tone.DIM.value,)),) if y == 1 else ()
        if y > self._body:
            return self._footer()
        index = self._top + y - 1
        return self._row(index) if index < len(self._rows) else ()

    @property
    def _body(self) -> int:
        """How many lines show rows."""
        lines = self.size.height - 1
        return lines if lines >= len(self._rows) or lines <= 1 else lines - 1

    def _places(self) -> tuple[Place, ...]:
        return lay_out(self._columns, self.size.width - GUTTER)

    def _header(self) -> Line:
        labels = (fit(self._columns[i].label, width, self._columns[i].align) for i, width in self._places())
        return (Piece(fit("  " + (" " * GAP).join(labels), self.size.width), (HEAD,)),)

    def _footer(self) -> Line:
        last = min(self._top + self._body, len(self._rows))
        return (Piece(fit(f"  {self._top + 1}-{last} of {len(self._rows)}", self.size.width), (Tone.DIM.value,)),)

    def _row(self, index: int) -> Line:
        row = self._rows[index]
        marks = (CURSOR,) if index == self._cursor else ()
        pieces = [Piece("> " if marks else "  ", marks)]
        for i, width in self._places():
            cell = row.cells[i]
            pieces.append(Piece(fit(cell.text, width, self._columns[i].align), (cell.tone.value, *marks)))
            pieces.append(Piece(" " * GAP, marks))
        used = sum(cells(piece.text) for piece in pieces)
        return (*pieces, Piece(" " * (self.size.width - used), marks))

    def _cursor_is_seen(self) -> bool:
        return self._top <= self._cursor < self._top + self._body

    def _show_from(self, top: int, *, keep_cursor: bool) -> None:
        """Show rows from here on, as far as that leaves no line empty and, if asked, shows the cursor."""
        body = max(1, self._body)
        if keep_cursor and self.size.height:
            top = min(max(top, self._cursor - body + 1), self._cursor)
        self._top = max(0, min(top, len(self._rows) - body))

    def _move(self, index: int) -> None:
        before = self.cursor_key
        self._cursor = max(0, min(index, len(self._rows) - 1))
        self._show_from(self._top, keep_cursor=True)
        self._changed(before)

    def _changed(self, before: str | None) -> None:
        self.repaint()
        if self.cursor_key != before:
            self.post_message(self.RowHighlighted(self, self.cursor_key))

    def action_move(self, by: int) -> None:
        self._move(self._cursor + by)

    def action_page(self, by: int) -> None:
        self._top += by * max(1, self._body - 1)
        self._move(self._cursor + by * max(1, self._body - 1))

    def action_first(self) -> None:
        self._move(0)

    def action_last(self) -> None:
        self._move(len(self._rows) - 1)

    def action_select(self) -> None:
        if self.cursor_key is not None:
            self.post_message(self.RowSelected(self, self.cursor_key))


def _places_of_keys(rows: Sequence[Row], columns: int) -> dict[str, int]:
    places = {row.key: i for i, row in enumerate(rows)}
    if len(places) != len(rows):
        raise ValueError("two rows have the same key")
    if wrong := next((row.key for row in rows if len(row.cells) != columns), None):
        raise ValueError(f"row {wrong} has not one cell for each of {columns} columns")
    return places


def demo() -> Iterable[LiveTable]:
    """Nodes of a cluster, among them names that try to do harm."""
    columns = (
        Column("node", "Node", 12, grow=1),
        Column("id", "Id", 4, Align.RIGHT),
        Column("address", "Address", 15, drop=2),
        Column("state", "State", 10),
        Column("role", "Role", 9),
        Column("prio", "Priority", 8, Align.RIGHT, drop=1),
        Column("links", "Links", 9, drop=3),
    )
    names = ("node1", "node2", "ノード三", "a-node-with-a-name-that-is-far-too-long", "\x1b[2J\u202eevil", "node6")
    states = (("● joined", Tone.GOOD), ("◐ slow", Tone.WARN), ("○ left", Tone.BAD), ("- absent", Tone.DIM))
    rows = []
    for i in range(40):
        state = states[i % 4] if i < 6 else states[0]
        texts = (names[i] if i < 6 else f"node{i + 1}", str(i + 1), f"10.0.0.{i + 1}")
        plain = tuple(Cell(text) for text in texts)
        role = "master" if i == 0 else "slave"
        rest = (Cell(*state), Cell(role if state[1] is Tone.GOOD else "-"), Cell(str(100 - i)), Cell("up up"))
        rows.append(Row(f"n{i}", (*plain, *rest)))
    yield LiveTable(columns, rows)


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
