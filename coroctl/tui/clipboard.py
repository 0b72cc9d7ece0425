"""The user's clipboard, wherever their terminal is: by an escape sequence (OSC 52) that SSH carries.

tmux keeps it from the terminal by default, and GNU screen does not know it: each has a way of its own.
"""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TMUX = ("tmux", "load-buffer", "-w", "-")
ANSWER_S: Final = 2


def sequence(text: str, environment: Mapping[str, str]) -> str:
    """What to send to the terminal for it to have the text in its clipboard."""
    encoded = base64.b64encode(text.encode()).decode()
    plain = f"\x1b]52;c;{encoded}\a"
    return f"\x1bP{plain}\x1b\\" if "STY" in environment else plain


def by_tmux(text: str) -> str:
    """Give it to tmux, which hands it on; why it could not, or nothing. Blocks."""
    try:
        run = subprocess.run(TMUX, input=text.encode(), capture_output=True, timeout=ANSWER_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if run.returncode == 0:
        return ""
    return run.stderr.decode(errors="replace").strip() or f"exit code {run.returncode}"
