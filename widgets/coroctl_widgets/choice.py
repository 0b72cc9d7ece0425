"""A word in brackets that can be chosen: a button of one line, in any number of colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.message import Message
from textual.reactive import reactive

from coroctl_widgets.lines import CURSOR, LineWidget, Piece, Tone
from coroctl_widgets.text import cells, fit, neutral

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.binding import BindingType

    from coroctl_widgets.lines import Line


class Choice(LineWidget, can_focus=True):
    """As wide as its word; the owner hides it or disables it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "choose", "Choose", show=False, id="choose")]

    DEFAULT_CSS = """
    Choice { width: auto; height: 1; margin-left: 2; }
    """

    value: reactive[str] = reactive("", repaint=False, layout=True)
    """The word; untrusted."""

    class Chosen(Message):
        """Enter, the space bar, or a click."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> Choice:
            return self.choice

    def get_content_width(self, *_: object) -> int:
        return cells(neutral(self.value)) + 4

    def watch_value(self) -> None:
        self.refresh()

    def watch_disabled(self, disabled: bool) -> None:
        super().watch_disabled(disabled)
        self.repaint()

    def line(self, y: int) -> Line:
        tone = Tone.DIM if self.disabled else Tone.NORMAL
        return (Piece(fit(f"[ {self.value} ]", self.size.width), (tone.value, CURSOR)),) if not y else ()

    def on_click(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        if not self.disabled:
            self.post_message(self.Chosen(self))


def demo() -> Iterable[Choice]:
    """One that can be chosen, and one that cannot."""
    for word in ("Cancel", "Promote"):
        choice = Choice()
        choice.set_reactive(Choice.value, word)
        choice.disabled = word == "Promote"
        yield choice


if __name__ == "__main__":
    from coroctl_widgets.demo import Demo

    Demo(demo).run()
