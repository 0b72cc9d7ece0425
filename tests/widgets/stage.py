"""Where widgets are tried: a bare application in ansi-dark, and a terminal that holds what it was sent.

The terminal knows just what Textual sends: positions, line feeds, styles (which it skips) and characters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.cells import get_character_cell_size
from textual.drivers.headless_driver import HeadlessDriver

from coroctl_widgets.demo import Demo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from textual.message import Message
    from textual.pilot import Pilot
    from textual.widget import Widget

_TOKEN = re.compile(r"\x1b\[(?P<codes>[0-9;?]*)(?P<verb>[A-Za-z])|(?P<text>.)", re.DOTALL)


class Terminal:
    """A screen of cells, and the bytes that it took."""

    def __init__(self, width: int, height: int) -> None:
        self.grid = [[" "] * width for _ in range(height)]
        self.x = self.y = 0
        self.sent = ""

    def feed(self, data: str) -> None:
        self.sent += data
        for token in _TOKEN.finditer(data):
            if token["verb"] == "H":
                y, x = (int(code) for code in (token["codes"] or "1;1").split(";"))
                self.x, self.y = x - 1, y - 1
            elif token["text"] is not None:
                self._put(token["text"])

    def _put(self, character: str) -> None:
        if character == "\n":
            self.x, self.y = 0, self.y + 1
            return
        size = get_character_cell_size(character)
        if size == 0:
            self.grid[self.y][self.x - 1] += character
        for half in range(size):
            self.grid[self.y][self.x] = "" if half else character
            self.x += 1

    @property
    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self.grid]

    def bytes_since_last(self) -> int:
        sent, self.sent = self.sent, ""
        return len(sent.encode())


class _Wire(HeadlessDriver):
    """A driver whose terminal is an object."""

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        assert isinstance(self._app, Stage)
        assert self._app.terminal is not None
        self._app.terminal.feed(data)


class Stage(Demo):
    """An application with some widgets that keeps the messages that come out of them."""

    def __init__(self, *widgets: Widget, terminal: Terminal | None = None) -> None:
        super().__init__(lambda: widgets)
        self.terminal = terminal
        self.heard: list[Message] = []
        if terminal is not None:
            self.driver_class = _Wire

    def said(self, kind: type[Message]) -> list[Any]:
        """The messages of a kind, oldest first."""
        return [message for message in self.heard if isinstance(message, kind)]

    async def _on_message(self, message: Message) -> None:
        self.heard.append(message)
        await super()._on_message(message)


async def on_terminal(
    widget: Widget, act: Callable[[Pilot[object], Terminal], Awaitable[None]], size: tuple[int, int] = (80, 24)
) -> Terminal:
    """Run with a terminal behind the driver; nothing of the first painting is counted."""
    terminal = Terminal(*size)

    async def drive(pilot: Pilot[object]) -> None:
        await pilot.pause()
        terminal.bytes_since_last()
        await act(pilot, terminal)
        await pilot.pause()
        pilot.app.exit()

    await Stage(widget, terminal=terminal).run_async(size=size, mouse=False, auto_pilot=drive)
    return terminal
