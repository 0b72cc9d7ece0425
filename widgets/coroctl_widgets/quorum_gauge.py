"""Votes against the quorum, as a bar with a mark at the quorum and in words.

It draws what it is told: whether there is quorum is the owner's word, never worked out here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.reactive import reactive

from coroctl_widgets.lines import STRONG, LineWidget, Piece, Tone
from coroctl_widgets.text import Align, cells, crop, fit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coroctl_widgets.lines import Line

FULL, EMPTY, UNKNOWN, QUORUM = "█", "░", "·", " ┃ "


class Gauge(NamedTuple):
    """Votes; None is unknown. `spare`: votes that may still go. `reason`: why something is unknown."""

    present: int | None = None
    quorum: int | None = None
    expected: int | None = None
    quorate: bool | None = None
    spare: int | None = None
    flags: tuple[str, ...] = ()
    reason: str = ""


class Bar(NamedTuple):
    """Cells of a bar: filled ones, and those before the mark (None: no mark)."""

    filled: int
    mark: int | None


def measure(gauge: Gauge, width: int) -> Bar:
    """Where the filling and the mark end. However coarse: it reaches the mark exactly when the votes do."""
    present, quorum, expected = gauge.present or 0, gauge.quorum, gauge.expected or 0
    scale = max(expected, present, quorum or 0)
    if scale <= 0 or width <= 0:
        return Bar(0, None)
    filled = present * width // scale
    if 0 < present < scale:
        filled = min(max(filled, 1), width - 1)
    if quorum is None:
        return Bar(filled, None)
    mark = min(max(quorum * width // scale, 1), width)
    if present < quorum:
        return Bar(min(filled, mark - 1), mark)
    return Bar(max(filled, min(mark + (present > quorum), width)), mark)


def verdict(gauge: Gauge) -> tuple[str, Tone]:
    """The state in a word."""
    match gauge.quorate:
        case None:
            return f"unknown: {gauge.reason or 'no answer'}", Tone.WARN
        case True:
            return "quorate", Tone.GOOD
        case False:
            return "NOT QUORATE", Tone.BAD


def margin(gauge: Gauge) -> tuple[str, Tone]:
    """What may still happen, or what is missing."""
    if gauge.quorate and gauge.spare is not None:
        return f"can lose {gauge.spare} more", Tone.NORMAL if gauge.spare else Tone.WARN
    if gauge.quorate is False and gauge.present is not None and gauge.quorum is not None:
        missing = gauge.quorum - gauge.present
        return (f"{missing} vote{'s' * (missing != 1)} missing", Tone.BAD) if missing > 0 else ("", Tone.NORMAL)
    return "", Tone.NORMAL


def votes(gauge: Gauge) -> str:
    """The numbers."""
    if gauge.present is gauge.quorum is gauge.expected is None:
        return "votes unknown"
    present, quorum, expected = ("?" if n is None else str(n) for n in (gauge.present, gauge.quorum, gauge.expected))
    return f"{present} of {expected} vote{'s' * (gauge.expected != 1)}, quorum {quorum}"


class QuorumGauge(LineWidget):
    """Three lines: the state in words, the bar, the numbers."""

    DEFAULT_CSS = """
    QuorumGauge { height: 3; width: 1fr; }
    """

    value: reactive[Gauge] = reactive(Gauge(), repaint=False, layout=False)
    """What it shows."""

    def __init__(
        self,
        value: Gauge,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.set_reactive(QuorumGauge.value, value)

    def watch_value(self) -> None:
        self.repaint()

    def line(self, y: int) -> Line:
        width = self.size.width - 2
        match y:
            case 0:
                return tuple(self._words(width))
            case 1:
                return (Piece(" "), *self._bar(width), Piece(" "))
            case 2:
                return tuple(self._numbers(width))
            case _:
                return ()

    def _words(self, width: int) -> Iterable[Piece]:
        word, tone = verdict(self.value)
        more, more_tone = margin(self.value)
        word = crop(word, width)
        yield Piece(f" {word}", (tone.value, STRONG))
        yield Piece(fit(f", {more}" if more else "", width - cells(word)), (more_tone.value,))
        yield Piece(" ")

    def _bar(self, width: int) -> Iterable[Piece]:
        """The bar; the mark stands between cells, so the scale is that much shorter."""
        gauge = self.value
        if gauge.present is None or not gauge.expected:
            yield Piece(UNKNOWN * max(width, 0), (Tone.DIM.value,))
            return
        room = width - (0 if gauge.quorum is None else len(QUORUM))
        filled, mark = measure(gauge, room)
        tone = verdict(gauge)[1].value
        bar = FULL * filled + EMPTY * (room - filled)
        yield Piece(bar[:mark], (tone,))
        if mark is not None:
            yield Piece(QUORUM, (STRONG,))
            yield Piece(bar[mark:], (tone,))

    def _numbers(self, width: int) -> Iterable[Piece]:
        numbers = crop(votes(self.value), width)
        flags = " ".join(self.value.flags)
        room = width - cells(numbers)
        yield Piece(f" {numbers}")
        yield Piece(fit(f"  {flags}" if flags else "", room, Align.RIGHT) + " ", (Tone.DIM.value,))


def demo() -> Iterable[QuorumGauge]:
    """Well, at the edge, without quorum, unknown."""
    yield QuorumGauge(Gauge(5, 3, 5, quorate=True, spare=2))
    yield QuorumGauge(Gauge(3, 3, 5, quorate=True, spare=0, flags=("WaitForAll", "Qdevice")))
    yield QuorumGauge(Gauge(1, 2, 3, quorate=False))
    yield QuorumGauge(Gauge(501, 501, 1000, quorate=True, spare=0))
    yield QuorumGauge(Gauge(1, 1, 2, quorate=True, spare=0, flags=("2Node",)))
    yield QuorumGauge(Gauge(reason="corosync is not running"))


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
