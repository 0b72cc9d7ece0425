"""What is shown instead of the console where the terminal is too small for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.screen import Screen
from textual.widgets import Label

from coroctl.tui.key_names import key_of

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.geometry import Size

LEAST_WIDTH: Final = 60
LEAST_HEIGHT: Final = 18


def too_small(size: Size) -> bool:
    """Whether no screen could be read."""
    return size.width < LEAST_WIDTH or size.height < LEAST_HEIGHT


class TooSmall(Screen[None]):
    """Goes by itself when there is room."""

    CSS = """
    TooSmall { align: center middle; }
    TooSmall Label { width: 100%; max-width: 60; text-align: center; }
    """

    def compose(self) -> ComposeResult:
        yield Label(self._text(), markup=False)

    def on_resize(self) -> None:
        self.query_one(Label).update(self._text())

    def _text(self) -> str:
        width, height = self.app.size
        return (
            f"This terminal has {width}x{height} cells,\n"
            f"the console needs {LEAST_WIDTH}x{LEAST_HEIGHT}: make it larger.\n"
            f"Or leave it ({key_of(self, 'quit')}); the node list alone:\n"
            "coroctl -l"
        )
