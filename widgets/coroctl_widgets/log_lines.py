"""How a part of a log is painted: a head, a gutter that says what colours say, lines, and a line about the reading.

Knows frames, not files; `log_view` asks for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from coroctl_widgets.lines import HEAD, STRONG, LineWidget, Piece, Tone
from coroctl_widgets.log_tail import TONES
from coroctl_widgets.text import Align, cells, crop, fit, neutral, skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual import events

    from coroctl_widgets.lines import Line
    from coroctl_widgets.log_prompt import Asked
    from coroctl_widgets.logfile.session import Frame, Row

HIT: Final = "log-lines--hit"
TYPING: Final = "status-line--typing"
GUTTER: Final = 3
SIDEWAYS: Final = 16


class Status(NamedTuple):
    """What the last line says; parts that are empty are left out."""

    left: str = ""
    right: str = ""
    tone: Tone = Tone.DIM


def bytes_text(count: int) -> str:
    """A size in three digits: 812 B, 4.2 KiB, 1.0 GiB."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1000:
            return f"{size:.1f} {unit}" if size < 100 and unit != "B" else f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


class LogLines(LineWidget, can_focus=True):
    """A window on a log. The owner hands in frames and says what to mark in them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {HIT}

    DEFAULT_CSS = """
    LogLines { height: 1fr; width: 1fr; }
    LogLines > .log-lines--hit { text-style: bold reverse; }
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self._source = source
        self._frame: Frame | None = None
        self._shift = 0
        self.keys: Callable[[str, str | None], bool] = _no_key
        """Asked first, at once and in order; whether it has taken the key."""
        self._marks: tuple[Callable[[str], Iterable[tuple[int, int]]], ...] = ()

    def on_key(self, event: events.Key) -> None:
        if self.keys(event.key, event.character):
            event.stop()
            event.prevent_default()

    @property
    def body(self) -> int:
        """Lines of the log that can be seen."""
        return max(1, self.size.height - 1)

    def show(self, frame: Frame) -> None:
        """Paint it."""
        self._frame = frame
        self.repaint()

    def name_source(self, source: str) -> None:
        """Another file: what the head says."""
        self._source, self._frame, self._shift = source, None, 0
        self.repaint()

    def mark(self, *spans: Callable[[str], Iterable[tuple[int, int]]]) -> None:
        """What to mark in each line: functions from a text to parts of it."""
        self._marks = spans
        self.repaint()

    def sideways(self, by: int) -> None:
        """Scroll by so many steps."""
        self._shift = max(0, self._shift + by * SIDEWAYS)
        self.repaint()

    def line(self, y: int) -> Line:
        if y == 0:
            return self._head()
        frame = self._frame
        if frame is None:
            return ()
        if not frame.rows:
            return (Piece(crop(f" {_nothing(frame)}", self.size.width), (Tone.DIM.value,)),) if y == 1 else ()
        return self._row(frame.rows[y - 1]) if y - 1 < len(frame.rows) else ()

    def _head(self) -> Line:
        frame, width = self._frame, self.size.width
        state = "" if frame is None else ("following" if frame.follows else "held")
        if frame is not None and frame.reason:
            state = frame.reason
        shift = f"from column {self._shift + 1}, " if self._shift else ""
        right = crop(f"  {shift}{state} ", width * 2 // 3)
        tone = Tone.WARN if frame is not None and frame.reason else Tone.DIM
        return (Piece(fit(f" {self._source}", width - cells(right)), (HEAD,)), Piece(right, (tone.value, HEAD)))

    def _row(self, row: Row) -> Line:
        tone = Tone.DIM if row.context else TONES[row.weight]
        sign = "▶" if row.found else "·" if row.context else " "
        text = fit(skip(row.text, self._shift), self.size.width - GUTTER)
        gutter = Piece(f"{sign}{row.weight.value} ", (tone.value, STRONG) if row.found else (tone.value,))
        return (gutter, *self._marked(text, tone.value, row))

    def _marked(self, text: str, style: str, row: Row) -> Iterable[Piece]:
        at = 0
        spans = [] if row.context else sorted(span for spans in self._marks for span in spans(text.rstrip()))
        for start, end in spans:
            if start < at or start == end:
                continue
            yield Piece(text[at:start], (style,))
            yield Piece(text[start:end], (style, HIT))
            at = end
        yield Piece(text[at:], (style,))


class StatusLine(LineWidget):
    """What is searched, filtered and found, and where in the file the window is; or what is being typed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {TYPING}

    DEFAULT_CSS = """
    StatusLine { height: 1; width: 1fr; }
    StatusLine > .status-line--typing { text-style: reverse; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._status = Status()
        self._asked: Asked | None = None

    def ask(self, asked: Asked | None) -> None:
        """Show a prompt, or no more."""
        self._asked = asked
        self.repaint()

    def show(self, status: Status) -> None:
        """Say this now."""
        self._status = status
        self.repaint()

    def line(self, y: int) -> Line:
        if y:
            return ()
        if self._asked is not None:
            return self._prompt(self._asked)
        left, right, tone = self._status
        width = self.size.width
        right = crop(f" {right} ", width // 2)
        return (
            Piece(fit(f" {left}", width - cells(right)), (tone.value,)),
            Piece(fit(right, cells(right), Align.RIGHT), (Tone.DIM.value,)),
        )

    def _prompt(self, asked: Asked) -> Line:
        sign = f" {asked.sign} "
        room = max(1, self.size.width - cells(sign) - 2)
        before = neutral(asked.before)
        before = skip(before, cells(before) - room + 1) if cells(before) >= room else before
        rest = f"{asked.after}" if asked.before or asked.under else f" {asked.example}"
        tone = () if asked.before or asked.under else (Tone.DIM.value,)
        return (
            Piece(sign, (STRONG,)),
            Piece(before),
            Piece(neutral(asked.under) or " ", (TYPING,)),
            Piece(fit(rest, max(0, room - cells(before))), tone),
        )


def _no_key(_key: str, _character: str | None) -> bool:
    return False


def place(frame: Frame) -> str:
    """Where the window ends: ``62 % of 1.0 GiB``."""
    percent = 100 * frame.end // frame.size if frame.size else 100
    return f"{percent} % of {bytes_text(frame.size)}"


def _nothing(frame: Frame) -> str:
    if frame.reason:
        return frame.reason
    return "no line matches" if frame.hits is not None else "the file is empty"
