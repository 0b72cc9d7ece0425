"""A table that is set as a whole, again and again, and sends only the cells that changed.

The cursor belongs to a row's key, not to its place. Columns fit the width or are left out; nothing scrolls sideways.
Where the owner allows it, rows are sorted by a column and filtered by words; what is hidden is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding
from textual.message import Message

from coroctl_widgets.lines import CURSOR, HEAD, STRONG, LineWidget, Piece, Tone
from coroctl_widgets.log_prompt import Editor
from coroctl_widgets.table_columns import GAP, Cell, Column, Row, lay_out
from coroctl_widgets.table_order import Order, chosen, ordered
from coroctl_widgets.text import Align, cells, fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual import events
    from textual.binding import BindingType

    from coroctl_widgets.lines import Line
    from coroctl_widgets.table_columns import Place

GUTTER: Final = 2
"""Left of the first column: the cursor's glyph."""
WHEEL: Final = 3
UP, DOWN = "▲", "▼"


class LiveTable(LineWidget, can_focus=True):
    """A header line, the rows, and where there are more rows than lines, a line that says which are seen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False, id="down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="page-down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="page-up"),
        Binding("home,g", "first", "First", show=False, id="first"),
        Binding("end,G", "last", "Last", show=False, id="last"),
        Binding("enter", "select", "Open", show=False, id="open"),
        Binding("y", "copy", "Copy the row", show=False, id="copy"),
        Binding("slash", "filter", "Filter", key_display="/", id="filter"),
        Binding("greater_than_sign", "sort(1)", "Sort by the next column", show=False, key_display=">", id="sort"),
        Binding("less_than_sign", "sort(-1)", "Sort by the column before", show=False, key_display="<", id="sort-back"),
        Binding("I", "invert", "Sort the other way", show=False, id="invert"),
        Binding("escape", "all_rows", "All rows", show=False, id="all-rows"),
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

    class Filtered(Message):
        """Other rows are shown, and another line may be needed."""

        def __init__(self, table: LiveTable) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> LiveTable:
            return self.table

    def __init__(
        self,
        columns: Iterable[Column],
        rows: Iterable[Row] = (),
        *,
        empty: str = "nothing to show",
        arranged: bool = False,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        """`arranged`: its user may sort and filter it."""
        super().__init__(name=name, id=id, classes=classes)
        self._columns = tuple(columns)
        self._given: tuple[Row, ...] = ()
        self._rows: tuple[Row, ...] = ()
        self._arranged = arranged
        self._order: Order | None = None
        self._filter = ""
        self._editor: Editor | None = None
        self._empty = empty
        self._cursor = 0
        self._top = 0
        self.set_rows(rows)

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._rows[self._cursor].key if self._rows else None

    @property
    def needed(self) -> int:
        """Lines that show all of it, head and filter included."""
        return max(len(self._rows), 1) + 1 + bool(self._filter or self._editor)

    @property
    def hidden_columns(self) -> tuple[str, ...]:
        """The keys of the columns for which there is no room."""
        shown = {place.column for place in self._places()}
        return tuple(column.key for i, column in enumerate(self._columns) if i not in shown)

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Show these rows instead. ValueError: keys that are not unique, or not one cell for each column."""
        self._given = tuple(rows)
        _check(self._given, len(self._columns))
        self._arrange()

    def _arrange(self) -> None:
        """Filter and sort; the cursor stays on its row, or on what came to its place."""
        before, seen = self.cursor_key, self._cursor_is_seen()
        self._rows = ordered(chosen(self._given, self._filter), self._order)
        found = next((i for i, row in enumerate(self._rows) if row.key == before), None)
        self._cursor = min(self._cursor, max(0, len(self._rows) - 1)) if found is None else found
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
        if y > self._body and y == self.size.height - 1:
            return self._footer()
        if not self._rows:
            empty = "no row has this" if self._given else self._empty
            return (Piece(fit(f"  {empty}", self.size.width), (Tone.DIM.value,)),) if y == 1 else ()
        index = self._top + y - 1
        return self._row(index) if index < len(self._rows) else ()

    @property
    def _body(self) -> int:
        """How many lines show rows."""
        lines = self.size.height - 1
        whole = lines >= len(self._rows) and not (self._filter or self._editor)
        return lines if whole or lines <= 1 else lines - 1

    def _places(self) -> tuple[Place, ...]:
        return lay_out(self._columns, self.size.width - GUTTER)

    def _header(self) -> Line:
        labels = (self._label(i, width) for i, width in self._places())
        return (Piece(fit("  " + (" " * GAP).join(labels), self.size.width), (HEAD,)),)

    def _label(self, column: int, width: int) -> str:
        """The sorted column's has an arrow, whatever it costs the word."""
        label, align = self._columns[column].label, self._columns[column].align
        if self._order is None or self._order.column != column:
            return fit(label, width, align)
        return fit(label[: max(0, width - 1)] + (UP if self._order.up else DOWN), width, align)

    def _footer(self) -> Line:
        width = self.size.width
        last = min(self._top + self._body, len(self._rows))
        seen = f"{self._top + 1}-{last} of {len(self._rows)}" if self._rows else ""
        if self._editor is not None:
            at, text = self._editor.at, f"{self._editor.text} "
            pieces = (Piece("  /", (STRONG,)), Piece(text[:at]), Piece(text[at], (CURSOR, STRONG)))
            hint = "" if self._editor.text else " words that a row has, !word for those without"
            return (*pieces, Piece(fit(text[at + 1 :] + hint, max(0, width - 4 - at)), (Tone.DIM.value,)))
        if self._filter:
            count = f"{len(self._rows)} of {len(self._given)} rows"
            text = f"  ONLY {self._filter!r}: {count}; Esc shows all"
            return (Piece(fit(text, width), (Tone.WARN.value,)),)
        return (Piece(fit(f"  {seen}", width), (Tone.DIM.value,)),)

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

    def action_copy(self) -> None:
        """The row under the cursor, to the terminal's clipboard."""
        if self._rows:
            self.app.copy_to_clipboard("  ".join(cell.text.strip() for cell in self._rows[self._cursor].cells))

    # Sorting and filtering.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """What the owner does not allow is not bound, nor what would do nothing."""
        if action == "all_rows":
            return bool(self._filter)
        return self._arranged if action in {"filter", "sort", "invert"} else True

    def on_key(self, event: events.Key) -> None:
        """While a filter is typed every key is its own, also those that were typed ahead."""
        if self._editor is None and not self._begins_filter(event.key):
            return
        event.stop()
        event.prevent_default()
        if self._editor is None:
            self.action_filter()
        elif event.key in ("up", "down"):
            self.action_move(1 if event.key == "down" else -1)
        elif event.key in ("enter", "escape"):
            self._end_filter(keep=event.key == "enter")
        else:
            self._editor.press(event.key, event.character)
            self._set_filter(self._editor.text)

    def _begins_filter(self, key: str) -> bool:
        """The binding would come too late: what is typed after it must not act."""
        bound = self.screen.active_bindings.get(key) if self._arranged else None
        return bound is not None and bound.node is self and bound.binding.action == "filter"

    def on_paste(self, event: events.Paste) -> None:
        if self._editor is not None:
            event.stop()
            self._editor.insert(event.text)
            self._set_filter(self._editor.text)

    def _end_filter(self, *, keep: bool) -> None:
        self._editor = None
        self._set_filter(self._filter if keep else "")

    def _set_filter(self, text: str) -> None:
        before, self._filter = bool(self._filter), text.strip()
        if before != bool(self._filter):
            self.refresh_bindings()
        self._arrange()
        self.post_message(self.Filtered(self))

    def action_filter(self) -> None:
        self._editor = Editor(self._filter)
        self._set_filter(self._filter)

    def action_all_rows(self) -> None:
        self._end_filter(keep=False)

    def action_sort(self, by: int) -> None:
        """By the next column that is seen; after the last one, as the owner gave them."""
        ways = [None, *(place.column for place in self._places())]
        now = self._order.column if self._order else None
        column = ways[((ways.index(now) if now in ways else 0) + by) % len(ways)]
        self._order = None if column is None else Order(column)
        self._arrange()

    def action_invert(self) -> None:
        if self._order is not None:
            self._order = self._order._replace(up=not self._order.up)
            self._arrange()


def _check(rows: Sequence[Row], columns: int) -> None:
    if len({row.key for row in rows}) != len(rows):
        raise ValueError("two rows have the same key")
    if wrong := next((row.key for row in rows if len(row.cells) != columns), None):
        raise ValueError(f"row {wrong} has not one cell for each of {columns} columns")


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
    yield LiveTable(columns, rows, arranged=True)


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
