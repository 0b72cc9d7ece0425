"""What the kernel says about a node's processes and links, as proof that a fault bit. Read from the host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.errors import LabError
from coroctl.lab import node, processes

if TYPE_CHECKING:
    from coroctl.lab.handle import Lab

_SHOWN = 3


def pids(lab: Lab, name: str, what: str) -> list[int]:
    """The processes of a service on a node, or with ``all`` every process of the node."""
    init = lab.init_pid(name)
    if init is None:
        return []
    return processes.inside(init) if what == node.EVERYTHING else processes.of_unit(init, f"{what}.service")


def stopped(found: list[int], what: str) -> str:
    """The states of processes that must not run, such as ``71 T, 72 gone``; LabError if one of them does."""
    states = [f"{pid} {_state(pid)}" for pid in found]
    shown = ", ".join(states[:_SHOWN]) + (f" and {len(states) - _SHOWN} more" if len(states) > _SHOWN else "")
    if not found or not all(processes.is_stopped(pid) for pid in found):
        raise LabError(f"{what} was to stand still, and does not: {shown}")
    return shown


def _state(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def carrier(lab: Lab, name: str, network: int = 0) -> str:
    """What the host says of the link behind which the node is, such as ``clab0n1e0 down, 1 change to down``."""
    port = lab.plan.ports(lab.plan.node(name))[network]
    folder = Path("/sys/class/net", port)
    if not folder.exists():
        return f"{port} is gone"
    downs = (folder / "carrier_down_count").read_text().strip()
    return f"{port} {(folder / 'operstate').read_text().strip()}, went down {downs} times"
