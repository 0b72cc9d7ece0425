"""Alarms about corolistener: where it is missing, who could take over, and what it has found itself. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coroctl.alarms.words import Alarm, Kind, Severity, label, named
from coroctl.model import NodeStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.model import Mastership, Node, Snapshot

SKEW_MS: Final = 1000
"""Wall clocks further apart than this make logs hard to compare."""

ADVICE: Final = {
    "a later life of this node is known": "two machines may have one nodeid, or an old disk was restored: see the log",
    "two machines have one nodeid": "stop one of the two, and give it another nodeid",
    "the state file is lost": "it votes again once it has heard enough others; look at its disk (/var/lib)",
    "the loaded file has the number": "two files have one config_version: coroctl conf diff, then a higher version",
    "a minority has a configuration": "reload the majority's file there, or have most nodes load the new one",
    "more than one node was added": "go back to the former list, and add or remove one node a change",
    "the state cannot be stored": "look at the disk of /var/lib/corolistener: full, read-only or broken",
    "the cluster address was removed": "find who removed it: another cluster manager, a network service",
    "the dead-man's table was removed": "find who flushes nftables (systemctl reload nftables does); it was put back",
    "a promotion failed": "journalctl -u corolistener and the manager's unit say which step",
    "a member did not store": "look at that node's disk and at its corolistener; it takes the file later by itself",
}
"""By the beginning of the daemon's words (coroctl.decision.actions.Alarm)."""
_LOOK = "journalctl -u corolistener says more"

_WARNINGS: Final = {
    "not safe against a frozen process": (
        Kind.DEAD_MAN,
        "make nftables usable (kernel module nf_tables, package pip-nftables), then restart corolistener",
    ),
    "no guard": (Kind.GUARD, "systemctl start corolistener-guard, and look why it was not running"),
}
"""By the beginning of the daemon's warning: what it is about, and what to do."""


def presence(snapshot: Snapshot) -> Iterator[Alarm]:
    """Nodes whose daemon does not speak. Where none is wanted (no node has a priority) there is nothing to miss."""
    if snapshot.mastership is None:
        gap = next((gap for gap in snapshot.gaps if gap.what in ("roles", "corolistener")), None)
        wanted = any(node.prio is not None for node in snapshot.nodes)
        if gap is not None and (wanted or gap.what == "corolistener"):
            todo = "systemctl status corolistener; without it this node can neither vote for a master nor be one"
            yield Alarm(Severity.WARNING, Kind.DAEMON, gap.reason, todo, snapshot.local)
        return
    for node in snapshot.nodes:
        if node.status is NodeStatus.JOINED and node.nodeid != snapshot.local and node.role is None:
            text = f"{label(node)}: {node.reason}" if node.reason else f"the corolistener of {label(node)} is not heard"
            todo = "there: systemctl status corolistener, coroctl keygen --show (the key), UDP port 5420 and nftables"
            yield Alarm(Severity.WARNING, Kind.DAEMON, text, todo, node.nodeid)
        if node.skew_ms is not None and abs(node.skew_ms) >= SKEW_MS:
            way = "ahead of" if node.skew_ms > 0 else "behind"
            text = f"the clock of {label(node)} is {abs(node.skew_ms) / 1000:.1f} s {way} this node's"
            yield Alarm(Severity.WARNING, Kind.CLOCK, text, "chronyc tracking, or timedatectl, on both", node.nodeid)


def mastership(snapshot: Snapshot) -> Iterator[Alarm]:
    """Lease, master, successors, and the daemon's own words."""
    told = snapshot.mastership
    if told is None:
        return
    yield from _own_words(snapshot, told)
    yield from _lease(snapshot, told)
    if snapshot.quorate:
        yield from _master(snapshot, told)
        yield from _failover(snapshot, told)


def _own_words(snapshot: Snapshot, told: Mastership) -> Iterator[Alarm]:
    for text in told.alarms:
        todo = next((todo for start, todo in ADVICE.items() if text.startswith(start)), _LOOK)
        yield Alarm(Severity.CRITICAL, Kind.LISTENER, text, todo, snapshot.local)
    for text in told.warnings:
        known = (found for start, found in _WARNINGS.items() if text.startswith(start))
        kind, todo = next(known, (Kind.LISTENER, _LOOK))
        yield Alarm(Severity.WARNING, kind, text, todo, snapshot.local)


def _lease(snapshot: Snapshot, told: Mastership) -> Iterator[Alarm]:
    lease = told.lease
    if lease is not None and lease.age_ms > lease.lease_ms // 2:
        holder = named(snapshot, lease.holder)
        text = f"the lease of {holder} was last renewed {lease.age_ms} ms ago, it lasts {lease.lease_ms} ms"
        todo = f"look at the network between the nodes and at the load of {holder}"
        yield Alarm(Severity.WARNING, Kind.LEASE, text, todo, lease.holder)


def _master(snapshot: Snapshot, told: Mastership) -> Iterator[Alarm]:
    """That nobody serves, though there is quorum."""
    if told.master is not None:
        return
    holder = snapshot.node(told.lease.holder) if told.lease else None
    if holder is None:
        why = "; ".join(f"{label(node)}: {node.reason}" for node in snapshot.nodes if node.reason)
        todo = "wait for an election if a node has just failed; else see why none of them may"
        yield Alarm(Severity.CRITICAL, Kind.MASTER, f"nobody is master{f' ({why})' if why else ''}", todo)
    elif holder.eligible is False:
        text = f"nobody may be master; {label(holder)} only keeps the lease: {holder.reason}"
        todo = "coroctl resume NODE or coroctl priority NODE N lets a node serve again"
        yield Alarm(Severity.CRITICAL, Kind.MASTER, text, todo, holder.nodeid)
    else:
        text = f"{label(holder)} holds the lease, and its manager does not serve: {holder.reason}"
        todo = f"on {label(holder)}: systemctl status {told.service or 'the manager'}, and coroctl events"
        yield Alarm(Severity.CRITICAL, Kind.MANAGER, text, todo, holder.nodeid)


def _failover(snapshot: Snapshot, told: Mastership) -> Iterator[Alarm]:
    """That nobody could take over if the master failed now."""
    voters = [node for node in snapshot.nodes if node.votes != 0]
    if len(voters) == 2:
        text = "two voters: whoever is left when one fails has no majority, so nothing fails over"
        yield Alarm(Severity.WARNING, Kind.FAILOVER, text, "add a third node with prio 0, as witness")
    elif _needs_device(snapshot, voters):
        text = "the joined nodes have no majority without the quorum device, which has no say in a lease"
        yield Alarm(Severity.WARNING, Kind.FAILOVER, text, "bring nodes back, or add one with prio 0, as witness")
    others = [node for node in snapshot.nodes if node.nodeid != told.master]
    if told.master is not None and others and not any(node.eligible for node in others):
        why = "; ".join(f"{label(node)}: {_bar(node)}" for node in others)
        text = f"no other node could be master now ({why})"
        todo = "see each node's reason; coroctl resume and coroctl priority let one take part"
        yield Alarm(Severity.WARNING, Kind.FAILOVER, text, todo)


def _needs_device(snapshot: Snapshot, voters: list[Node]) -> bool:
    if snapshot.qdevice is None:
        return False
    weights = {node.nodeid: 1 if node.votes is None else node.votes for node in voters}
    joined = sum(weights[node.nodeid] for node in voters if node.status is NodeStatus.JOINED)
    return joined < sum(weights.values()) // 2 + 1


def _bar(node: Node) -> str:
    return node.reason or ("it is not known" if node.eligible is None else "not eligible")
