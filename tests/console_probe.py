"""Runs on a lab node for `tests.bench`: the console on a pty of 120x40, watched from outside of it.

``frame`` prints the seconds to the first frame. ``live`` prints what the console costs while nothing
happens, then, for each node that leaves, the time from corosync's callback here to the screen there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.corosync.corotypes import Track
from coroctl.corosync.quorum import NodelistNotification, Quorum

if TYPE_CHECKING:
    from collections.abc import Sequence

SETTLE_S, QUIET_S, DEADLINE_S = 8.0, 20.0, 60.0


class OnAPty:
    """The console, and what it writes."""

    def __init__(self, command: Sequence[str] = ("coroctl", "console")) -> None:
        self.begin = time.monotonic()
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        environment = os.environ | {"TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            list(command), stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)

    def read(self, seconds: float) -> bytes:
        """What it writes next; empty if nothing comes in time."""
        ready, _, _ = select.select([self.master], [], [], max(seconds, 0))
        return os.read(self.master, 1 << 20) if ready else b""

    def until(self, wanted: bytes, seconds: float = DEADLINE_S) -> float:
        """The moment at which it had written that (time.monotonic)."""
        end, seen = time.monotonic() + seconds, b""
        while wanted not in seen:
            assert time.monotonic() < end, f"no {wanted!r} in {seen[-300:]!r}"
            seen += self.read(end - time.monotonic())
        return time.monotonic()

    def drain(self, seconds: float) -> int:
        """Read for so long; how many bytes came."""
        end, count = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            count += len(self.read(left))
        return count

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self, kind: str) -> float:
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        [line] = [line for line in rollup.splitlines() if line.startswith(f"{kind}:")]
        return int(line.split()[1]) / 1024

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(OSError):  # EIO: nobody has the other end open any more
            self.drain(DEADLINE_S)
        self.process.wait(DEADLINE_S)
        os.close(self.master)


def frame() -> None:
    """Until the whole first screen stands there: its last line is the footer."""
    console = OnAPty()
    print(json.dumps(console.until(b"Quit") - console.begin))
    console.close()


def live() -> None:
    """A quiet while, then nodes leave."""
    console = OnAPty()
    console.until(b"QUORATE")
    console.drain(SETTLE_S)
    cpu = console.cpu_s()
    count = console.drain(QUIET_S)
    quiet = {
        "cpu_percent": (console.cpu_s() - cpu) / QUIET_S * 100,
        "bytes_per_s": count / QUIET_S,
        "pss_mib": console.memory_mib("Pss"),
        "rss_mib": console.memory_mib("Rss"),
    }
    with Quorum.initialize() as quorum:
        quorum.trackstart(Track.CHANGES)
        print(json.dumps(quiet), flush=True)
        known: dict[int, float] = {}
        for _ in range(3):
            print(json.dumps({"delay_ms": _one_leaves(console, quorum, known) * 1000}), flush=True)
    console.close()


def _one_leaves(console: OnAPty, quorum: Quorum, shown: dict[int, float]) -> float:
    """Seconds between the callback here and "nodeN has left" on the screen; `shown`: when each was first written."""
    told: dict[int, float] = {}
    seen, end = b"", time.monotonic() + DEADLINE_S
    while not told or not told.keys() <= shown.keys():
        assert time.monotonic() < end, (told, shown)
        ready, _, _ = select.select([quorum.fd_get(), console.master], [], [], end - time.monotonic())
        if console.master in ready:
            seen += console.read(0)
            for node in re.findall(rb"node(\d+) has left", seen):
                shown.setdefault(int(node), time.monotonic())
        if quorum.fd_get() in ready:
            for event in quorum.dispatch():
                if isinstance(event, NodelistNotification):
                    told |= {int(node): time.monotonic() for node in event.left if node not in told}
    console.drain(2)
    return max(shown[node] - told[node] for node in told)


if __name__ == "__main__":
    {"frame": frame, "live": live}[sys.argv[1]]()
