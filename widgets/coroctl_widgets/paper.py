"""Short notes in a column of labels and a column of text, wrapped to the width and scrolled by whoever holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from coroctl_widgets.lines import STRONG, LineWidget, Piece, Tone
from coroctl_widgets.text import cells, fit, neutral, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coroctl_widgets.lines import Line

GAP: Final = 2
MOST_LABEL: Final = 16


class Remark(NamedTuple):
    """Untrusted text under an untrusted label, and what it means. Without a label it begins at the left edge."""

    text: str
    label: str = ""
    tone: Tone = Tone.NORMAL
    strong: bool = False


class _Row(NamedTuple):
    label: str
    text: str
    tone: Tone
    strong: bool


class Paper(LineWidget):
    """All of it at once; `scroll_by` moves it, and the last line says how much more there is."""

    DEFAULT_CSS = """
    Paper { height: 1fr; width: 1fr; }
    """

    def __init__(self, remarks: Iterable[Remark] = (), *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._remarks = tuple(remarks)
        self._rows: tuple[_Row, ...] = ()
        self._top = 0

    def show(self, remarks: Iterable[Remark], *, end: bool = False) -> None:
        """Show these instead; from the top, or from where the end is seen."""
        self._remarks = tuple(remarks)
        self._lay_out()
        self._top = self._last_top if end else 0
        self.repaint()

    def scroll_by(self, lines: int) -> None:
        """Down, or up; as far as there is anything."""
        self._top = max(0, min(self._top + lines, self._last_top))
        self.repaint()

    @property
    def page(self) -> int:
        """Lines that are seen at once."""
        return max(1, self.size.height - 1)

    @property
    def texts(self) -> list[str]:
        """Every line, seen or not."""
        return [f"{row.label} {row.text}".strip() for row in self._rows]

    def lines_at(self, width: int) -> int:
        """How many lines all of it takes in a width."""
        return sum(1 for remark in self._remarks for _ in self._wrapped(remark, width))

    def on_resize(self) -> None:
        self._lay_out()
        self._top = min(self._top, self._last_top)
        self.refresh()

    def line(self, y: int) -> Line:
        width = self.size.width
        body = self._body
        if y >= body and y == self.size.height - 1:
            seen = f"lines {self._top + 1} to {min(self._top + body, len(self._rows))} of {len(self._rows)}: up, down"
            return (Piece(fit(seen, width), (Tone.DIM.value,)),)
        index = self._top + y
        if index >= len(self._rows):
            return ()
        row = self._rows[index]
        styles = (row.tone.value, STRONG) if row.strong else (row.tone.value,)
        indent = self._indent
        if not indent or (not row.label and not row.text.startswith(" ")):
            return (Piece(fit(row.text, width), styles),)
        return (Piece(fit(row.label, indent), styles), Piece(fit(row.text.lstrip(), width - indent), (row.tone.value,)))

    @property
    def _body(self) -> int:
        return self.size.height if len(self._rows) <= self.size.height else self.size.height - 1

    @property
    def _last_top(self) -> int:
        return max(0, len(self._rows) - self._body)

    @property
    def _indent(self) -> int:
        labels = [cells(neutral(one.label)) for one in self._remarks if one.label]
        return min(max(labels), MOST_LABEL) + GAP if labels else 0

    def _lay_out(self) -> None:
        self._rows = tuple(row for remark in self._remarks for row in self._wrapped(remark, self.size.width))

    def _wrapped(self, remark: Remark, width: int) -> Iterator[_Row]:
        indent = self._indent if remark.label else 0
        lines = wrap(remark.text, max(1, width - indent)) or [""]
        for number, text in enumerate(lines):
            label = remark.label if not number else ""
            lead = " " if indent and not label else ""
            yield _Row(label, lead + text, remark.tone, remark.strong)


def wrap(text: str, width: int) -> list[str]:
    """The text, neutral, in lines of at most that many cells; words are broken only where they are longer."""
    lines: list[str] = []
    current = ""
    for word in neutral(text).split():
        rest = word
        if current and cells(current) + 1 + cells(rest) <= width:
            current = f"{current} {rest}"
            continue
        if current:
            lines.append(current)
        while cells(rest) > width:
            head, tail = split(rest, width)
            if not head:
                return [*lines, "…"]
            lines.append(head)
            rest = tail
        current = rest
    return [*lines, current] if current else lines


def demo() -> Iterable[Paper]:
    """Checks and consequences."""
    yield Paper(
        (
            Remark("node3 is the last node that may be master: nobody would serve", "FAIL successor", Tone.BAD),
            Remark("What will happen", strong=True),
            Remark("10.0.0.100/32 moves from node1 to node2 after 1 s, silent for less than 0.1 s", "address"),
        )
    )


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
