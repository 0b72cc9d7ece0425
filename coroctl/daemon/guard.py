"""The guard: ends what a master leaves behind when its daemon is frozen, hung or dead.

It is a process of its own (``python3 -IS guard.py watch``), beside the daemon and not below it. It reads /run, waits
until the lease that is written there has ended, and then kills the daemon, kills the manager and takes the address
away. It knows nothing of coroctl but that file, speaks to the kernel directly, and asks systemd only where the kernel
does not know.

    guard.py watch [FOLDER [UNIT]]        guard until ended; UNIT is the daemon's
    guard.py clean [FOLDER [UNIT]]        once: act if the lease has ended, else leave everything as it is
    guard.py may-start [FOLDER [UNIT]]    exit code 0 while this node's lease runs, else 1

``may-start`` stands in the way of every start of the manager, so what only the others need is imported where it is
needed, and `typing` not at all.
"""

from __future__ import annotations

import json
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import socket

FOLDER = "/run/corolistener"
RUN_FILE = "run.json"
SOCKET = "guard.sock"
_DONE = "guard.done"
DAEMON = "corolistener.service"
GRACE_US = 100_000
"""How long after guard_until it acts: the daemon's own clean-up begins when the lease ends."""

_LOOK_S = 0.25
"""While armed it looks at the clock that often: poll's own clock stands still while the machine sleeps."""
_IDLE_S = 3.0
_HELPERS_S = 5.0
"""Bound of what systemctl and nft are given together; the kills do not wait for them."""
_AGAIN_S = 0.01
_FAMILIES = ("arp", "inet", "netdev")
_SLICE = ".slice"


class Facts:
    """What /run says: moments in microseconds of CLOCK_BOOTTIME (0: none), and what there is to end ("": nothing)."""

    __slots__ = ("address", "device", "guard_until", "lease_until", "lock", "prefix", "service")

    def __init__(self, values: dict[str, object]) -> None:
        self.lease_until = _moment(values.get("lease_until"))
        self.guard_until = _moment(values.get("guard_until"))
        self.prefix = _moment(values.get("prefix"))
        self.service = _word(values.get("service"))
        self.address = _word(values.get("address"))
        self.device = _word(values.get("device"))
        self.lock = _word(values.get("lock"))


