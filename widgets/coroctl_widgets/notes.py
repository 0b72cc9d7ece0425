"""A few short lines that stand under something and say what it means; each has a tone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.reactive import reactive

from coroctl_widgets.lines import LineWidget, Piece, Tone
from coroctl_widgets.text import fit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coroctl_widgets.lines import Line


class Note(NamedTuple):
    """Untrusted text and what it means; the owner puts a word into the text for that, too."""

    text: str
    tone: Tone = Tone.NORMAL


class Notes(LineWidget):
    """As high as the owner makes it; what does not fit is cut, and each change sends only the cells that differ."""

    DEFAULT_CSS = """
    Notes { height: 1; width: 1fr; }
    """

    value: reactive[tuple[Note, ...]] = reactive((), repaint=False, layout=False)
    """What it says, a line each."""

    def watch_value(self) -> None:
        self.repaint()

    def show_lines(self, notes: tuple[Note, ...]) -> None:
        """Say these, as high as they are; none at all takes no place."""
        self.display = bool(notes)
        self.styles.height = max(len(notes), 1)  # a layout only when it differs
        self.value = notes

    def line(self, y: int) -> Line:
        if y >= len(self.value):
            return ()
        note = self.value[y]
        return (Piece(fit(f"  {note.text}", self.size.width), (note.tone.value,)),)


def demo() -> Iterable[Notes]:
    """Two lines, and none."""
    notes = Notes()
    notes.set_reactive(
        Notes.value, (Note("n1 is master since 14:01:07, term 4"), Note("ALARM: the state is lost", Tone.BAD))
    )
    notes.styles.height = 2
    yield notes
    yield Notes()


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
