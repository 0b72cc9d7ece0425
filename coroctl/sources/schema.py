"""A snapshot as JSON and back: what ``status --json`` prints, documented in docs/status-json.md.

The schema's version rises when a key changes its meaning or goes; new keys may come at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coroctl.model import (
    Availability,
    Configuration,
    Gap,
    Hearing,
    Lease,
    Link,
    Load,
    Mastership,
    Node,
    NodeId,
    NodeStatus,
    Pause,
    Qdevice,
    Quorum,
    Role,
    Snapshot,
    Source,
    Transition,
)
from coroctl.sources import machinery

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1

Json = dict[str, Any]


def to_json(snapshot: Snapshot) -> Json:
    """Plain values only; what is not known is null, and ``unknown`` says why."""
    return {
        "schema": VERSION,
        "source": snapshot.source.value,
        "corosync": snapshot.availability.value,
        "reason": snapshot.reason,
        "cluster_name": snapshot.cluster_name,
        "local_nodeid": snapshot.local,
        "transport": snapshot.transport,
        "quorate": snapshot.quorate,
        "quorum": _quorum_to(snapshot.quorum),
        "can_lose": snapshot.can_lose,
        "qdevice": snapshot.qdevice._asdict() if snapshot.qdevice else None,
        "configuration": snapshot.configuration._asdict() if snapshot.configuration else None,
        "nodes": [_node_to(node) for node in snapshot.nodes],
        "mastership": _mastership_to(snapshot.mastership),
        "machines": machinery.to_json(snapshot.machinery),
        "pauses": None if snapshot.pauses is None else [pause._asdict() for pause in snapshot.pauses],
        "unknown": [gap._asdict() for gap in snapshot.gaps],
    }


def from_json(stored: Mapping[str, Any]) -> Snapshot:
    """The snapshot that `to_json` was given. Raises ValueError for another schema, KeyError for a missing key."""
    if stored["schema"] != VERSION:
        raise ValueError(f"schema {stored['schema']!r} is not {VERSION}")
    return Snapshot(
        source=Source(stored["source"]),
        availability=Availability(stored["corosync"]),
        reason=stored["reason"],
        cluster_name=stored["cluster_name"],
        nodes=tuple(_node_from(node) for node in stored["nodes"]),
        quorate=stored["quorate"],
        local=stored["local_nodeid"],
        transport=stored["transport"],
        quorum=_quorum_from(stored["quorum"]),
        qdevice=Qdevice(**stored["qdevice"]) if stored["qdevice"] else None,
        configuration=Configuration(**stored["configuration"]) if stored["configuration"] else None,
        gaps=tuple(Gap(**gap) for gap in stored["unknown"]),
        mastership=_mastership_from(stored.get("mastership")),
        machinery=machinery.machinery_of(stored.get("machines")),
        pauses=None if stored.get("pauses") is None else tuple(Pause(**pause) for pause in stored["pauses"]),
    )


def _quorum_to(quorum: Quorum | None) -> Json | None:
    return {**quorum._asdict(), "flags": list(quorum.flags)} if quorum else None


def _quorum_from(stored: Json | None) -> Quorum | None:
    return Quorum(**{**stored, "flags": tuple(stored["flags"])}) if stored else None


def _node_to(node: Node) -> Json:
    return {
        **node._asdict(),
        "status": node.status.value,
        "role": node.role.value if node.role else None,
        "addresses": list(node.addresses),
        "links": [link._asdict() for link in node.links],
        "hears": None if node.hears is None else [one._asdict() for one in node.hears],
        "load": node.load._asdict() if node.load else None,
    }


def _node_from(stored: Json) -> Node:
    return Node(
        **{
            **stored,
            "nodeid": NodeId(stored["nodeid"]),
            "status": NodeStatus(stored["status"]),
            "role": Role(stored["role"]) if stored["role"] else None,
            "addresses": tuple(stored["addresses"]),
            "links": tuple(Link(**link) for link in stored["links"]),
            "hears": None if stored.get("hears") is None else tuple(Hearing(**one) for one in stored["hears"]),
            "load": Load(**stored["load"]) if stored.get("load") else None,
        }
    )


def _mastership_to(mastership: Mastership | None) -> Json | None:
    if mastership is None:
        return None
    return {
        **mastership._asdict(),
        "lease": mastership.lease._asdict() if mastership.lease else None,
        "warnings": list(mastership.warnings),
        "alarms": list(mastership.alarms),
        "transitions": [one._asdict() for one in mastership.transitions],
        "dropped": dict(mastership.dropped),
    }


def _mastership_from(stored: Json | None) -> Mastership | None:
    if stored is None:
        return None
    return Mastership(
        **{
            **stored,
            "lease": Lease(**stored["lease"]) if stored["lease"] else None,
            "warnings": tuple(stored["warnings"]),
            "alarms": tuple(stored["alarms"]),
            "transitions": tuple(Transition(**one) for one in stored["transitions"]),
            "dropped": tuple(stored["dropped"].items()),
        }
    )