def _moment(value: object) -> int:
    return value if isinstance(value, int) else 0


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def read(folder: str) -> Facts | None:
    """What /run says now; None if it says nothing that can be understood."""
    try:
        with open(f"{folder}/{RUN_FILE}", encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs 10 ms
            values = json.load(file)
    except (OSError, ValueError):
        return None
    return Facts(values) if isinstance(values, dict) else None


def now_us() -> int:
    """The daemon's clock."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def may_start(folder: str, _daemon: str = DAEMON) -> int:
    """0 if this node's lease runs at this moment, else 1."""
    facts = read(folder)
    return 0 if facts is not None and now_us() < facts.lease_until else 1


def watch(folder: str, daemon: str = DAEMON) -> int:
    """Guard for ever. The daemon nudges it through its socket; the file's word is what counts."""
    listener = _listen(f"{folder}/{SOCKET}")
    known = read(folder)
    ended = _acted_upon(folder)
    pinged = -_IDLE_S
    _tell_systemd("READY=1")
    while True:
        # What cannot be read has not been renewed: what was known last goes on.
        known = read(folder) or known
        if known is not None and is_due(known, ended):
            ended = known.guard_until
            _act(folder, known, daemon, kill_group(daemon))
        if time.monotonic() - pinged >= _IDLE_S:
            pinged = time.monotonic()
            _tell_systemd("WATCHDOG=1")
        _wait(listener, known, ended)


def is_due(facts: Facts, ended: int = 0) -> bool:
    """Whether the guarded moment has passed, and was not the one that has been acted upon."""
    return facts.guard_until not in (0, ended) and now_us() >= facts.guard_until + GRACE_US


def _wait(listener: socket, known: Facts | None, ended: int) -> None:
    """Until a nudge, the guarded moment, or the next look at the clock."""
    import select

    wait_s = _IDLE_S
    if known is not None and known.guard_until not in (0, ended):
        left_us = known.guard_until + GRACE_US - now_us()
        wait_s = min(max(left_us, 0) / 1e6, _LOOK_S)
    # Not select(2): stopped and continued, that waits anew for its whole time.
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    if poll.poll(wait_s * 1000):
        try:
            while listener.recv(16):
                pass
        except BlockingIOError:
            return


def _listen(path: str) -> socket:
    import socket

    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    if os.path.lexists(path):
        os.unlink(path)  # noqa: PTH108
    os.umask(0o177)
    listener.bind(path)
    return listener


def clean(folder: str, daemon: str = DAEMON) -> int:
    """Once, after the daemon has ended and before it is started again: as `watch` would act, should it not run."""
    facts = read(folder)
    if facts is not None and is_due(facts, _acted_upon(folder)):
        _act(folder, facts, daemon, set())
    return 0


def _act(folder: str, facts: Facts, daemon: str, dead: set[int]) -> None:
    """End everything of the master on this node, and say so in one line. The daemon's processes (``dead``) have been
    killed by now: it must not wake up and start anything.
    """
    began = time.monotonic()
    late_ms = (now_us() - facts.guard_until) // 1000
    manager, dropped = end(facts)
    _note(folder, facts.guard_until)
    took_ms = (time.monotonic() - began) * 1000
    print(
        f"guard: the lease ended {late_ms} ms ago and was neither renewed nor cleaned up: "
        f"processes killed: {len(dead)} of {daemon}, {len(manager)} of {facts.service or 'no manager'}; "
        f"address {facts.address or '-'} {'removed' if dropped else 'was not there'}; {took_ms:.0f} ms",
        file=sys.stderr,
        flush=True,
    )


def _acted_upon(folder: str) -> int:
    """The guarded moment that a guard before this one has acted upon; 0 if there is none."""
    try:
        with open(f"{folder}/{_DONE}", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read())
    except (OSError, ValueError):
        return 0


def _note(folder: str, guard_until: int) -> None:
    try:
        with open(f"{folder}/{_DONE}", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(str(guard_until))
    except OSError as error:  # the next guard would act once more
        print(f"guard: {error}", file=sys.stderr, flush=True)


def end(facts: Facts) -> tuple[set[int], bool]:
    """Kill the manager, remove the address and what belongs to it. Returns the manager's processes, and whether the
    address was there.

    The kill comes first: the address has been silent since the lease ended. It is repeated while systemd stops the
    unit, for a start of it may be under way.
    """
    until = time.monotonic() + _HELPERS_S
    killed = kill_group(facts.service)
    helpers = [_spawn("systemctl", "stop", "--", facts.service)] if facts.service else []
    helpers += [_spawn("nft", "flush", "set", family, "corolistener", "lease") for family in _FAMILIES]
    dropped = remove_address(facts.address, facts.prefix, facts.device)
    if facts.lock:
        _unlink(facts.lock)
    return killed | _attend([pid for pid in helpers if pid], facts.service, until), dropped


def _attend(helpers: list[int], service: str, until: float) -> set[int]:
    """Wait for the helpers, and keep killing the service's processes until then."""
    import select
    import signal

    killed: set[int] = set()
    handles = {os.pidfd_open(pid): pid for pid in helpers}
    while handles:
        killed |= kill_group(service)
        for handle in select.select(list(handles), [], [], _AGAIN_S)[0]:
            os.waitpid(handles.pop(handle), 0)
            os.close(handle)
        if time.monotonic() > until:
            for pid in handles.values():
                os.kill(pid, signal.SIGKILL)
    return killed | kill_group(service)


def _spawn(program: str, *words: str) -> int:
    """Start a program that says nothing; its pid, or 0 if there is no such program or no memory for it."""
    files = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    try:
        return os.posix_spawnp(program, [program, *words], environment, file_actions=files)
    except OSError:
        return 0


def kill_group(unit: str) -> set[int]:
    """SIGKILL to every process in a unit's control group. Returns those that were there; empty: none is left."""
    found: set[int] = set()
    for group in groups(unit):
        found.update(_processes(group))
        try:
            with open(f"{group}/cgroup.kill", "w") as switch:  # noqa: PTH123
                switch.write("1")
        except OSError:  # the older hierarchy has no switch; or the group has just gone
            _kill_one_by_one(group)
    return found


def processes(unit: str) -> set[int]:
    """The processes in a unit's control group."""
    return {pid for group in groups(unit) for pid in _processes(group)}


def _kill_one_by_one(group: str) -> None:
    import signal

    for pid in _processes(group):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def groups(unit: str) -> list[str]:
    """The control group of a unit in each hierarchy that systemd uses; none while it has no process."""
    if not unit:
        return []
    # systemd puts "_" before names that the kernel keeps for itself.
    return [
        path for hierarchy in _hierarchies() for name in (unit, f"_{unit}") for path in _below_slices(hierarchy, name)
    ]


def _below_slices(folder: str, name: str) -> Iterator[str]:
    """Units stand in slices, slices in slices; whatever else is there is the business of some unit."""
    try:
        inside = [entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for entry in inside:
        if entry == name:
            yield f"{folder}/{entry}"
        elif entry.endswith(_SLICE):
            yield from _below_slices(f"{folder}/{entry}", name)


def _hierarchies() -> Iterator[str]:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        for line in file:
            fields, _, tail = line.partition(" - ")
            kind, _, options = tail.split()[:3]
            if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
                yield fields.split()[4]


def _processes(group: str) -> list[int]:
    """The live processes of a control group and all below it."""
    found: list[int] = []
    for folder, _, files in os.walk(group):
        if "cgroup.procs" in files:
            try:
                with open(f"{folder}/cgroup.procs", encoding="ascii") as file:  # noqa: PTH123
                    found += [int(line) for line in file]
            except OSError:
                continue
    return found


def remove_address(address: str, prefix: int, device: str) -> bool:
    """Ask the kernel to remove an IPv4 address; False if it was not there, nor perhaps its device, or has no name."""
    import socket
    import struct

    try:
        index = socket.if_nametoindex(device)
        local = struct.pack("=HH4s", 8, 2, socket.inet_aton(address))  # IFA_LOCAL
    except OSError:
        return False
    body = struct.pack("=BBBBI", socket.AF_INET, prefix, 0, 0, index) + local
    # RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK
    header = struct.pack("=IHHII", 16 + len(body), 21, 5, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as route:
        route.settimeout(1)
        route.send(header + body)
        answer = route.recv(4096)
    error: int = struct.unpack_from("=i", answer, 16)[0]
    return error == 0


def _unlink(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108
    except OSError:
        return


def _tell_systemd(state: str) -> None:
    import socket

    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notify:
        try:
            notify.sendto(state.encode(), f"\0{path[1:]}" if path.startswith("@") else path)
        except OSError:
            return


def main(words: list[str]) -> int:
    """Run one verb; its exit code."""
    verbs: dict[str, Callable[..., int]] = {"watch": watch, "clean": clean, "may-start": may_start}
    verb = verbs.get(words[0]) if words else None
    if verb is None or len(words) > 3:
        print(f"usage: guard.py {'|'.join(verbs)} [FOLDER [UNIT]]", file=sys.stderr)
        return 2
    return verb(*(words[1:] or [FOLDER]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
