"""Runs one fence agent to its end, as a process of its own: `python -IS call.py TIMEOUT_S AGENT`, parameters on stdin.

Standard library only, and nothing of coroctl: it is started by systemd, outside the daemon's sandbox. It prints one
line of JSON: `code`, the agent's exit code, or null if it did not end by itself in time and was killed; and `text`,
the end of what it said.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

TEXT_MAX = 2000


def main(timeout_s: float, agent: str) -> None:
    """Whatever happens, one line is printed."""
    try:
        process = subprocess.Popen(
            [agent],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
    except OSError as error:
        _tell(None, f"{agent}: {error.strerror}")
        return
    code: int | None
    try:
        output, _ = process.communicate(sys.stdin.buffer.read(), timeout_s)
        code = process.returncode if process.returncode >= 0 else None
    except subprocess.TimeoutExpired:
        # What it has started goes with it, or communicate would wait for that.
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        code, output = None, output + f"\nno end within {timeout_s:g} s".encode()
    _tell(code, output.decode(errors="replace"))


def _tell(code: int | None, text: str) -> None:
    print(json.dumps({"code": code, "text": text.strip()[-TEXT_MAX:]}), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
