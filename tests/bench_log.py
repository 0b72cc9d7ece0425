"""What the log view costs on a log of 1 GiB, beside less and lnav of the same run: ``python -m tests.bench_log``.

On this machine, on a pty of 120x40: no cluster is asked. The view's start is that of a whole Textual application.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.console_probe import OnAPty

MIB = 1024 * 1024
ROUNDS = 5
PAGES = 20
QUIET_S = 0.3
"""A page is painted when nothing has come for so long."""
LINES_A_SECOND = 20
PAGE_UP = b"\x1b[5~"
LAST = b"the last line of all"


class Row(NamedTuple):
    """As tests.bench has it."""

    what: str
    value: str
    beside: str = ""
    aim: str = ""


class Viewer(NamedTuple):
    """A program that shows a log's end."""

    name: str
    command: tuple[str, ...]


OURS = Viewer("coroctl", (sys.executable, "-m", "coroctl_widgets.log_view"))
OTHERS = (Viewer("less", ("less", "+G")), Viewer("lnav", ("lnav", "-t")))


def table(mib: int = 1024, follow_s: float = 20.0) -> list[Row]:
    """Rows for the README's table."""
    with tempfile.TemporaryDirectory(prefix="coroctl-bench", dir="/var/tmp") as folder:
        path = Path(folder) / "corosync.log"
        _write(path, mib)
        beside = ", ".join(f"{viewer.name} {_last_line(viewer, path)}" for viewer in OTHERS)
        size = f"{mib / 1024:g} GiB"
        return [
            Row(f"{size} log: last line on the screen, median of {ROUNDS}", _last_line(OURS, path), beside, "< 0.6 s"),
            *_moving(path, follow_s),
        ]


def _write(path: Path, mib: int) -> None:
    """Lines as corosync writes them; the last one is like no other."""
    line = "Nov 22 12:{:02}:{:02} [812] node1 corosync notice  [QUORUM] Members[3]: 1 2 3 ({})\n"
    block = "".join(line.format(n // 60 % 60, n % 60, n) for n in range(MIB // 70)).encode()
    with path.open("wb") as log:
        while log.tell() < mib * MIB:
            log.write(block)
        log.write(b"Nov 22 13:00:00 [812] node1 corosync notice  [QUORUM] " + LAST + b"\n")


def _last_line(viewer: Viewer, path: Path) -> str:
    if shutil.which(viewer.command[0]) is None:
        return "not installed"
    took = []
    for _ in range(ROUNDS):
        shown = OnAPty([*viewer.command, str(path)])
        took.append(shown.until(LAST) - shown.begin)
        shown.close()
    return f"{median(took):.2f} s"


def _moving(path: Path, follow_s: float) -> list[Row]:
    """Following first: it begins at the end; then up, page by page."""
    view = OnAPty([*OURS.command, str(path)])
    view.until(LAST)
    view.drain(1.0)
    followed = _follow(view, path, follow_s)
    pages = [_page_up(view) for _ in range(PAGES)]
    view.close()
    count, took = (median(column) for column in zip(*pages, strict=True))
    return [
        Row(
            f"the same: PageUp, median of {PAGES}", f"{count / 1000:.1f} KB, {took * 1000:.0f} ms", aim="< 15 KB, 50 ms"
        ),
        Row(f"the same: following {LINES_A_SECOND} lines/s", f"{followed / 1024:.1f} KiB/s", aim="< 50 KiB/s"),
    ]


def _follow(view: OnAPty, path: Path, follow_s: float) -> float:
    """Bytes a second."""
    count = 0
    with path.open("ab") as log:
        for number in range(int(follow_s * LINES_A_SECOND)):
            log.write(b"Nov 22 13:00:01 [812] node1 corosync notice  [TOTEM ] A new membership (%d)\n" % number)
            log.flush()
            count += view.drain(1 / LINES_A_SECOND)
    return count / follow_s


def _page_up(view: OnAPty) -> tuple[int, float]:
    """Bytes, and seconds until the last of them."""
    begin = last = time.monotonic()
    os.write(view.master, PAGE_UP)
    count = 0
    while data := view.read(QUIET_S):
        count, last = count + len(data), time.monotonic()
    return count, last - begin


def main() -> int:
    """Print the rows: ``python -m tests.bench_log [MIB [SECONDS]]``."""
    words = sys.argv[1:]
    for row in table(int(words[0]) if words else 1024, float(words[1]) if words[1:] else 20.0):
        print(f"| {' | '.join(row)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
