"""From a snapshot, and a look at the machine, to what the node screen shows. Pure."""

from __future__ import annotations

import time
from itertools import dropwhile
from typing import TYPE_CHECKING

from coroctl.model import NodeStatus, Role
from coroctl.sources.changes import label
from coroctl_widgets import Course, Note, Tone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from coroctl.model import Node, Snapshot
    from coroctl.sources.machine import Host, Service, Traffic

GIB = 1 << 30
FULL = 0.9
"""A disk or a memory that is used so far is worth a warning."""
LABEL = 12
SILENT_MS = 2000
"""Who was not heard for so long is not there."""


def line(name: str, text: str, tone: Tone = Tone.NORMAL) -> Note:
    """``name   text``."""
    return Note(f"{name:<{LABEL}}{text}", tone)


def facts(snapshot: Snapshot, node: Node) -> tuple[Note, ...]:
    """What is known of the node in the cluster, a line each; what is not known is said or left out."""
    found = [_status(node), line("address", " ".join(node.addresses or (node.address,)) or "not told"), _votes(node)]
    found += _configuration(snapshot, node)
    if snapshot.mastership is not None:
        found.append(_daemon(snapshot, node))
    return (*found, *_failures(snapshot, node))


def _failures(snapshot: Snapshot, node: Node) -> Iterator[Note]:
    """When its machines were given to others, and why that was safe."""
    failures = snapshot.machinery.failures if snapshot.machinery else ()
    for one in failures:
        if one.node == node.nodeid:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.at))
            count = "1 machine" if one.machines == 1 else f"{one.machines} machines"
            yield line("failed", f"{when}: {one.why}; {count} started elsewhere", Tone.WARN)


def _status(node: Node) -> Note:
    role = f", {node.role.value}" if node.role else ""
    why = f": {node.reason}" if node.reason else ""
    tones = {NodeStatus.JOINED: Tone.GOOD, NodeStatus.LEFT: Tone.BAD}
    tone = Tone.WARN if node.role is Role.SUSPENDED else tones.get(node.status, Tone.WARN)
    return line("state", f"{node.status.value}{role}{why}", tone)


def _votes(node: Node) -> Note:
    priority = "none" if node.prio is None else str(node.prio)
    votes = "not told" if node.votes is None else str(node.votes)
    may = {None: "", True: ", could be master", False: ", could not be master"}[node.eligible]
    return line("election", f"nodeid {node.nodeid}, priority {priority}, votes {votes}{may}")


def _configuration(snapshot: Snapshot, node: Node) -> tuple[Note, ...]:
    version = "not told" if node.config_version is None else f"version {node.config_version} is loaded"
    tone = Tone.NORMAL
    if node.current is False:
        version, tone = f"{version}: NOT what a majority has", Tone.WARN
    elif node.current:
        version = f"{version}, as on a majority"
    loaded = line("config", version, tone)
    conf = snapshot.configuration
    if conf is None or node.nodeid != snapshot.local:
        return (loaded,)
    if conf.version is None:
        return (loaded, line("file", f"{conf.file} cannot be read", Tone.WARN))
    same = conf.version == conf.loaded_version
    text = f"{conf.file}{'' if same else f' IS VERSION {conf.version}'}, sha256 {conf.sha256[:12]}"
    return (loaded, line("file", text, Tone.NORMAL if same else Tone.WARN))


def _daemon(snapshot: Snapshot, node: Node) -> Note:
    if node.nodeid == snapshot.local:
        return line("daemon", f"answers here; {_hears(snapshot, node)}")
    if node.heard_ms is None:
        return line("daemon", "its corolistener was never heard here", Tone.WARN)
    clock = "" if node.skew_ms is None else f"; clock {node.skew_ms:+} ms"
    return line("daemon", f"heard {_ago(node.heard_ms)}; {_hears(snapshot, node)}{clock}")


def _hears(snapshot: Snapshot, node: Node) -> str:
    if node.hears is None:
        return "whom it hears is not told"
    names = (label(other) for one in node.hears if (other := snapshot.node(one.node)) and one.ms < SILENT_MS)
    return f"hears {', '.join(names) or 'nobody'}"


