"""What a lab could leave on this machine, taken from the system itself and not from the lab's own books."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def residue() -> dict[str, set[str]]:
    """Everything of the lab's kind that is there now; compare two of them."""
    return {
        "processes": _processes(),
        "network namespaces": _network_namespaces(),
        "mounts": {
            line.split()[4] for line in _lines("/proc/self/mountinfo") if "coroctl" in line or "overlay" in line
        },
        "interfaces": {path.name for path in Path("/sys/class/net").iterdir()},
        "control groups": {str(path) for path in Path("/sys/fs/cgroup").glob("**/coroctl-lab*")},
        "tables": set(re.findall(r"^table .*", _output("nft", "list", "tables"), re.MULTILINE)),
        "files": {
            str(path) for pattern in ("coroctl-lab*", "systemd/nspawn/**/*") for path in Path("/run").glob(pattern)
        },
        "shared memory": {path.name for path in Path("/dev/shm").iterdir() if "qb-" in path.name},
    }


def _processes() -> set[str]:
    """Processes of the lab's programs that are not dead: a dead one waits only for its parent to notice."""
    found = set()
    for line in _output("ps", "-eo", "pid=,stat=,args=").splitlines():
        pid, state, command = line.split(None, 2)
        words = ("systemd-nspawn", "coroctl.lab.keeper", "coroctl.lab.power", "corosync -f", "coroctl-lab.target")
        if not state.startswith("Z") and any(word in command for word in words):
            found.add(f"{pid} {command}")
    return found


def _network_namespaces() -> set[str]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(str(path.readlink()))
        except OSError:
            continue
    return found


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
