"""A text with line numbers, with remarks under the lines that they concern; moved by line, page and remark.

Set as a whole, again and again; the cursor stays on its line. Knows nothing of what the text means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from textual.binding import Binding

from coroctl_widgets.lines import CURSOR, NAME, STRONG, LineWidget, Piece, Tone
from coroctl_widgets.notes import Note
from coroctl_widgets.paper import wrap
from coroctl_widgets.text import cells, fit, neutral, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from textual import events
    from textual.binding import BindingType

    from coroctl_widgets.lines import Line

WHEEL: Final = 3
MARK: Final = "! "
NO_MARK: Final = " " * len(MARK)
"""Before a remark: it is found without colours, too."""


class Span(NamedTuple):
    """Untrusted text; `name`: what is defined here; `strong`: what begins here."""

    text: str
    tone: Tone = Tone.NORMAL
    name: bool = False
    strong: bool = False


class Numbered(NamedTuple):
    """A line with its number, and what there is to remark about it. Number 0 stands for the text as a whole."""

    number: int
    spans: tuple[Span, ...] = ()
    notes: tuple[Note, ...] = ()


class _Row(NamedTuple):
    place: int
    """Of the line that it belongs to."""
    gutter: str
    pieces: tuple[Piece, ...]
    remark: bool


class Listing(LineWidget, can_focus=True):
    """Lines that do not fit are wrapped; where there are more than fit, the last line says which are seen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False, id="down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="up"),
        Binding("pagedown,ctrl+f,space", "page(1)", "Page down", show=False, id="page-down"),
        Binding("pageup,ctrl+b,b", "page(-1)", "Page up", show=False, id="page-up"),
        Binding("home,g", "first", "First line", show=False, id="first"),
        Binding("end,G", "last", "Last line", show=False, id="last"),
        Binding("y", "copy", "Copy the line", show=False, id="copy"),
        Binding("n", "remark(1)", "Next finding", id="next-finding"),
        Binding("N", "remark(-1)", "Finding before", show=False, id="previous-finding"),
    ]

    DEFAULT_CSS = """
    Listing { height: 1fr; width: 1fr; }
    """

    def __init__(
        self,
        lines: Iterable[Numbered] = (),
        *,
        empty: str = "nothing to show",
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._lines = tuple(lines)
        self._empty = empty
        self._rows: tuple[_Row, ...] = ()
        self._cursor = 0
        self._top = 0

    @property
    def number(self) -> int | None:
        """Of the line under the cursor."""
        return self._lines[self._rows[self._cursor].place].number if self._rows else None

    @property
    def text(self) -> str:
        """The line under the cursor."""
        return "".join(span.text for span in self._lines[self._rows[self._cursor].place].spans) if self._rows else ""

    def set_lines(self, lines: Iterable[Numbered], empty: str = "") -> None:
        """Show these instead; `empty`: what to say where there are none."""
        before, self._lines = self.number, tuple(lines)
        self._empty = empty or self._empty
        self._lay_out(before)

    def on_resize(self) -> None:
        self._lay_out(self.number)

    def on_click(self, event: events.Click) -> None:
        if event.y < self._body and self._top + event.y < len(self._rows):
            self._move(self._top + event.y)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-WHEEL)

    def line(self, y: int) -> Line:
        width = self.size.width
        if not self._rows:
            return (Piece(fit(f"  {self._empty}", width), (Tone.DIM.value,)),) if y == 0 else ()
        if y >= self._body and y == self.size.height - 1:
            last = min(self._top + self._body, len(self._rows))
            ends = [self._lines[self._rows[row].place].number for row in (self._top, last - 1)]
            seen = f"  lines {ends[0]}-{ends[1]} of {self._lines[-1].number}"
            return (Piece(fit(seen, width), (Tone.DIM.value,)),)
        index = self._top + y
        return self._row(index) if index < len(self._rows) else ()

    def _row(self, index: int) -> Line:
        row = self._rows[index]
        marks = (CURSOR,) if index == self._cursor else ()
        used = 2 + cells(row.gutter) + sum(cells(piece.text) for piece in row.pieces)
        return (
            Piece("> " if marks else "  ", marks),
            Piece(row.gutter, (Tone.DIM.value, *marks)),
            *(Piece(piece.text, (*piece.styles, *marks)) for piece in row.pieces),
            Piece(" " * max(0, self.size.width - used), marks),
        )

    @property
    def _body(self) -> int:
        height = self.size.height
        return height if len(self._rows) <= height or height <= 1 else height - 1

    def _lay_out(self, before: int | None) -> None:
        """The cursor goes to the line of that number, or to what came into its place."""
        self._rows = tuple(row for index, line in enumerate(self._lines) for row in self._rows_of(index, line))
        at = next((i for i, row in enumerate(self._rows) if self._lines[row.place].number == before), self._cursor)
        self._move(at)

    def _rows_of(self, index: int, line: Numbered) -> Iterator[_Row]:
        digits = len(str(max((one.number for one in self._lines), default=0)))
        room = max(1, self.size.width - digits - 4)
        blank = " " * (digits + 2)
        gutter = f"{line.number:>{digits}}  "
        if line.number:
            for pieces in _wrapped(line.spans, room):
                yield _Row(index, gutter, pieces, remark=False)
                gutter = blank
        for note in line.notes:
            lead = MARK if note.tone in (Tone.WARN, Tone.BAD) else NO_MARK
            for place, text in enumerate(wrap(note.text, max(1, room - len(MARK)))):
                yield _Row(index, blank, (Piece(lead + text, (note.tone.value,)),), remark=place == 0)
                lead = NO_MARK

    def _move(self, index: int) -> None:
        self._cursor = max(0, min(index, len(self._rows) - 1))
        body = max(1, self._body)
        top = min(max(self._top, self._cursor - body + 1), self._cursor)
        self._top = max(0, min(top, len(self._rows) - body))
        self.repaint()

    def action_move(self, by: int) -> None:
        self._move(self._cursor + by)

    def action_page(self, by: int) -> None:
        step = by * max(1, self._body - 1)
        self._top += step
        self._move(self._cursor + step)

    def action_first(self) -> None:
        self._move(0)

    def action_last(self) -> None:
        self._move(len(self._rows) - 1)

    def action_copy(self) -> None:
        """The line under the cursor, to the terminal's clipboard."""
        self.app.copy_to_clipboard(self.text)

    def action_remark(self, by: int) -> None:
        """To the next remark, or the one before; from the last to the first."""
        count = len(self._rows)
        ways = ((self._cursor + by * step) % count for step in range(1, count + 1))
        found = next((index for index in ways if self._rows[index].remark), None)
        if found is not None:
            self._top = found - self._body // 2  # with what is around it, and all of its lines
            self._move(found)