def _ago(age_ms: int) -> str:
    """A heartbeat's age changes five times a second and interests nobody."""
    return "just now" if age_ms < 1000 else f"{_for(age_ms / 1000)} ago"


def services(host: Host) -> tuple[Note, ...]:
    """A line for all that run, and one for each that does not."""
    if host.trouble:
        return (line("services", f"not told: {host.trouble}", Tone.DIM),)
    running = [one.unit.removesuffix(".service") for one in host.services if one.state == "active"]
    found = [line("services", f"active: {', '.join(running) or 'none'}")]
    found += [_service(one) for one in host.services if one.state != "active"]
    return tuple(found)


def _service(service: Service) -> Note:
    name = service.unit.removesuffix(".service")
    if service.state == "failed":
        return line("", f"{name} has FAILED: journalctl -u {name}", Tone.BAD)
    return line("", f"{name} is {service.state}", Tone.DIM)


def courses(past: Sequence[Host]) -> tuple[Course, ...]:
    """Processor and memory; the newest look is the last one, and there is at least one."""
    now = past[-1]
    cpu = "..." if now.cpu is None else f"{now.cpu:.0f} % of {now.cores}"
    used = now.memory_used / now.memory_total
    memory = f"{now.memory_used / GIB:.1f} of {now.memory_total / GIB:.1f} GiB"
    load = tuple(one.load for one in past)
    busy = tuple(dropwhile(lambda one: one is None, (one.cpu for one in past)))
    return (
        Course("cpu", busy, cpu, 100.0),
        Course("load", load, f"{now.load:.2f}", max(now.cores, *load), _full(now.load / now.cores / 2)),
        Course("memory", tuple(one.memory_used / one.memory_total for one in past), memory, 1.0, _full(used)),
    )


def _full(share: float) -> Tone:
    return Tone.WARN if share >= FULL else Tone.NORMAL


def machine(host: Host) -> tuple[Note, ...]:
    """How long it is up, disks and network."""
    found = [line("up", _for(host.uptime))] if host.uptime else []
    found += [line("swap", f"{host.swap_used / GIB:.1f} GiB in use", Tone.WARN)] if host.swap_used > GIB // 10 else []
    for disk in host.disks:
        share = disk.used / disk.total if disk.total else 0.0
        mark = " FULL" if share >= FULL else ""
        text = f"{disk.folder} {share:.0%} of {disk.total / GIB:.1f} GiB{mark}"
        found.append(line("disk", text, _full(share)))
    return (*found, *(_traffic(one) for one in host.traffic))


def _for(seconds: float) -> str:
    """Two units: the first says it."""
    if seconds < 600:
        minutes, seconds = divmod(int(seconds), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    minutes = int(seconds) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _traffic(one: Traffic) -> Note:
    errors = f", {one.errors} errors and drops" if one.errors else ""
    return line("network", f"{one.device} in {_rate(one.received)}, out {_rate(one.sent)}{errors}")


def _rate(rate: float | None) -> str:
    if rate is None:
        return "..."
    return f"{rate / 1e6:.1f} MB/s" if rate >= 1e6 else f"{rate / 1e3:.0f} kB/s"


def no_look(node: Node | None, error: str) -> tuple[Note, ...]:
    """Where the machine cannot be looked at now."""
    return (line("machine", f"not known now: {silence(node)}{error}", Tone.WARN),)


def silence(node: Node | None) -> str:
    """For how long its corolistener has not been heard here, before what else is said; empty if it is heard."""
    if node is None or (node.heard_ms is not None and node.heard_ms < SILENT_MS):
        return ""
    return f"last heard {_ago(node.heard_ms)}; " if node.heard_ms is not None else "never heard here; "


def elsewhere(node: Node) -> tuple[Note, ...]:
    """Where no corolistener tells of another node's machine."""
    text = f"services and load of {label(node)} are not known from here: no corolistener tells them"
    return (line("machine", text, Tone.DIM),)
