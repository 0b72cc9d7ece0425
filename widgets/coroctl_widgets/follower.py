"""The base of lists that grow at their end: they follow it until somebody scrolls up, and then hold still.

Knows where the window stands; what an entry says is the subclass's.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding

from coroctl_widgets.lines import STRONG, LineWidget, Piece, Tone
from coroctl_widgets.text import crop, fit, skip

if TYPE_CHECKING:
    from textual import events
    from textual.binding import BindingType

    from coroctl_widgets.lines import Line

WHEEL: Final = 3
SIDEWAYS: Final = 16


class Follower(LineWidget, can_focus=True):
    """A window on entries, newest last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False, id="down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="page-down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="page-up"),
        Binding("home,g", "first", "Oldest", show=False, id="first"),
        Binding("end,G", "follow", "Newest", show=False, id="last"),
        Binding("right,l", "sideways(1)", "Right", show=False, id="right"),
        Binding("left,h", "sideways(-1)", "Left", show=False, id="left"),
    ]

    DEFAULT_CSS = """
    Follower { height: 1fr; width: 1fr; }
    """

    HEAD_LINES: ClassVar[int] = 0

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._follows = True
        self._from = 0
        self._shift = 0

    @property
    def follows(self) -> bool:
        """Whether the newest entry is shown as it comes."""
        return self._follows

    @property
    def below(self) -> int:
        """How many entries are newer than what is shown."""
        hidden = self.count() - self._first - self._body
        return hidden + 1 if hidden > 0 else 0  # the line that says so takes the place of one

    @abstractmethod
    def count(self) -> int:
        """How many entries there are."""

    @abstractmethod
    def entry(self, index: int) -> Line:
        """What an entry says."""

    def head(self) -> Line:
        """What the line above the entries says, if there is one."""
        return ()

    @abstractmethod
    def nothing(self) -> str:
        """What to say while there are no entries."""

    def window(self, text: str, width: int) -> str:
        """The part of a neutral text that is seen after scrolling sideways."""
        return fit(skip(text, self._shift), width)

    def dropped(self, count: int) -> None:
        """The oldest entries are gone: what is shown stays where it is, if it is not among them."""
        self._from = max(0, self._from - count)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-WHEEL)

    def line(self, y: int) -> Line:
        row = y - self.HEAD_LINES
        if row < 0:
            return self.head()
        if not self.count():
            return (Piece(crop(f" {self.nothing()}", self.size.width), (Tone.DIM.value,)),) if row == 0 else ()
        if self.below and row == self._body - 1:
            return (Piece(crop(f" ▼ {self.below} more below (G: newest)", self.size.width), (STRONG,)),)
        index = self._first + row
        return self.entry(index) if index < self.count() else ()

    @property
    def _body(self) -> int:
        return max(1, self.size.height - self.HEAD_LINES)

    @property
    def _first(self) -> int:
        """The entry on the first line."""
        last = max(0, self.count() - self._body)
        return last if self._follows else min(self._from, last)

    def _show_from(self, index: int) -> None:
        self._from = max(0, index)
        self._follows = index >= self.count() - self._body
        self.repaint()

    def action_move(self, by: int) -> None:
        self._show_from(self._first + by)

    def action_page(self, by: int) -> None:
        self._show_from(self._first + by * max(1, self._body - 2))

    def action_first(self) -> None:
        self._show_from(0)

    def action_follow(self) -> None:
        self._show_from(self.count())

    def action_sideways(self, by: int) -> None:
        self._shift = max(0, self._shift + by * SIDEWAYS)
        self.repaint()
