"""The one clock of the daemon: CLOCK_BOOTTIME, which goes on through suspend and knows no wall-clock jumps."""

from __future__ import annotations

import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def now_us() -> int:
    """Microseconds since the boot of this machine."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def boot_id() -> int:
    """Which boot of this machine this is: the first 63 bits of the kernel's random id."""
    return int(_BOOT_ID.read_text().replace("-", "")[:16], 16) >> 1
