"""The console's first line: who is looking at what, how old the data are, and the state in a word.

The owner passes the age; there is no clock in here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol, runtime_checkable

from textual.reactive import reactive

from coroctl_widgets.lines import STRONG, LineWidget, Piece, Tone
from coroctl_widgets.text import Align, cells, crop, fit, neutral

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coroctl_widgets.lines import Line

AGE_WIDTH: Final = len("stale 59 min")
"""Of a fixed width, so that a second that passes moves nothing."""
NARROW: Final = 50
"""Below it the cluster's name is worth more than the program's, and only a stale age is worth its cells."""
COLOURS: Final = ("red", "green", "yellow", "blue", "magenta", "cyan", "white")
WIDE: Final = 60
"""Below it there is no room for the source."""


class Badge(NamedTuple):
    """A name in a colour of the terminal's (red, green, yellow, blue, magenta, cyan, white), at the bar's left end."""

    name: str = ""
    colour: str = ""


@runtime_checkable
class Badged(Protocol):
    """An application that wants its badge on all of its bars."""

    badge: Badge


class Title(NamedTuple):
    """What the title bar says; `age` in seconds, None while there are no data."""

    program: str
    cluster: str = ""
    node: str = ""
    source: str = ""
    age: float | None = None
    state: str = ""
    tone: Tone = Tone.NORMAL


def age_text(age: float | None, stale_after: float) -> str:
    """The age in words: now, 3 s, stale 12 s."""
    if age is None:
        return "no data"
    if age < 1:
        return "now"
    seconds = int(age)
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    size, unit = next((size, unit) for size, unit in units if seconds >= size)
    return f"{'stale ' if age > stale_after else ''}{seconds // size} {unit}"


class TitleBar(LineWidget):
    """One line; each change sends only the cells that differ."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"badge--{colour}" for colour in COLOURS}

    DEFAULT_CSS = "TitleBar { height: 1; width: 1fr; }" + "".join(
        f"TitleBar > .badge--{colour} {{ color: ansi_{colour}; text-style: bold reverse; }}" for colour in COLOURS
    )

    value: reactive[Title] = reactive(Title(""), repaint=False, layout=False)
    """What it says."""

    def __init__(
        self,
        value: Title,
        *,
        stale_after: float = 5.0,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.stale_after = stale_after
        self.badge = Badge()
        self.set_reactive(TitleBar.value, value)

    def on_mount(self) -> None:
        if isinstance(self.app, Badged):
            self.badge = self.app.badge

    def watch_value(self) -> None:
        self.repaint()

    def line(self, y: int) -> Line:
        if y:
            return ()
        width = self.size.width
        right = self._right(width)
        space = max(0, width - sum(cells(piece.text) for piece in right))
        return (*_cropped(self._left(width), space), *right)

    def _left(self, width: int) -> Iterable[Piece]:
        title = self.value
        if self.badge.name:
            colour = self.badge.colour if self.badge.colour in COLOURS else "white"
            yield Piece(f" {neutral(self.badge.name)} ", (f"badge--{colour}",))
        if width >= NARROW:
            yield Piece(f" {title.program} ", (Tone.DIM.value,))
        yield Piece(f" {title.cluster}", (STRONG,))
        yield Piece(f" › {title.node}" if title.node else "")
        yield Piece(f"  {title.source}" if width >= WIDE else "", (Tone.DIM.value,))

    def _right(self, width: int) -> Line:
        """Age and state; on a narrow line the age only when it is stale."""
        title = self.value
        stale = title.age is None or title.age > self.stale_after
        age = fit(age_text(title.age, self.stale_after), AGE_WIDTH, Align.RIGHT) if width >= NARROW or stale else ""
        return (
            Piece(age, (Tone.WARN.value, STRONG) if stale else ()),
            Piece(f"  {crop(title.state, width // 2 - 3)} ", (title.tone.value, STRONG)),
        )


def _cropped(pieces: Iterable[Piece], width: int) -> Iterable[Piece]:
    """The pieces in exactly this width."""
    for text, styles in pieces:
        text = crop(text, width)
        width -= cells(text)
        yield Piece(text, styles)
    yield Piece(" " * width)


def demo() -> Iterable[TitleBar]:
    """A fresh bar, a stale one, one without data."""
    title = Title("coroctl", "VMmanager", "node1", "native", 0.2, "QUORATE", Tone.GOOD)
    yield TitleBar(title)
    yield TitleBar(title._replace(age=3, state="degraded", tone=Tone.WARN))
    yield TitleBar(title._replace(age=12, state="NOT QUORATE", tone=Tone.BAD, source="daemon"))
    badged = TitleBar(title)
    badged.badge = Badge("PRODUCTION", "red")
    yield badged
    yield TitleBar(Title("coroctl", state="corosync is not running", tone=Tone.BAD))


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
