"""Runs the host's programs, and is the one place where the lab waits.

Nothing else in the lab starts a process directly or sleeps.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, TypeVar

from coroctl.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def run(argv: Sequence[str], *, stdin: str = "", timeout_s: float = 30) -> str:
    """Run a program to its end and return its stdout; LabError if it fails or outlives ``timeout_s``."""
    result = attempt(argv, stdin=stdin, timeout_s=timeout_s)
    if result.returncode:
        reason = result.stderr.strip() or f"exit code {result.returncode}"
        raise LabError(f"{' '.join(argv[:6])}: {reason}")
    return result.stdout


def attempt(argv: Sequence[str], *, stdin: str = "", timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    """As `run`, but whatever exit code the program ends with is the caller's to judge."""
    try:
        return subprocess.run(
            list(argv), input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False
        )
    except FileNotFoundError:
        raise LabError(f"{argv[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{' '.join(argv[:6])}: no end after {timeout_s:g} s") from None


def until(condition: Callable[[], T | None], timeout_s: float, what: str, *, every_s: float = 0.02) -> T:
    """Ask until the answer is neither None nor False, and return it; LabError naming ``what`` when time is up."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() >= deadline:
            raise LabError(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(every_s)
