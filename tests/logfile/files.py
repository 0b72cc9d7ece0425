"""Logs to try things on."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = 1_763_800_000
"""Seconds since 1970 of the first line of a `corosync_log`."""
TEXTS = (
    "notice  [TOTEM ] A new membership (1.d) was formed",
    "warning [KNET  ] host: host: 3 has no active links",
    "error   [TOTEM ] FAILED TO RECEIVE",
    "notice  [QUORUM] Members[2]: 1 2",
)


class InMemory:
    """Bytes as a file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, count: int) -> bytes:
        return self.data[offset : offset + max(0, count)]


def corosync_line(number: int) -> str:
    """A line a second, as corosync writes them."""
    stamp = time.strftime("%b %d %H:%M:%S", time.localtime(BEGIN + number))
    return f"{stamp} [812] node1 corosync {TEXTS[number % len(TEXTS)]} ({number})"


def corosync_log(path: Path, count: int) -> None:
    """A log of so many lines, last written when its last line was."""
    path.write_text("".join(f"{corosync_line(number)}\n" for number in range(count)))
    os.utime(path, (BEGIN + count, BEGIN + count))


def append(path: Path, text: str | bytes) -> None:
    """As a daemon would."""
    with path.open("ab") as stream:
        stream.write(text.encode() if isinstance(text, str) else text)
