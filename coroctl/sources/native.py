"""Asks the corosync of this node through its libraries. Blocks for as long as corosync is frozen.

Knows which keys and calls a view is made of; ``coroctl.sources.local`` bounds the time it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.corosync.cmap import Cmap, Map
from coroctl.corosync.quorum import Quorum
from coroctl.model import Availability, Node, NodeId, NodeStatus, Source, View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.corosync.cmap import Value

_LINK_0 = "r(0) ip("
"""runtime.members.ID.ip reads ``r(0) ip(10.0.0.7) r(1) ip(10.1.0.7)``; a link without address says ``no interface``."""


def ask() -> View:
    """One view of the cluster. Raises the CorosyncError of the call that did not succeed, or LibraryMissing."""
    with Cmap.initialize_map(Map.ICMAP) as cmap:
        cluster_name = _text(cmap.read("totem.cluster_name").get("totem.cluster_name"))
        configured = cmap.read("nodelist.node.")
        members = cmap.read("runtime.members.")
    with Quorum.initialize() as quorum:
        quorate = quorum.getquorate()
    return View(Source.COROSYNC, Availability.ANSWERED, cluster_name, nodes(configured, members), quorate)


def nodes(configured: Mapping[str, Value], members: Mapping[str, Value]) -> tuple[Node, ...]:
    """The configured nodes and the members, by nodeid, from ``nodelist.node.*`` and ``runtime.members.*``."""
    seen = {NodeId(nodeid): keys for nodeid, keys in _numbered(members, "runtime.members.").items()}
    ids = {address: nodeid for nodeid, keys in seen.items() if (address := _address(keys))}
    found: dict[NodeId, Node] = {}
    for keys in _numbered(configured, "nodelist.node.").values():
        written = _text(keys.get("ring0_addr"))
        nodeid = _number(keys.get("nodeid")) or ids.get(written)
        if nodeid:
            member = seen.pop(NodeId(nodeid), None)
            found[NodeId(nodeid)] = _node(NodeId(nodeid), keys, member, written)
    for nodeid, member in seen.items():
        found[nodeid] = _node(nodeid, {}, member, "")
    return tuple(found[nodeid] for nodeid in sorted(found))


def _node(nodeid: NodeId, conf: Mapping[str, Value], member: Mapping[str, Value] | None, written: str) -> Node:
    return Node(
        nodeid=nodeid,
        name=_text(conf.get("name")),
        address=(_address(member) if member else "") or written,
        status=NodeStatus.ABSENT if member is None else _status(_text(member.get("status"))),
        prio=_number(conf.get("prio")),
    )


def _status(text: str) -> NodeStatus:
    match text:
        case "joined":
            return NodeStatus.JOINED
        case "left":
            return NodeStatus.LEFT
        case _:
            return NodeStatus.UNKNOWN


def _address(member: Mapping[str, Value]) -> str:
    _, found, rest = _text(member.get("ip")).partition(_LINK_0)
    return rest.partition(")")[0] if found else ""


def _numbered(keys: Mapping[str, Value], prefix: str) -> dict[int, dict[str, Value]]:
    """``PREFIX<number>.<name>`` -> number -> name -> value, in order of the numbers."""
    found: dict[int, dict[str, Value]] = {}
    for key, value in keys.items():
        number, _, name = key.removeprefix(prefix).partition(".")
        if number.isdigit() and name:
            found.setdefault(int(number), {})[name] = value
    return dict(sorted(found.items()))


def _text(value: Value | None) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Value | None) -> int | None:
    """corosync keeps keys that it does not know, such as prio, as strings."""
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None
