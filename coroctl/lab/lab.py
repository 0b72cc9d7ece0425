"""Brings labs up and takes them down, and finds what a crashed run left behind.

Whoever allocates or removes a lab holds a lock on the folder of all labs, so that two runs never
pick the same index. A lab with an owner ends with that process: `gc` removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coroctl.conf.document import Document
from coroctl.conf.files import load as load_conf
from coroctl.errors import LabError
from coroctl.lab import cgroups, conditions, disk, fencing, machines, network, node, processes, template
from coroctl.lab.plan import MAX_LABS, ROOT, NodePlan, Owner, Plan, load, make_plan, save
from coroctl.lab.run import attempt, run, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAMS = {
    "corosync": "corosync",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nft": "nftables",
    "setpriv": "util-linux",
    "sysctl": "procps",
}
"""What the lab runs, and the Debian package that each is in."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `up` is asked for."""

    name: str = "lab"
    nodes: int | None = None
    """None: as many as ``conf`` lists, else 3."""
    token_ms: int | None = None
    """None: corosync's default."""
    transport: str = "knet"
    networks: int = 1
    conf: Path | None = None
    listener: bool = False
    """corolistener runs on every node, with a small web server as its manager."""
    lease_ms: int | None = None
    heartbeat_ms: int | None = None
    machines: int = 0
    """Small virtual machines, spread over the nodes; every node then has a libvirtd."""
    fencing: str = ""
    """One of `fencing.KINDS`: corolistener's, and what it needs; empty: none."""


def check_host() -> None:
    """LabError unless this user on this machine can run a lab."""
    if os.geteuid() != 0:
        raise LabError("a lab needs root: it makes bridges and boots machines (sudo coroctl lab ...)")
    missing = {program: package for program, package in PROGRAMS.items() if shutil.which(program) is None}
    if missing:
        raise LabError(
            f"{', '.join(missing)} not found: apt-get install --no-install-recommends {' '.join(missing.values())}"
        )


def up(wanted: Wanted, *, owner: Owner | None = None, timeout_s: float | None = None) -> Plan:
    """Bring a lab up and return when every node is joined and quorate on every node.

    With an ``owner`` the lab is that process's and `gc` removes it once the process has ended;
    without one it stays until `down`. Whatever goes wrong, Ctrl-C included, takes it down again.
    """
    check_host()
    if (wanted.lease_ms or wanted.heartbeat_ms) and (wanted.conf or not wanted.listener):
        raise LabError("lease and heartbeat are for the default file with corolistener; a file of yours says its own")
    if wanted.fencing and (wanted.conf or not wanted.listener):
        raise LabError("fencing is for the default file with corolistener; a file of yours says its own")
    if wanted.machines:
        machines.check_host(wanted.machines)
    source = Document.parse(load_conf(wanted.conf), str(wanted.conf)) if wanted.conf else None
    names = _names(wanted, source)
    plan = _allocate(wanted, names)
    try:
        conf = template.filled_in(source, plan) if source else _default_conf(plan, wanted)
        network.create_bridges(plan)
        disk.precompile()
        disk.install(plan)
        if plan.machines:
            machines.prepare(plan)
        fencing.begin(plan)
        key = _make_key(plan) if wanted.listener else None
        for each in plan.nodes:
            _make_node(plan, each, conf, key)
        start_all(plan)
        conditions.wait(plan, ["formed"], timeout_s or _forming_s(len(plan.nodes), wanted.token_ms))
        if plan.machines:
            machines.begin(plan)
        plan = replace(plan, owner=owner)
        save(plan)
    except BaseException:  # Ctrl-C and a test's end, too: nothing may stay behind
        down(plan.name)
        raise
    return plan


def _default_conf(plan: Plan, wanted: Wanted) -> bytes:
    listener = template.Listener(wanted.lease_ms, wanted.heartbeat_ms) if wanted.listener else None
    return template.default_conf(plan, wanted.transport, wanted.token_ms, listener)


def _make_key(plan: Plan) -> bytes:
    """The key of the cluster's corolisteners, made as an operator makes it."""
    file = plan.folder / "authkey"
    run([sys.executable, "-P", "-m", "coroctl", "keygen", "--file", str(file)])
    return file.read_bytes()


def _names(wanted: Wanted, source: Document | None) -> tuple[tuple[str, int], ...]:
    if source is None:
        return template.default_names(3 if wanted.nodes is None else wanted.nodes)
    names = template.names_in(source)
    if wanted.nodes not in (None, len(names)):
        raise LabError(f"{wanted.conf} lists {len(names)} nodes, not {wanted.nodes}")
    return names


def _forming_s(nodes: int, token_ms: int | None) -> float:
    """Generous: corosync's own time to form grows with the number of nodes."""
    return 60 + 6 * nodes + (token_ms or 3000) / 100


def _make_node(plan: Plan, each: NodePlan, conf: bytes, key: bytes | None) -> None:
    folder = plan.node_folder(each)
    for part in ("upper", "work", "root"):
        (folder / part).mkdir(parents=True)
    disk.write(plan, each, conf, key=key)


def start_all(plan: Plan) -> None:
    """Switch every node on and wait until all have booted."""
    for each in plan.nodes:
        node.switch_on(plan, each)
    for each in plan.nodes:
        node.wait_booted(plan, each)


