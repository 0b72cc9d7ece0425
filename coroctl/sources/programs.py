"""Runs another program for its output, within a time. The one place of the sources that starts processes."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Sequence


class ProgramFailed(CoroctlError):
    """The program is missing, ended with an error, or did not end."""


class ProgramSilent(ProgramFailed):
    """The program did not end in its time."""


def output(argv: Sequence[str], timeout_s: float, *, good_codes: tuple[int, ...] = (0,)) -> str:
    """What the program prints on stdout. Raises ProgramFailed with its last word on stderr, or ProgramSilent."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    try:
        ended = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=max(timeout_s, 0.01),
            check=False,
            env=environment,
        )
    except FileNotFoundError:
        raise ProgramFailed(f"{argv[0]} is not installed") from None
    except OSError as error:
        raise ProgramFailed(f"{argv[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise ProgramSilent(f"{argv[0]} did not answer in {timeout_s:.1f} s") from None
    if ended.returncode not in good_codes:
        said = ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"]
        raise ProgramFailed(f"{argv[0]}: {said[-1]}")
    return ended.stdout
