"""How much memory this node has for more machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.daemon.machines.hypervisor import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coroctl.daemon.machines.hypervisor import Domain

_MEMINFO = Path("/proc/meminfo")


def free_mib(domains: Iterable[Domain], meminfo: Path = _MEMINFO) -> int:
    """What the kernel could give now, but no more than what it has less all that the machines here may take.

    A guest touches its memory little by little: by the kernel's figure alone, ten machines started one after the
    other would all find the same node the emptiest.
    """
    told = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    total, available = (int(told[key].split()[0]) // 1024 for key in ("MemTotal", "MemAvailable"))
    promised = sum(one.memory_mib for one in domains if one.state is not State.OFF)
    return max(min(available, total - promised), 0)