def _wrapped(spans: Iterable[Span], width: int) -> Iterator[tuple[Piece, ...]]:
    """The spans in lines of at most that many cells; one line at least."""
    pieces: list[Piece] = []
    left = width
    for span in spans:
        styles = (span.tone.value, *((NAME,) if span.name else ()), *((STRONG,) if span.strong else ()))
        rest = neutral(span.text)
        while rest:
            head, rest = split(rest, left)
            pieces.append(Piece(head, styles))
            left -= cells(head)
            if rest:
                yield tuple(pieces)
                pieces, left = [], width
                if not split(rest, left)[0]:
                    return
    yield tuple(pieces)


def demo() -> Iterable[Listing]:
    """A configuration with a remark, and a line that tries to do harm."""
    bad = Note("error: the port is taken twice (choose another one)", Tone.BAD)
    yield Listing(
        (
            Numbered(0, notes=(Note("warning: there is no version", Tone.WARN),)),
            Numbered(1, (Span("# made by hand", Tone.DIM),)),
            Numbered(2, (Span("server", strong=True), Span(" {"))),
            Numbered(3, (Span("    port", name=True), Span(": 80")), (bad,)),
            Numbered(4, (Span("    name", name=True), Span(": \x1b[2J\u202e" + "evil " * 30))),
            Numbered(5, (Span("}"),)),
        )
    )


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
