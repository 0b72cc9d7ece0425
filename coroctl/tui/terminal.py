"""What Textual leaves to us about the terminal: it must be whole again however the console ends.

Textual 8.2 does not handle SIGTERM and SIGHUP, its input thread spins on a terminal that has gone, and its loop stands
still while a terminal reads nothing: what must work then has a thread of its own, or is done by the signal itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import termios
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

GRACE_S: Final = 2.0
"""How long an ordinary end may take before the process ends as it is."""
SLOW_FPS: Final = "15"
"""Frames a second over SSH, at most; Textual's own are 60."""
LEAVE: Final = b"\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1049l\x1b[?25h"
"""No mouse, no bracketed paste, back from the alternate screen, the cursor."""


def is_terminal() -> bool:
    """Whether somebody can see a console: both ends are a terminal, and it can do more than print."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")


def suit_the_line() -> None:
    """Fewer frames over SSH, unless the user has said how many. Textual reads it when it is imported."""
    if os.environ.get("SSH_CONNECTION"):
        os.environ.setdefault("TEXTUAL_FPS", SLOW_FPS)


def settings() -> list[object] | None:
    """Of the terminal, to be put back; None where there is none."""
    try:
        return list(termios.tcgetattr(0))
    except (termios.error, OSError, ValueError):
        return None


def end_on_signals(end: Callable[[int], object], before: list[object] | None) -> None:
    """Call ``end`` with the shell's exit code for it when SIGTERM or SIGHUP comes. Needs the running loop.

    Where the loop stands still, because the terminal reads nothing, the process ends all the same, and the terminal
    has the settings of `before` again.
    """
    loop = asyncio.get_running_loop()

    def come(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(end, 128 + number)
        last = threading.Timer(GRACE_S, _end_at_once, (128 + number, before))
        last.daemon = True
        last.start()

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, come)


def _end_at_once(code: int, before: list[object] | None) -> None:
    """Leave the terminal as it was, as far as that can be done without waiting for it."""
    with contextlib.suppress(OSError):
        os.set_blocking(1, False)
        os.write(1, LEAVE)
    with contextlib.suppress(OSError, termios.error):
        os.set_blocking(1, True)
        if before is not None:
            termios.tcsetattr(0, termios.TCSANOW, before)  # type: ignore[arg-type]
    os._exit(code)


def end_with_terminal() -> None:
    """End the process as soon as the terminal hangs up: there is nothing to restore, and nobody to tell."""
    threading.Thread(target=_await_hang_up, name="watches the terminal", daemon=True).start()


def _await_hang_up() -> None:
    poll = select.poll()
    poll.register(0, 0)  # hang-up and error are always told
    poll.poll()
    os._exit(128 + signal.SIGHUP)
