"""Machines that have no owner, one by one, to nodes that can have them: where an operator wants them, else anywhere.

docs/machines.md, Recovery and M6 (f). The holder's.

The queue is the inventory itself: what has no owner and should run. So the next holder goes on where this one ended,
and what was given to a node by one is not given to another one by the next: an owner changes only by M2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.estate import desk, replica
from coroctl.decision.estate.actions import Alarm, Event
from coroctl.decision.estate.inventory import MOVED, MOVED_LIVE
from coroctl.decision.estate.values import RECOVERY, Asked, Seen, Wanted
from coroctl.decision.settings import SECOND
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.decision.estate.state import Turn
    from coroctl.decision.estate.values import Machine
    from coroctl.model import NodeId

STARTS_AT_ONCE = 4
"""On one node: more would not be up sooner, and who waits gets the best choice of a later moment."""


STRANDED_US = 10 * SECOND
"""A target that cannot have its machine for so long gets it no more."""


class Host:
    """A node that machines can be given to, while this step places some."""

    __slots__ = ("free_mib", "node", "starting")

    def __init__(self, node: NodeId, free_mib: int) -> None:
        self.node = node
        self.free_mib = free_mib
        self.starting = 0

    def take(self, machine: Machine) -> None:
        """It will need that memory, and does not show it yet."""
        self.free_mib -= machine.memory_mib
        self.starting += 1


def follow(turn: Turn) -> None:
    """Place as much as can be placed now."""
    if replica.leads(turn):
        place_moved(turn)
    queue = [one for one in turn.inventory.queue() if one.wanted is Wanted.RUNNING and one.to == NOBODY]
    left: set[str] = set()
    if queue and replica.leads(turn):
        hosts = list(hosts_of(turn).values())
        for at, machine in enumerate(queue):
            if hosts and all(one.starting >= STARTS_AT_ONCE for one in hosts):
                left.update(one.name for one in queue[at:])
                break
            why = place(turn, machine, hosts)
            if why:
                left.add(machine.name)
                turn.alarm(Alarm.NOT_PLACED, machine.name, why)
    for what, about in sorted(turn.alarms, key=str):
        if what is Alarm.NOT_PLACED and about not in left:
            turn.over(what, about)


def place_moved(turn: Turn) -> None:
    """What an operator wants elsewhere, and has no owner any more, goes where it is wanted; after a while, anywhere.

    Whoever was to have it never owned it, so that needs no fencing; a copy that waits there is destroyed (M6 d).
    """
    stranded = {}
    for machine in turn.inventory.machines.values():
        free = machine.node == NOBODY or not turn.life.rules.given_up_by_owner
        if machine.to in (NOBODY, machine.node) or not free:
            continue
        why = desk.unfit(turn, machine.to, machine)
        if not why:
            desk.grant(turn, machine, machine.to, MOVED_LIVE if machine.seen is Seen.LEFT else MOVED)
        elif machine.node == NOBODY and machine.wanted is Wanted.RUNNING:
            since = stranded[machine.name] = turn.desk.stranded.get(machine.name, turn.now)
            if turn.now >= since + STRANDED_US:
                replica.make(turn, Asked(machine.name, NOBODY))
                turn.log(Event.NOT_GIVEN, machine.name, machine.to, why)
            else:
                turn.wake_at(since + STRANDED_US)
    if stranded != turn.desk.stranded:
        turn.desk = turn.desk._replace(stranded=stranded)


def hosts_of(turn: Turn) -> dict[NodeId, Host]:
    """Who may be given machines, with what is free there once all that it has been given is up."""
    nodes = {turn.life.node, *replica.heard(turn)}
    hosts = {node: host for node in sorted(nodes) if (host := host_of(turn, node)) is not None}
    for machine in turn.inventory.machines.values():
        host = hosts.get(machine.node)
        there = machine.seen is Seen.LEFT or (machine.seen, machine.seen_on) == (Seen.RUNNING, machine.node)
        if host is not None and machine.wanted is Wanted.RUNNING and not there:
            host.take(machine)
    return hosts


def host_of(turn: Turn, node: NodeId) -> Host | None:
    """Joined, heard, obeying this epoch, not suspended, not stopping, with a hypervisor; None otherwise."""
    stock = desk.stock_of(turn, node)
    fact = turn.facts.nodes.get(node)
    if stock is None or stock.free_mib < 0 or stock.obeys.epoch != turn.desk.opened or stock.leaving:
        return None
    if node == turn.life.node:
        return None if turn.facts.suspended or turn.facts.stopping else Host(node, stock.free_mib)
    if fact is None or fact.suspended or fact.stopping or node not in turn.facts.members:
        return None
    return Host(node, stock.free_mib)


def place(turn: Turn, machine: Machine, hosts: list[Host]) -> str:
    """To the node with most free memory that suffices; why not, if it cannot be placed now or later by itself."""
    able = [one for one in hosts if one.node not in machine.tried]
    if not hosts:
        return "no node can be given machines"
    if not able:
        return f"its start failed on node {', '.join(map(str, machine.tried))}"
    fitting = [one for one in able if one.free_mib >= machine.memory_mib]
    if not fitting:
        return f"no node has {machine.memory_mib} MiB free"
    # A node whose starts hang must not keep machines from the others.
    ready = [one for one in fitting if one.starting < STARTS_AT_ONCE]
    if ready:
        best = max(ready, key=lambda one: (one.free_mib, -one.node))
        best.take(machine)
        desk.grant(turn, machine, best.node, RECOVERY)
    return ""
