"""What a corolistener tells of mastership, as text: who is master since when, what it rests on, and what is wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coroctl.alarms import Kind
from coroctl.alarms.machines import machines
from coroctl.cli.text import plain

if TYPE_CHECKING:
    from coroctl.model import Lease, Mastership, NodeId, Snapshot, Transition

_DEAD_MAN = {
    "nftables": "nftables",
    "lifetime": "only the address's lifetime: NOT SAFE against a frozen process",
    "none": "none: no address is configured",
}


def facts(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Pairs of a name and a text, the weightiest last, where they are seen beside the nodes."""
    told = snapshot.mastership
    if told is None:
        return []
    return [
        ("master", _master(snapshot, told)),
        ("lease", _lease(snapshot, told.lease)),
        ("dead-man", _DEAD_MAN.get(told.dead_man, plain(told.dead_man))),
        ("stalls", _stalls(told)),
        ("dropped", ", ".join(f"{plain(why)} {count}" for why, count in told.dropped if count)),
        ("change", plain(told.change)),
        *(("RECOVERY", plain(one.text)) for one in machines(snapshot, time.time()) if one.kind is Kind.RECOVERY),
        *(("WARNING", plain(text)) for text in told.warnings),
        *(("ALARM", plain(text)) for text in told.alarms),
    ]


def transitions(snapshot: Snapshot) -> list[str]:
    """The last steps of this node's role, a line each, under a heading."""
    told = snapshot.mastership
    if told is None or not told.transitions:
        return []
    return ["", "last on this node:", *(f"  {_transition(one)}" for one in told.transitions)]


def _master(snapshot: Snapshot, told: Mastership) -> str:
    where = f"{told.address} on {told.device}" if told.address else "no address is configured"
    if told.master is None:
        return f"nobody who is heard ({plain(where)})"
    since = f" since {moment(told.since)}" if told.since is not None else ""
    return f"{name(snapshot, told.master)}{since}, {plain(where)}"


def _lease(snapshot: Snapshot, lease: Lease | None) -> str:
    if lease is None:
        return "nobody holds it"
    bound = "" if lease.holder == snapshot.local else "at most "
    left = f"{bound}{lease.remaining_ms / 1000:.1f} of {lease.lease_ms / 1000:g} s left"
    return f"term {lease.term}, held by {name(snapshot, lease.holder)}, {left}"


def _stalls(told: Mastership) -> str:
    return f"{told.stalls} over 100 ms, the longest {told.longest_stall_ms} ms" if told.stalls else ""


def _transition(one: Transition) -> str:
    took = f" ({one.took_us / 1000:.1f} ms)" if one.took_us else ""
    return f"{moment(one.at)}  term {one.term}  {plain(f'{one.event} {one.detail}'.strip())}{took}"


def name(snapshot: Snapshot, nodeid: NodeId) -> str:
    """``n7 (7)``, or ``node 7``."""
    node = snapshot.node(nodeid)
    return f"{plain(node.name)} ({nodeid})" if node and node.name else f"node {nodeid}"


def moment(at: float) -> str:
    """Local date and time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
