"""How a command that must clean up behind itself ends when it is told to: as on Ctrl-C, by an exception."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def end_on_signals() -> None:
    """From now on SIGTERM and SIGHUP raise SystemExit with the shell's exit code for them."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
