"""Where the host mounts its control groups, and the removal of those that a node left there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from coroctl.lab.run import until


def hierarchies() -> tuple[Path, ...]:
    """Mount points of the hierarchies that systemd uses: cgroup2, and on older set-ups name=systemd."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, tail = line.partition(" - ")
        kind, _, options = tail.split()[:3]
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(fields.split()[4]))
    return tuple(found)


def enter(name: str) -> None:
    """Put this process, and what it will start, into a control group of that name, in every hierarchy."""
    for hierarchy in hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        (group / "cgroup.procs").write_text(str(os.getpid()))


def remove(name: str) -> None:
    """Remove a control group and everything below it, in every hierarchy; its processes must be ending."""
    for hierarchy in hierarchies():
        top = hierarchy / name
        until(lambda top=top: _removed(top), 10, f"the processes of {top} to end", every_s=0.005)  # type: ignore[misc]


def _removed(top: Path) -> bool:
    """Remove the tree from its leaves up; False while a process is still on its way out of it."""
    try:
        for folder in sorted(top.glob("**/"), key=lambda path: len(path.parts), reverse=True):
            folder.rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def names(prefix: str) -> set[str]:
    """The control groups at the root of a hierarchy whose name begins like that."""
    return {path.name for hierarchy in hierarchies() for path in hierarchy.glob(f"{prefix}*") if path.is_dir()}
