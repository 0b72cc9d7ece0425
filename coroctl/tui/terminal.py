"""What Textual leaves to us about the terminal: it must be whole again however the console ends.

Textual 8.2 does not handle SIGTERM and SIGHUP, and its input thread spins on a terminal that has gone.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def is_terminal() -> bool:
    """Whether somebody can see a console: both ends are a terminal, and it can do more than print."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")


def end_on_signals(end: Callable[[int], object]) -> None:
    """Call ``end`` with the shell's exit code for it when SIGTERM or SIGHUP comes. Needs the running loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end, 128 + number)


def leave_if_terminal_has_gone() -> None:
    """End the process at once if the terminal hung up: there is nothing to restore, and nobody to tell."""
    poll = select.poll()
    poll.register(0, 0)
    if any(happened & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _fd, happened in poll.poll(0)):
        os._exit(128 + signal.SIGHUP)
