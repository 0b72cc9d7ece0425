"""The host's process table, read from /proc: who owns a lab, and what runs inside a node."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.lab.plan import Owner

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

_PROC = Path("/proc")


def this_process() -> Owner:
    """The caller, as an owner of labs."""
    return Owner(os.getpid(), start_ticks(os.getpid()) or 0)


def is_alive(owner: Owner) -> bool:
    """Whether that very process still runs."""
    return start_ticks(owner.pid) == owner.start_ticks


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None if there is none (any more)."""
    fields = _stat(pid)
    return int(fields[19]) if fields and fields[0] not in "ZX" else None


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    return [child for child in _pids() if (fields := _stat(child)) and int(fields[1]) == pid]


def init_of(nspawn: int) -> int | None:
    """The first process of the machine that a systemd-nspawn runs, once it has its own namespaces."""
    for child in children(nspawn):
        if _line(child, "NSpid:").split()[-1:] == ["1"]:
            return child
    return None


def inside(init: int) -> list[int]:
    """Every process of the machine whose first process is ``init``, that one first."""
    namespace = _pid_namespace(init)
    if namespace is None:
        return []
    return [init, *(pid for pid in _pids() if pid != init and _pid_namespace(pid) == namespace)]


def of_unit(init: int, unit: str) -> list[int]:
    """The machine's processes that belong to a systemd unit such as ``corosync.service``."""
    return [pid for pid in inside(init) if unit in groups(pid)]


def of_group(name: str) -> list[int]:
    """Every process in a control group of that name, or below one."""
    return [pid for pid, names in grouped() if name in names]


def grouped() -> Iterator[tuple[int, set[str]]]:
    """Every process with the names of the control groups around it."""
    return ((pid, groups(pid)) for pid in _pids())


def groups(pid: int) -> set[str]:
    """The names of the control groups around a process, in whichever hierarchy."""
    paths = (line.rsplit(":", 1)[-1] for line in _read(pid, "cgroup").splitlines())
    return {name for path in paths for name in path.split("/") if name}


def running(words: list[str]) -> list[int]:
    """Every process whose command line has these words one after the other."""
    count = len(words)
    return [
        pid for pid, line in command_lines() if any(line[at : at + count] == words for at in range(len(line) - count))
    ]


def command_lines() -> Iterator[tuple[int, list[str]]]:
    """Every process with the words of its command line; kernel threads have none."""
    return ((pid, _read(pid, "cmdline").split("\0")) for pid in _pids())


def send(pids: list[int], number: signal.Signals) -> None:
    """Signal processes; one that has ended meanwhile needs none."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def is_stopped(pid: int) -> bool:
    """Whether a process executes nothing: stopped, dead or gone."""
    fields = _stat(pid)
    return fields is None or fields[0] in "TtZX"


def _pids() -> Iterator[int]:
    return (int(entry) for entry in os.listdir(_PROC) if entry.isdigit())  # noqa: PTH208 - half the cost


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on: [0] state, [1] parent, [19] start time."""
    text = _read(pid, "stat")
    return text.rpartition(")")[2].split() if text else None


def _pid_namespace(pid: int) -> int | None:
    try:
        return (_PROC / str(pid) / "ns" / "pid").stat().st_ino
    except OSError:
        return None


def _line(pid: int, key: str) -> str:
    for line in _read(pid, "status").splitlines():
        if line.startswith(key):
            return line
    return ""


def _read(pid: int, name: str) -> str:
    try:
        return (_PROC / str(pid) / name).read_text()
    except OSError:
        return ""