def start(plan: Plan, each: NodePlan) -> None:
    """Switch a node on again, with the disk that it had, and wait until it has booted."""
    node.switch_on(plan, each)
    node.wait_booted(plan, each)


def down(name: str) -> bool:
    """Remove a lab and everything of it; False if there is nothing of that name. Ctrl-C waits for its end."""
    with _uninterrupted(), _allocation():
        folder = ROOT / name
        if not folder.is_dir():
            return False
        with contextlib.suppress(LabError):  # a lab that got no further than its folder has no plan
            _dismantle(load(name))
        _unmount(folder)
        folder.rmdir()
        return True


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Whoever presses Ctrl-C must not be left with half a lab."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _dismantle(plan: Plan) -> None:
    fencing.end(plan)
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda each: _switch_off(plan, each), plan.nodes))
    network.remove(plan)


def _switch_off(plan: Plan, each: NodePlan) -> None:
    if (plan.node_folder(each) / "lock").exists():
        node.switch_off(plan, each)


def gc() -> list[str]:
    """Remove what runs that have ended left: their labs, and pieces of labs that have no folder any more.

    Returns one line for each thing removed.
    """
    check_host()
    removed = [f"lab {plan.name}" for plan in plans() if plan.owner and not processes.is_alive(plan.owner)]
    for line in removed:
        down(line.partition(" ")[2])
    with _allocation():
        known = {plan.index for plan in plans()}
        removed += _kill_strays(known)
        removed += _remove_orphans(known)
        removed += _remove_unplanned_folders()
    return removed


def _kill_strays(known: set[int]) -> list[str]:
    """End the machines of labs that no longer have a plan, and wait until they have let go of everything."""
    strays = _stray_machines(known)
    processes.send(strays, signal.SIGKILL)
    until(lambda: not _stray_machines(known), 30, "stray machines to end")
    return [f"process {pid}" for pid in strays]


def _remove_unplanned_folders() -> list[str]:
    removed = []
    for folder in sorted(ROOT.iterdir()):
        if folder.is_dir() and not (folder / "lab.json").exists():
            _unmount(folder)
            folder.rmdir()
            removed.append(f"folder {folder}")
    return removed


def _remove_orphans(known: set[int]) -> list[str]:
    removed = []
    for interface in sorted(os.listdir("/sys/class/net")):  # noqa: PTH208 - names are wanted
        if _index_of(interface, known) is not None:
            attempt(["ip", "link", "delete", interface])  # its other end may have gone meanwhile
            removed.append(f"interface {interface}")
    for table in re.findall(r"table bridge (\S+)", run(["nft", "list", "tables"])):
        if _index_of(table, known) is not None:
            network.remove_table(table)
            removed.append(f"nftables table {table}")
    for group in sorted(cgroups.names("coroctl-lab-")):
        if _index_of(group.removeprefix("coroctl-lab-"), known) is not None:
            cgroups.remove(group)
            removed.append(f"control group {group}")
    return removed


def _stray_machines(known: set[int]) -> list[int]:
    """Processes of nodes whose lab no longer has a folder."""
    return [
        pid
        for pid, names in processes.grouped()
        if any(_index_of(name.removeprefix("coroctl-lab-"), known) is not None for name in names)
    ]


def _index_of(name: str, known: set[int]) -> int | None:
    """The index in a name of the lab's kind, if it belongs to no known lab."""
    match = re.match(r"clab(\d+)", name)
    return int(match[1]) if match and int(match[1]) not in known else None


def plans() -> list[Plan]:
    """Every lab there is, in order of name."""
    if not ROOT.is_dir():
        return []
    return [load(folder.name) for folder in sorted(ROOT.iterdir()) if (folder / "lab.json").exists()]


def _allocate(wanted: Wanted, names: tuple[tuple[str, int], ...]) -> Plan:
    """Take the smallest free index and make the lab's folder; until the lab is up it is owned by this process."""
    with _allocation():
        used = {plan.index for plan in plans()}
        free = (index for index in range(MAX_LABS) if index not in used and not network.exists(f"clab{index}br0"))
        index = next(free, None)
        if index is None:
            raise LabError(f"{MAX_LABS} labs are up already")
        more = (wanted.networks, processes.this_process(), wanted.machines, wanted.fencing)
        plan = make_plan(wanted.name, index, names, *more)
        if plan.folder.exists():
            raise LabError(f"lab {wanted.name} is up already (coroctl lab down --name {wanted.name})")
        plan.folder.mkdir()
        run(["mount", "-t", "tmpfs", "-o", "mode=0700", "coroctl-lab", str(plan.folder)])
        save(plan)
        return plan


def _unmount(folder: Path) -> None:
    """The processes that used it are ending; the kernel may need a moment to let go."""
    until(lambda: not folder.is_mount() or attempt(["umount", str(folder)]).returncode == 0, 10, f"umount {folder}")


@contextlib.contextmanager
def _allocation() -> Iterator[None]:
    """Hold the lock on the folder of all labs; the folder goes when the last lab has gone."""
    while True:
        ROOT.mkdir(mode=0o755, exist_ok=True)
        handle = os.open(ROOT, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if ROOT.exists() and os.fstat(handle).st_ino == ROOT.stat().st_ino:
            break
        os.close(handle)  # somebody removed the folder while we waited for it
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            ROOT.rmdir()
        os.close(handle)
