"""What each kind of fault that concerns machines does to a cluster: a part of faults.py's table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.estate.actions import Order
from coroctl.decision.estate.inventory import EMPTY
from coroctl.decision.estate.values import Seen
from coroctl.model import NodeId
from coroctl.sim.clock import MS
from coroctl.sim.hypervisor import guest
from coroctl.sim.kinds import Fault, Kind
from coroctl.sim.migration import Ill

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.sim.cluster import Cluster
    from coroctl.sim.estate import EstateHost


def guests(cluster: Cluster, fault: Fault) -> None:
    """Somebody defines machines on a node, and starts them; ones that are not managed yet."""
    here = cluster.machines[NodeId(fault.node)].estate.guests
    for name in fault.extra:
        here.put(guest(str(name), Seen.RUNNING))


def guest_gone(cluster: Cluster, fault: Fault) -> None:
    """A machine on a node ends by itself: its process dies."""
    here = cluster.machines[NodeId(fault.node)].estate.guests
    for name in fault.extra or tuple(sorted(here.running()))[:1]:
        known = here.all.get(str(name))
        if known is not None:
            here.put(known._replace(domain=known.domain._replace(seen=Seen.OFF)))


def order_fails(cluster: Cluster, fault: Fault) -> None:
    """The hypervisor of a node does not do one kind of thing."""
    broken, order = cluster.machines[NodeId(fault.node)].estate.guests.broken, Order[str(fault.extra[0])]
    broken.add(order)
    if fault.us:
        cluster.timeline.after(fault.us, broken.discard, order)


def order_slow(cluster: Cluster, fault: Fault) -> None:
    """The hypervisor of a node takes that many ms longer for one kind of thing that it is told meanwhile."""
    slow, order = cluster.machines[NodeId(fault.node)].estate.guests.slow, Order[str(fault.extra[0])]
    slow[order] = int(fault.extra[1]) * MS
    if fault.us:
        cluster.timeline.after(fault.us, slow.update, {order: 0})


def pull_slow(cluster: Cluster, fault: Fault) -> None:
    """What other nodes tell this one of the inventory from now on is under way for that many ms."""
    host = cluster.machines[NodeId(fault.node)].estate
    host.pull_late_us = int(fault.extra[0]) * MS
    if fault.us:
        cluster.timeline.after(fault.us, host.pull_in_time)


def arrives(cluster: Cluster, fault: Fault) -> None:
    """Somebody migrates a machine to a node, and thinks better of it before it is there."""
    here = cluster.machines[NodeId(fault.node)].estate.guests
    for name in map(str, fault.extra):
        one = guest(name, Seen.PAUSED)
        here.put(one._replace(domain=one.domain._replace(arriving=True)))
        cluster.timeline.after(fault.us, here.drop, name)


def migration_ill(cluster: Cluster, fault: Fault) -> None:
    """Live migrations from a node suffer from something (migration.py)."""
    ills, ill = cluster.machines[NodeId(fault.node)].estate.guests.ills, Ill(str(fault.extra[0]))
    ills.add(ill)
    if fault.us:
        cluster.timeline.after(fault.us, ills.discard, ill)


def replica_lost(cluster: Cluster, fault: Fault) -> None:
    """The daemon dies, and its replica is damaged when it starts again; the notes are another file."""
    host = killed(cluster, fault)
    if spare(cluster, host):
        host.kept, host.problem = host.kept._replace(inventory=EMPTY), "the file is damaged"


def replica_old(cluster: Cluster, fault: Fault) -> None:
    """The daemon dies, and somebody restores an older copy of its replica."""
    host = killed(cluster, fault)
    if host.former and spare(cluster, host):
        host.kept = host.former[0]


def spare(cluster: Cluster, host: EstateHost) -> bool:
    """Whether another replica has all that this one has. Nobody promises anything of the last copy."""
    others = (one.estate for one in cluster.machines.values() if one.estate is not host)
    return any(one.kept.inventory.position >= host.kept.inventory.position for one in others)


def killed(cluster: Cluster, fault: Fault) -> EstateHost:
    """The daemon dies, and is started again later."""
    machine = cluster.machines[NodeId(fault.node)]
    machine.kill()
    cluster.timeline.after(fault.us, machine.start)
    return machine.estate


def agent(cluster: Cluster, fault: Fault) -> None:
    """The fence agent of a node is of another kind for a while (power.py)."""
    cluster.power.agents[NodeId(fault.node)] = str(fault.extra[0])
    if fault.us:
        cluster.timeline.after(fault.us, cluster.power.good_again, NodeId(fault.node))


def on(cluster: Cluster, fault: Fault) -> None:
    """Somebody powers a node on."""
    cluster.machines[NodeId(fault.node)].power_on()


def shutdown(cluster: Cluster, fault: Fault) -> None:
    """The whole node is shut down cleanly; it is powered on again later."""
    machine = cluster.machines[NodeId(fault.node)]
    cluster.power.shut_down(machine)
    if fault.us:
        cluster.timeline.after(fault.us, machine.power_on)


BEGIN: dict[Kind, Callable[[Cluster, Fault], None]] = {
    Kind.AGENT: agent,
    Kind.ON: on,
    Kind.SHUTDOWN: shutdown,
    Kind.GUEST: guests,
    Kind.GUEST_GONE: guest_gone,
    Kind.ORDER_FAILS: order_fails,
    Kind.ORDER_SLOW: order_slow,
    Kind.ARRIVES: arrives,
    Kind.MIGRATION: migration_ill,
    Kind.REPLICA_LOST: replica_lost,
    Kind.REPLICA_OLD: replica_old,
    Kind.PULL_SLOW: pull_slow,
}
