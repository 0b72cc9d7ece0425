"""The daemons' own decision code on a simulated cluster, as a feed: for people without a cluster.

Runs ``coroctl.sim`` at the pace of the clock and acts a story out, again and again. Roles, terms, configuration and
where virtual machines run are what the cores decided; corosync, network, nodes and hypervisors are the simulator's.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from coroctl.model import Availability, Gap, Node, NodeId, NodeStatus, Quorum, Snapshot, Source
from coroctl.sim import Verb, Vm, farm, machines_of
from coroctl.sim.clock import MS, SECOND
from coroctl.sources.changes import Change, Level
from coroctl.sources.feed import Update
from coroctl.sources.fleet import Fleet, from_json
from coroctl.sources.machinery import machinery_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from coroctl.sim import Cluster, Line, MachinesView, NodeView

PRIOS = (100, 40, 10)
MACHINES = (
    Vm("db", 1, 8192),
    Vm("mail", 1, 4096),
    Vm("web1", 1, 2048),
    Vm("build", 2, 16384),
    Vm("web2", 2, 2048),
    Vm("wiki", 2, 1024),
    Vm("backup", 3, 4096),
    Vm("web3", 3, 2048),
)
MOVED = MACHINES[0].name
WARM_UP_S = 10
"""Virtual seconds that have passed when the show begins: a master is in office."""
STEP_S = 0.05
LATE_S = 1.0

_TELLING = (
    *("the address", "the manager", "suspended", "claimed", "lease-lost", "given-up", "asked", "answered"),
    *("switched off", "fenced", "recovered", "machine-paused", "machine-given-up", "machine-granted"),
)
"""Beginnings of the lines that a watcher wants to see; the rest is for the log of a scenario."""


class Act(NamedTuple):
    """Something that happens, seconds after the beginning of the story."""

    at: float
    text: str
    happens: Callable[[Cluster], None]


def power_off(cluster: Cluster) -> None:
    """The master's."""
    holder = cluster.holder()
    if holder is not None:
        holder.power_off()


def repair(cluster: Cluster) -> None:
    """Power and cables for everybody."""
    cluster.network.heal()
    for machine in cluster.machines.values():
        machine.power_on()
    cluster.corosync.changed(graceful=True)


def isolate(cluster: Cluster) -> None:
    """The master, silently: it has to notice by itself."""
    holder = cluster.holder()
    if holder is None:
        return
    for other in cluster.machines:
        if other != holder.node:
            cluster.network.cut(holder.node, other, on=True)
            cluster.network.cut(other, holder.node, on=True)
    cluster.corosync.changed()


def promote(cluster: Cluster) -> None:
    """An operator wants the last node in office."""
    last = max(cluster.machines)
    cluster.ask(last, Verb.PROMOTE, last)


def move(cluster: Cluster) -> None:
    """An operator wants a machine back where it was."""
    first = min(cluster.machines)
    cluster.ask(first, Verb.MACHINE_MOVE, first, name=MOVED)


STORY = (
    Act(15, "(story) the master's power fails", power_off),
    Act(35, "(story) its power is back", repair),
    Act(55, "(story) the master is cut off from the others", isolate),
    Act(75, "(story) the cut heals", repair),
    Act(90, "(story) an operator promotes node3", promote),
    Act(100, f"(story) an operator moves {MOVED} back to node1", move),
)
ENCORE_S = 115


class Simulated:
    """A feed of a simulated cluster, seen by whichever node runs."""

    def __init__(self, seed: int = 1) -> None:
        self._cluster = populated(seed)
        self._told: MachinesView | None = None
        self._publish: Callable[[Update], object] = lambda _update: None
        self._latest: Update | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulates a cluster", daemon=True)

    def start(self, publish: Callable[[Update], object]) -> None:
        """Begin with a cluster that has a master."""
        self._publish = publish
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()

    def latest(self) -> Update | None:
        """What the cluster is now; a simulation is never old."""
        return self._latest and self._latest._replace(at=time.monotonic(), notes=())

    def fleet(self) -> Fleet:
        """The virtual machines, as the same node tells of them. From any thread."""
        told = self._told
        return Fleet((), known=False) if told is None else from_json(told.whole)

    def _run(self) -> None:
        due = time.monotonic()
        for update in show(self._cluster):
            self._told = told_of_machines(self._cluster)
            self._latest = update
            self._publish(update)
            # On time, for what happens is told with the time of day; but not in haste, after a long pause.
            now = time.monotonic()
            due = max(due + STEP_S, now - LATE_S)
            if self._stopping.wait(max(0.0, due - now)):
                return


def populated(seed: int = 1) -> Cluster:
    """The cluster of the story. The times of what has happened to its machines are of today."""
    return farm(seed, PRIOS, MACHINES, int(time.time()) - WARM_UP_S)


def show(cluster: Cluster) -> Iterator[Update]:
    """One step of the story after the other, without an end; waiting between them is the caller's."""
    lines: list[Line] = []
    cluster.listeners.append(lines.append)
    cluster.start()
    cluster.run(WARM_UP_S * SECOND)
    lines.clear()
    while True:
        steps = 0
        for act in (*STORY, Act(ENCORE_S, "", lambda _cluster: None)):
            while steps * STEP_S < act.at:
                cluster.run(int(STEP_S * 1000) * MS)
                steps += 1
                notes = tuple(_change(line) for line in lines if line.text.startswith(_TELLING))
                lines.clear()
                yield Update(snapshot(cluster), time.monotonic(), notes)
            act.happens(cluster)
            if act.text:
                yield Update(snapshot(cluster), time.monotonic(), (Change(Level.WARNING, act.text),))


def still() -> Snapshot:
    """The cluster at the beginning of the story."""
    return next(show(populated())).snapshot


def _change(line: Line) -> Change:
    bad = line.text.startswith(("lease-lost", "suspended", "switched off"))
    level = Level.BAD if bad else Level.INFO
    return Change(level, f"node{line.node}: {line.text}")


def snapshot(cluster: Cluster) -> Snapshot:
    """The cluster as the first node that runs sees it."""
    views = cluster.views()
    observer = _observer(views)
    nodes = tuple(_node(view, observer) for view in views)
    told = told_of_machines(cluster)
    present = sum(node.status is NodeStatus.JOINED for node in nodes)
    flags = ("Quorate",) if observer.quorate else ()
    return Snapshot(
        Source.SIMULATION,
        Availability.ANSWERED,
        "VMmanager",
        nodes,
        observer.quorate,
        local=observer.node,
        transport="simulated",
        quorum=Quorum(present, len(nodes) // 2 + 1, len(nodes), len(nodes), flags, "", "simulated"),
        gaps=(Gap("links", "a simulated cluster has no links"),),
        machinery=machinery_of(told.brief) if told is not None else None,
    )


def told_of_machines(cluster: Cluster) -> MachinesView | None:
    """What the node that is looked through tells of virtual machines."""
    return machines_of(cluster.machines[_observer(cluster.views()).node])


def _observer(views: list[NodeView]) -> NodeView:
    """The last one that runs in quorum: the story is unkind to the first ones."""
    return next((view for view in reversed(views) if view.running and view.quorate), views[0])


def _node(view: NodeView, observer: NodeView) -> Node:
    joined = view.node in observer.members
    return Node(
        NodeId(view.node),
        f"node{view.node}",
        f"10.0.0.{view.node}",
        NodeStatus.JOINED if joined else NodeStatus.LEFT,
        view.role if joined and view.running else None,
        view.prio,
        votes=1,
        addresses=(f"10.0.0.{view.node}",),
        config_version=view.identity.version,
    )
