"""How keys come in: no faster than they are worked off; and what goes out: no more than differs (`canvas`).

Knows Textual's queues, and nothing of what is shown.

Textual 8.2 reads its terminal on a thread and hands over whatever comes: while the loop stands still, because nobody
reads what it writes, every key costs kilobytes, without end. Here what cannot be worked off yet is left in the kernel,
which holds 4 KiB and then lets the other side wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from textual.drivers.linux_driver import LinuxDriver

from coroctl.tui.canvas import Canvas

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from textual.app import App
    from textual.geometry import Size
    from textual.message import Message
    from textual.message_pump import MessagePump

MOST: Final = 32
"""Keys on their way at one time."""
LOOK_S: Final = 0.01
"""How often it is looked whether there is room again."""


class PatientDriver(LinuxDriver):
    """Hands over the next key when there is room for it, and writes what the terminal does not show already."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._handed: deque[Future[bool]] = deque()
        self._canvas = Canvas()

    def write(self, data: str) -> None:
        """Frames on the loop; from the input thread only modes, which change nothing that is kept."""
        different = self._canvas.take(data)
        if different:
            super().write(different)

    def resized(self, size: Size) -> None:
        """The terminal has another size, or its first."""
        self._canvas.resize(size.width, size.height)

    def redraw(self) -> None:
        """All of it goes out, whatever somebody else has written over it."""
        self._canvas.forget()

    def send_message(self, message: Message) -> None:
        """On the input thread; when the application ends it waits no more."""
        while self._on_the_way() >= MOST and not self.exit_event.wait(LOOK_S):
            pass
        self._handed.append(asyncio.run_coroutine_threadsafe(self._app._post_message(message), loop=self._loop))

    def _on_the_way(self) -> int:
        while self._handed and self._handed[0].done():
            self._handed.popleft()
        return len(self._handed) + sum(pump.message_queue_size for pump in self._pumps() if pump.is_running)

    def _pumps(self) -> Iterator[MessagePump]:
        """Whom a key passes."""
        yield self._app
        for screen in self._app.screen_stack[-1:]:
            yield screen
            if screen.focused is not None:
                yield screen.focused
