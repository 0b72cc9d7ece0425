"""What each kind of fault does to a cluster: the table BEGIN, one function a kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.actions import Do, LoadFile, RenewDeadMan, Send, StageFile, Step, Store
from coroctl.decision.estate.actions import Command, StoreOperations
from coroctl.decision.events import AddressGone, CorosyncGone, GateGone, Uplink
from coroctl.decision.messages import ABOUT_MACHINES, COLD, Verb
from coroctl.decision.settings import Member
from coroctl.model import NodeId
from coroctl.sim import machine_faults
from coroctl.sim.clock import MS, SECOND
from coroctl.sim.corosync import Mode
from coroctl.sim.dead_man import CommitDeadMan
from coroctl.sim.kinds import Fault, Kind, Trap
from coroctl.sim.machine import CLONES, Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.sim.cluster import Cluster


POINTS: dict[str, type] = {
    "ticket": RenewDeadMan,
    "commit": CommitDeadMan,
    "step": Do,
    "store": Store,
    "send": Send,
    "stage": StageFile,
    "load": LoadFile,
    "operation": StoreOperations,
    "command": Command,
    "any": object,
}
"""Where a process can be stopped between two actions: before the n-th one of that type."""


def inject(cluster: Cluster, fault: Fault) -> None:
    """Put it on the timeline."""
    cluster.timeline.at(fault.at, begin, cluster, fault)


def begin(cluster: Cluster, fault: Fault) -> None:
    """Now."""
    if fault.node and NodeId(fault.node) not in cluster.machines:
        return
    cluster.note(NodeId(0), f"-- {str(fault).partition(' ')[2]}")
    BEGIN[fault.kind](cluster, fault)


def later(cluster: Cluster, fault: Fault, what: Callable[..., None], *args: object) -> None:
    """When the fault is over."""
    cluster.timeline.after(fault.us, what, *args)


# Processes and power


def off(cluster: Cluster, fault: Fault) -> None:
    """Power off; on again later."""
    machine = cluster.machines[NodeId(fault.node)]
    machine.power_off()
    if fault.us:
        later(cluster, fault, machine.power_on)


def kill(cluster: Cluster, fault: Fault) -> None:
    """kill -9 of the daemon; systemd starts it again."""
    machine = cluster.machines[NodeId(fault.node)]
    machine.kill()
    later(cluster, fault, machine.start)


def freeze(cluster: Cluster, fault: Fault) -> None:
    """SIGSTOP of the daemon."""
    cluster.machines[NodeId(fault.node)].freeze(fault.us)


def freeze_all(cluster: Cluster, fault: Fault) -> None:
    """SIGSTOP of everything."""
    cluster.machines[NodeId(fault.node)].freeze_all(fault.us)


TRAPS = {
    Kind.KILL_WITHIN: Trap.KILL,
    Kind.FREEZE_WITHIN: Trap.FREEZE,
    Kind.FREEZE_ALL_WITHIN: Trap.FREEZE_ALL,
}


def within(cluster: Cluster, fault: Fault) -> None:
    """Between two actions."""
    trap = TRAPS[fault.kind]
    count, point = int(fault.extra[0]), POINTS[str(fault.extra[1])]
    cluster.machines[NodeId(fault.node)].set_trap(trap, count, fault.us, point)


def state_lost(cluster: Cluster, fault: Fault) -> None:
    """The daemon dies and its state file with it."""
    kill(cluster, fault)
    disk = cluster.machines[NodeId(fault.node)].disk
    disk.record = disk.staged = None


def state_old(cluster: Cluster, fault: Fault) -> None:
    """The daemon dies, and somebody restores an older copy of its state file."""
    kill(cluster, fault)
    disk = cluster.machines[NodeId(fault.node)].disk
    if disk.former:
        disk.record = disk.former[0]


def clone(cluster: Cluster, fault: Fault) -> None:
    """A second machine starts on a copy of the node's disk, as it is or ("old") as it was; it is off again later."""
    original = cluster.machines[NodeId(fault.node)]
    copy = Machine(cluster, original.node, cluster.any_clock(), original.loaded, clone=True)
    copy.boots = CLONES
    former = original.disk.former
    copy.disk.record = former[0] if former and "old" in fault.extra else original.disk.record
    copy.disk.staged = original.disk.staged
    copy.history = original.history
    cluster.clones.append(copy)
    copy.start()
    if fault.us:
        later(cluster, fault, copy.power_off)


def stop(cluster: Cluster, fault: Fault) -> None:
    """systemctl stop; start later, and not before the daemon has ended: it may be frozen meanwhile."""
    machine = cluster.machines[NodeId(fault.node)]
    cluster.power.stop(machine)
    if fault.us:
        later(cluster, fault, machine.start_again)


# Network


