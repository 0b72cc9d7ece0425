"""The base of every widget here: lines of toned pieces, of which only the changed cells are sent again.

Textual repaints a whole widget unless told a region, so each line is kept as it was painted and compared.
Knows nothing of what the lines say.
"""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, TypeAlias

from rich.cells import get_character_cell_size
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.style import Style


class Tone(Enum):
    """What a text means. It is never the only sign: the text itself has the word or the glyph."""

    NORMAL = "line--normal"
    GOOD = "line--good"
    WARN = "line--warn"
    BAD = "line--bad"
    DIM = "line--dim"


STRONG: Final = "line--strong"
HEAD: Final = "line--head"
CURSOR: Final = "line--cursor"
NAME: Final = "line--name"
"""Of a setting in a text: no severity, only easier to find."""


class Piece(NamedTuple):
    """Text that is already neutral, and the component classes that it is painted with."""

    text: str
    styles: tuple[str, ...] = ()


Line: TypeAlias = tuple[Piece, ...]
_BLANK = (" ", 0, ())


def _cells(line: Line) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """One item a cell; both halves of a wide character name it, so that it is never cut."""
    for text, styles in line:
        for character in text:
            for half in range(get_character_cell_size(character) or 1):
                yield character, half, styles


def _zero_width(line: Line) -> bool:
    return any(get_character_cell_size(character) == 0 for text, _ in line if not text.isascii() for character in text)


def changed(old: Line, new: Line) -> tuple[int, int] | None:
    """The cells (from, to) in which two lines differ."""
    if old == new:
        return None
    pairs = list(zip_longest(_cells(old), _cells(new), fillvalue=_BLANK))
    if _zero_width(old) or _zero_width(new):
        return 0, len(pairs)  # combining marks: cells and characters do not count alike
    differing = [x for x, (before, after) in enumerate(pairs) if before != after]
    return (differing[0], differing[-1] + 1) if differing else None


class LineWidget(Widget):
    """A widget of fixed size that paints lines; it never asks for a layout."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*(tone.value for tone in Tone), STRONG, HEAD, CURSOR, NAME}
    """What lines may be painted with; text styles add up, so that they mean something without colours, too."""

    ALLOW_SELECT = False

    DEFAULT_CSS = """
    LineWidget {
        & > .line--good { color: $success; }
        & > .line--warn { color: $warning; }
        & > .line--bad { color: $error; text-style: bold; }
        & > .line--dim { text-style: dim; }
        & > .line--strong { text-style: bold; }
        & > .line--name { color: $secondary; }
        & > .line--head { text-style: underline; }
        & > .line--cursor { text-style: bold; }
        &:focus > .line--cursor { color: $foreground; text-style: bold reverse; }
    }
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._painted: dict[int, Line] = {}

    @abstractmethod
    def line(self, y: int) -> Line:
        """What line y says now."""

    def repaint(self) -> None:
        """Send the cells that no longer say what was painted; call it after every change."""
        width, height = self.size
        regions = [
            Region(span[0], y, min(span[1], width) - span[0], 1)
            for y, old in self._painted.items()
            if y < height and (span := changed(old, self.line(y))) and span[0] < width
        ]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        line = self._painted[y] = self.line(y)
        # Asked for once a line: Textual works it out from all ancestors each time.
        own = self.rich_style
        return Strip(Segment.simplify(Segment(one.text, self._style(own, one.styles)) for one in line if one.text))

    def _style(self, style: Style, names: tuple[str, ...]) -> Style:
        for name in names:
            style += self.get_component_rich_style(name, partial=True)
        return style
