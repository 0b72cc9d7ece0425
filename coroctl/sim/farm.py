"""A cluster with virtual machines, for whoever shows one: they run when it starts, and are adopted by an operator.

A fence agent stands by, so machines of a lost node go elsewhere without anybody's word.
"""

from __future__ import annotations

from typing import NamedTuple

from coroctl.decision.estate.values import Seen
from coroctl.decision.messages import Verb
from coroctl.decision.settings import Fencing, Settings
from coroctl.decision.values import Identity
from coroctl.model import NodeId
from coroctl.sim.clock import MS, SECOND
from coroctl.sim.cluster import Cluster
from coroctl.sim.hypervisor import guest

ADOPTED_US = 6 * SECOND
"""By then somebody is master."""
APART_US = 100 * MS


class Vm(NamedTuple):
    """A virtual machine."""

    name: str
    node: int
    """Where it runs in the beginning."""
    memory_mib: int


def farm(seed: int, prios: tuple[int, ...], machines: tuple[Vm, ...], wall_s: int) -> Cluster:
    """Not started yet. `wall_s`: what the clock on the wall shows then."""
    template = Settings(Identity(1, ""), (), fencing=Fencing.AGENT)
    cluster = Cluster(seed, len(prios), template, prios=prios, replicas=len(prios), hypervisors=True)
    cluster.wall_s = wall_s
    for number, one in enumerate(machines):
        cluster.machines[NodeId(one.node)].estate.guests.put(guest(one.name, Seen.RUNNING, one.memory_mib))
        cluster.timeline.at(ADOPTED_US + number * APART_US, adopt, cluster, one)
    return cluster


def adopt(cluster: Cluster, one: Vm) -> None:
    """An operator hands it over where it is."""
    cluster.ask(NodeId(one.node), Verb.MACHINE_ADOPT, NodeId(one.node), name=one.name)