def cuts(cluster: Cluster, fault: Fault, pairs: list[tuple[NodeId, NodeId]]) -> None:
    """Directions that carry nothing for a while."""
    for pair in pairs:
        cluster.network.cut(*pair, on=True)
    cluster.corosync.changed()
    if fault.us:
        later(cluster, fault, heal, cluster, pairs)


def heal(cluster: Cluster, pairs: list[tuple[NodeId, NodeId]]) -> None:
    """They carry again."""
    for source, target in pairs:
        if not cluster.network.passes(source, target):
            cluster.network.cut(source, target, on=False)
    cluster.corosync.changed(graceful=True)


def both(one: int, other: int) -> list[tuple[NodeId, NodeId]]:
    """Both directions."""
    return [(NodeId(one), NodeId(other)), (NodeId(other), NodeId(one))]


def isolate(cluster: Cluster, fault: Fault) -> None:
    """From and to everybody."""
    cuts(cluster, fault, [pair for node in cluster.machines if node != fault.node for pair in both(node, fault.node)])


def cut(cluster: Cluster, fault: Fault) -> None:
    """One pair: with three nodes, not transitive."""
    cuts(cluster, fault, both(fault.node, int(fault.extra[0])))


def one_way(cluster: Cluster, fault: Fault) -> None:
    """In, out, or only towards one other node."""
    node, word = NodeId(fault.node), fault.extra[0]
    others = [one for one in cluster.machines if one != node]
    if word == "out":
        pairs = [(node, one) for one in others]
    elif word == "in":
        pairs = [(one, node) for one in others]
    else:
        pairs = [(node, NodeId(int(word)))]
    cuts(cluster, fault, pairs)


def split(cluster: Cluster, fault: Fault) -> None:
    """These against all others; a list with / makes more parts."""
    parts: list[list[int]] = [[]]
    for word in fault.extra:
        if word == "/":
            parts.append([])
        else:
            parts[-1].append(int(word))
    named = {node for part in parts for node in part}
    parts.append([one.place for one in cluster.everywhere() if one.place not in named])
    pairs = [
        (NodeId(one), NodeId(other))
        for part in parts
        for one in part
        for rest in parts
        if rest is not part
        for other in rest
    ]
    cuts(cluster, fault, pairs)


def flap(cluster: Cluster, fault: Fault) -> None:
    """Isolated and back, again and again."""
    period, rounds = int(fault.extra[0]) * MS, int(fault.extra[1])
    for turn in range(rounds):
        inject(cluster, Fault(fault.at + 2 * turn * period, Kind.ISOLATE, fault.node, period))


def loss(cluster: Cluster, fault: Fault) -> None:
    """Percent of all datagrams."""
    cluster.network.loss = int(fault.extra[0]) / 100
    later(cluster, fault, setattr, cluster.network, "loss", 0.0)


def late(cluster: Cluster, fault: Fault) -> None:
    """Percent of all datagrams take up to that many milliseconds, and overtake each other."""
    cluster.network.late, cluster.network.latest = int(fault.extra[0]) / 100, int(fault.extra[1]) * MS
    later(cluster, fault, setattr, cluster.network, "late", 0.0)


def duplicate(cluster: Cluster, fault: Fault) -> None:
    """Percent of all datagrams arrive twice."""
    cluster.network.duplicates = int(fault.extra[0]) / 100
    later(cluster, fault, setattr, cluster.network, "duplicates", 0.0)


# corosync


def lies(cluster: Cluster, fault: Fault) -> None:
    """It says what is not so."""
    cluster.corosync.mode = Mode(str(fault.extra[0]))
    cluster.corosync.settle()
    if fault.us:
        later(cluster, fault, honest, cluster)


def honest(cluster: Cluster) -> None:
    """A late burst: everything at once."""
    cluster.corosync.mode = Mode.HONEST
    cluster.corosync.settle()


def corosync_freeze(cluster: Cluster, fault: Fault) -> None:
    """Its clients hear nothing; the others lose it; after the thaw it is there again, late."""
    cluster.corosync.frozen.add(NodeId(fault.node))
    cluster.corosync.changed()
    later(cluster, fault, corosync_back, cluster, NodeId(fault.node))


def corosync_restart(cluster: Cluster, fault: Fault) -> None:
    """kill -9 and start: the daemon loses its connection."""
    node = NodeId(fault.node)
    cluster.corosync.down.add(node)
    cluster.note(node, "corosync is gone")
    cluster.machines[node].deliver(CorosyncGone())
    cluster.corosync.changed(graceful=True)
    later(cluster, fault, corosync_back, cluster, node)


def corosync_back(cluster: Cluster, node: NodeId) -> None:
    """As a member again after its ring has formed."""
    cluster.corosync.frozen.discard(node)
    cluster.corosync.down.discard(node)
    cluster.corosync.views.pop(node, None)
    cluster.timeline.after(2 * SECOND, cluster.corosync.settle)


# Disk, steps, uplink


