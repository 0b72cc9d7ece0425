"""Alarms about the network: links that are down, slow or flapping, and nodes that do not hear each other. Pure."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from coroctl.alarms.hearing import Rift, parted
from coroctl.alarms.words import Alarm, Kind, Severity, label, named
from coroctl.model import NodeId, NodeStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from coroctl.alarms.hearing import Parted
    from coroctl.model import Link, Node, Snapshot

Wire = tuple[NodeId, int]
"""A link from this node: to whom, and its number."""

FLAPS: Final = 3
"""So many failures of a link within the memory of who watches make it a flapping one."""
OUTLIER: Final = 5
"""A link is slow if its latency is so many times the median of all ..."""
SLOW_US: Final = 3000
"""... and at least this, microseconds: below it nobody suffers."""
COMPARABLE: Final = 3
"""Fewer links than this have no median to speak of."""


def wires(snapshot: Snapshot, flaps: Mapping[Wire, int]) -> Iterator[Alarm]:
    """Of the links to members; those to nodes that have left are down with them."""
    members = [node for node in snapshot.nodes if node.status is NodeStatus.JOINED]
    usual = _usual(members)
    for node in members:
        for link in node.links:
            yield from _wire(node, link, usual, flaps.get((node.nodeid, link.number), 0))


def _usual(members: list[Node]) -> float | None:
    known = [link.latency_us for node in members for link in node.links if link.connected and link.latency_us]
    return median(known) if len(known) >= COMPARABLE else None


def _wire(node: Node, link: Link, usual: float | None, flaps: int) -> Iterator[Alarm]:
    name = f"link {link.number} to {label(node)}"
    where = f" ({link.local} to {link.remote})" if link.local and link.remote else ""
    if link.enabled and not link.connected:
        others = sum(other.connected for other in node.links)
        severity = Severity.WARNING if others else Severity.CRITICAL
        rest = f"; {others} other{'s' * (others > 1)} left" if others else ", and no other one is left"
        todo = f"look at cable, switch port and ip -s link on both ends{where}"
        yield Alarm(severity, Kind.LINK, f"{name} is down{rest}", todo, node.nodeid)
    if flaps >= FLAPS:
        text = f"{name} is flapping: it failed {flaps} times in 10 minutes"
        todo = f"a cable, a port or an overloaded network{where}; ip -s link counts the errors"
        yield Alarm(Severity.WARNING, Kind.FLAPPING, text, todo, node.nodeid)
    latency = link.latency_us if link.connected else None
    if latency is not None and usual is not None and latency >= max(SLOW_US, OUTLIER * usual):
        text = f"{name} takes {latency / 1000:.1f} ms, the links' median is {usual / 1000:.1f} ms"
        todo = f"look for traffic, loss or a detour on that network{where}, and at the load of {label(node)}"
        yield Alarm(Severity.WARNING, Kind.LATENCY, text, todo, node.nodeid)


def rifts(snapshot: Snapshot) -> Iterator[Alarm]:
    """Partial cuts, as the daemons' heartbeats show them."""
    for one in parted(snapshot):
        todo = "look for a firewall, a filter or a broken switch between the two; coroctl's screen Links shows it"
        yield Alarm(Severity.WARNING, Kind.CUT, described(snapshot, one), todo, one.deaf)


def described(snapshot: Snapshot, one: Parted) -> str:
    """A rift in words."""
    deaf, silent = named(snapshot, one.deaf), named(snapshot, one.silent)
    match one.rift:
        case Rift.ONE_WAY:
            return f"ONE WAY: {deaf} does not hear {silent}, which hears {deaf}"
        case Rift.BOTH:
            return f"CUT: {deaf} and {silent} do not hear each other, though others hear both"
        case Rift.UNTOLD:
            return f"{deaf} does not hear {silent}, though others do"
