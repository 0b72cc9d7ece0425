"""corosync as it was measured: it tells of changes after a delay, unevenly, and in some modes not the truth."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.events import Membership
from coroctl.sim.clock import MS, SECOND

if TYPE_CHECKING:
    from coroctl.model import NodeId
    from coroctl.sim.cluster import Cluster


class Mode(Enum):
    """How corosync behaves."""

    HONEST = "honest"
    QUORATE_EVERYWHERE = "quorate everywhere"
    """two_node or expected_votes: 1 in the file: every fragment is quorate."""
    ALL_THERE = "all there"
    """A frozen or stuck corosync: everybody is a member, for ever."""
    SILENT = "silent"
    """No callback at all, as after some partial cuts."""


class View(NamedTuple):
    """What one node's corosync says."""

    members: frozenset[NodeId]
    quorate: bool


class Corosync:
    """All nodes' corosync: one membership algorithm, so one object."""

    def __init__(self, cluster: Cluster, detect_us: int = 3500 * MS) -> None:
        self.cluster = cluster
        self.detect_us = detect_us
        self.join_us = 2 * SECOND
        self.mode = Mode.HONEST
        self.frozen: set[NodeId] = set()
        self.down: set[NodeId] = set()
        self.views: dict[NodeId, View] = {}

    def changed(self, *, graceful: bool = False) -> None:
        """Something has happened that corosync will notice, sooner or later."""
        delay = 250 * MS if graceful else self.detect_us
        self.cluster.timeline.after(delay, self.settle)
        self.cluster.timeline.after(delay + self.join_us, self.settle)

    def alive(self) -> list[NodeId]:
        """Nodes whose corosync takes part."""
        machines = self.cluster.machines
        away = self.frozen | self.down
        return [node for node, one in machines.items() if one.powered and not one.all_frozen and node not in away]

    def settle(self) -> None:
        """Tell everybody whose view has changed."""
        if self.mode is Mode.SILENT:
            return
        for node in self.alive():
            view = self.view(node)
            if view != self.views.get(node):
                self.views[node] = view
                jitter = int(self.cluster.random.random() * 14 * MS)
                self.cluster.timeline.after(jitter, self.tell, node)

    def tell(self, node: NodeId) -> None:
        """The callback."""
        view = self.views.get(node)
        if view is not None and node not in self.frozen and node not in self.down:
            members = " ".join(str(member) for member in sorted(view.members))
            self.cluster.note(node, f"corosync: {members}, {'' if view.quorate else 'not '}quorate")
            for machine in self.cluster.everywhere():
                if machine.node == node:
                    machine.deliver(Membership(view.members, view.quorate))

    def view(self, node: NodeId) -> View:
        """The largest set of nodes around this one that all hear each other, and whether it is a majority."""
        listed = self.cluster.listed()
        if self.mode is Mode.ALL_THERE:
            return View(frozenset(listed), quorate=True)
        group: list[NodeId] = [node]
        for other in self.alive():
            if other != node and all(self.linked(other, one) for one in group):
                group.append(other)
        quorate = len(group) * 2 > len(listed) or self.mode is Mode.QUORATE_EVERYWHERE
        return View(frozenset(group), quorate)

    def linked(self, one: NodeId, other: NodeId) -> bool:
        """Both directions."""
        network = self.cluster.network
        return network.passes(one, other) and network.passes(other, one)