def disk_full(cluster: Cluster, fault: Fault) -> None:
    """Every store fails."""
    disk = cluster.machines[NodeId(fault.node)].disk
    disk.full = True
    later(cluster, fault, setattr, disk, "full", False)


def disk_slow(cluster: Cluster, fault: Fault) -> None:
    """fsync takes that many milliseconds."""
    disk = cluster.machines[NodeId(fault.node)].disk
    disk.fsync_us = int(fault.extra[0]) * MS
    later(cluster, fault, setattr, disk, "fsync_us", 2 * MS)


def break_step(cluster: Cluster, fault: Fault) -> None:
    """A step fails; or takes that many milliseconds."""
    services = cluster.machines[NodeId(fault.node)].services
    step = Step[str(fault.extra[0])]
    if len(fault.extra) > 1:
        services.slow[step] = int(fault.extra[1]) * MS
        later(cluster, fault, quick_again, services.slow, step)
    else:
        services.broken.add(step)
        later(cluster, fault, services.broken.discard, step)


def quick_again(slow: dict[Step, int], step: Step) -> None:
    """As long as usual."""
    slow.pop(step, None)


def uplink(cluster: Cluster, fault: Fault) -> None:
    """Carrier is lost while the cluster's network lives."""
    machine = cluster.machines[NodeId(fault.node)]
    machine.deliver(Uplink(carrier=False))
    later(cluster, fault, machine.deliver, Uplink(carrier=True))


def address_gone(cluster: Cluster, fault: Fault) -> None:
    """ip addr del, by hand."""
    machine = cluster.machines[NodeId(fault.node)]
    if machine.kernel.address:
        machine.kernel.remove_address()
        cluster.speech(machine)
        machine.deliver(AddressGone())


def flush(cluster: Cluster, fault: Fault) -> None:
    """nft flush ruleset."""
    machine = cluster.machines[NodeId(fault.node)]
    if not cluster.nftables:
        return
    machine.kernel.flush()
    cluster.speech(machine)
    machine.deliver(GateGone())


# People


def ask(cluster: Cluster, fault: Fault) -> None:
    """An operator at a node: verb, node, value, id. The value of RESTORE is a version; of ADOPT the node may be 0."""
    verb, node, *rest = fault.extra
    if Verb[str(verb)] in ABOUT_MACHINES:
        name, cold = str(rest[0]) if rest else "", COLD if "cold" in rest[1:] else 0
        request = next((str(one) for one in rest[1:] if one != "cold"), "")
        cluster.ask(NodeId(fault.node), Verb[str(verb)], NodeId(int(node)), cold, request, name=name)
        return
    value = int(rest[0]) if rest else 0
    request = str(rest[1]) if len(rest) > 1 else ""
    cluster.ask(NodeId(fault.node), Verb[str(verb)], NodeId(int(node)), value, request)


def by_hand(cluster: Cluster, fault: Fault) -> None:
    """A file edited and loaded on one node: by how much its number is off, its own new priority, nodes to add."""
    node, (raised, prio, *added) = NodeId(fault.node), (int(one) for one in fault.extra)
    machine = cluster.machines[node]
    settings = cluster.files[machine.loaded].settings
    version = settings.identity.version + raised
    members = tuple(one._replace(prio=prio) if one.node == node else one for one in settings.members)
    members += tuple(Member(NodeId(one), 1) for one in added)
    settings = settings._replace(identity=settings.identity._replace(version=version), members=members)
    cluster.load_by_hand(node, settings, f"hand{node}")


BEGIN: dict[Kind, Callable[[Cluster, Fault], None]] = {
    Kind.OFF: off,
    Kind.KILL: kill,
    Kind.KILL_WITHIN: within,
    Kind.FREEZE: freeze,
    Kind.FREEZE_WITHIN: within,
    Kind.FREEZE_ALL: freeze_all,
    Kind.FREEZE_ALL_WITHIN: within,
    Kind.STATE_LOST: state_lost,
    Kind.STATE_OLD: state_old,
    Kind.CLONE: clone,
    Kind.ISOLATE: isolate,
    Kind.CUT: cut,
    Kind.ONE_WAY: one_way,
    Kind.SPLIT: split,
    Kind.FLAP: flap,
    Kind.LOSS: loss,
    Kind.LATE: late,
    Kind.DUPLICATE: duplicate,
    Kind.COROSYNC_LIES: lies,
    Kind.COROSYNC_FREEZE: corosync_freeze,
    Kind.COROSYNC_RESTART: corosync_restart,
    Kind.DISK_FULL: disk_full,
    Kind.DISK_SLOW: disk_slow,
    Kind.BREAK: break_step,
    Kind.UPLINK: uplink,
    Kind.ADDRESS_GONE: address_gone,
    Kind.FLUSH: flush,
    Kind.STOP: stop,
    Kind.ASK: ask,
    Kind.BY_HAND: by_hand,
    **machine_faults.BEGIN,
}
