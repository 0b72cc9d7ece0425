"""A course of numbers in one line: a name, a bar a sample, and the last one in words, so that the bars need no scale.

Knows no units and no clock; the owner sends samples and says what the last one is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from textual.reactive import reactive

from coroctl_widgets.lines import LineWidget, Piece, Tone
from coroctl_widgets.text import Align, cells, fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coroctl_widgets.lines import Line

BARS: Final = "▁▂▃▄▅▆▇█"
MISSING: Final = "×"
"""A moment without a number: not a low one."""


def spark(samples: Sequence[float | None], width: int, top: float | None = None) -> str:
    """The last samples, one a cell, the newest at the right end; from 0 to `top`, or to the largest of them."""
    if width <= 0:
        return ""
    shown = samples[-width:]
    scale = top if top is not None else max((sample for sample in shown if sample is not None), default=0.0)
    bars = "".join(_bar(sample, scale) for sample in shown)
    return bars.rjust(width)


def _bar(sample: float | None, scale: float) -> str:
    if sample is None:
        return MISSING
    if scale <= 0:
        return BARS[0]
    return BARS[min(max(int(sample / scale * len(BARS)), 0), len(BARS) - 1)]


class Course(NamedTuple):
    """What a sparkline shows. `text`: the last sample, with its unit. `top`: what a full bar is; None: the largest."""

    name: str
    samples: tuple[float | None, ...] = ()
    text: str = ""
    top: float | None = None
    tone: Tone = Tone.NORMAL


class Sparkline(LineWidget):
    """One line; name and text keep their widths, the bars get the rest."""

    DEFAULT_CSS = """
    Sparkline { height: 1; width: 1fr; }
    """

    value: reactive[Course] = reactive(Course(""), repaint=False, layout=False)
    """What it shows."""

    def __init__(
        self,
        value: Course,
        *,
        name_width: int = 10,
        text_width: int = 20,
        most: int = 60,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._name_width = name_width
        self._text_width = text_width
        self._most = most
        self.set_reactive(Sparkline.value, value)

    def watch_value(self) -> None:
        self.repaint()

    def line(self, y: int) -> Line:
        if y:
            return ()
        course, width = self.value, self.size.width
        name = fit(f"  {course.name}", min(self._name_width + 2, width))
        text = fit(course.text, max(min(self._text_width, width - cells(name) - 1), 0), Align.RIGHT)
        room = min(max(width - cells(name) - cells(text) - 3, 0), self._most)
        bars = spark(course.samples, min(room, len(course.samples)), course.top)
        rest = " " * max(width - cells(name) - cells(text) - len(bars) - 1, 0)
        return (Piece(name), Piece(f"{text} ", (course.tone.value,)), Piece(bars, (course.tone.value,)), Piece(rest))


def demo() -> Iterable[Sparkline]:
    """A rise, a gap, one far out, none yet, and a name that tries to do harm."""
    yield Sparkline(Course("load", tuple(float(i % 9) for i in range(80)), "3.0", top=8.0))
    yield Sparkline(Course("latency", (1.0, 1.2, None, None, 1.1, 9.0, 1.0), "1.0 ms", tone=Tone.WARN))
    yield Sparkline(Course("idle", (0.0,) * 30, "0 %"))
    yield Sparkline(Course("no data"))
    yield Sparkline(Course("\x1b[2Jevil and far too long", (1.0, 2.0), "\u202e" + "x" * 40, tone=Tone.BAD))


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
