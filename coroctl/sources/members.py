"""How corosync's keys become nodes: the same for the libraries and for the text of corosync-cmapctl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.model import Link, Node, NodeId, NodeStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = int | float | str | bytes
CONFIGURED = "nodelist.node."
MEMBERS = "runtime.members."


def nodes(configured: Mapping[str, Value], members: Mapping[str, Value]) -> tuple[Node, ...]:
    """The configured nodes and the members, by nodeid, from ``nodelist.node.*`` and ``runtime.members.*``."""
    seen = {NodeId(nodeid): keys for nodeid, keys in numbered(members, MEMBERS).items()}
    ids = {address: nodeid for nodeid, keys in seen.items() for address in _links(keys)[:1] if address}
    found: dict[NodeId, Node] = {}
    for keys in numbered(configured, CONFIGURED).values():
        nodeid = whole(keys.get("nodeid")) or ids.get(text(keys.get("ring0_addr")))
        if nodeid:
            found[NodeId(nodeid)] = _node(NodeId(nodeid), keys, seen.pop(NodeId(nodeid), None))
    for nodeid, member in seen.items():
        found[nodeid] = _node(nodeid, {}, member)
    return tuple(found[nodeid] for nodeid in sorted(found))


def _node(nodeid: NodeId, conf: Mapping[str, Value], member: Mapping[str, Value] | None) -> Node:
    written = _written(conf)
    told = _links(member or {})
    addresses = tuple(
        (told[link] if link < len(told) else "") or (written[link] if link < len(written) else "")
        for link in range(max(len(told), len(written)))
    )
    return Node(
        nodeid=nodeid,
        name=text(conf.get("name")),
        address=addresses[0] if addresses else "",
        status=NodeStatus.ABSENT if member is None else _status(text(member.get("status"))),
        prio=whole(conf.get("prio")),
        votes=whole(conf.get("quorum_votes"), 1) if conf else None,
        addresses=addresses,
        config_version=whole((member or {}).get("config_version")),
    )


def _status(word: str) -> NodeStatus:
    match word:
        case "joined":
            return NodeStatus.JOINED
        case "left":
            return NodeStatus.LEFT
        case _:
            return NodeStatus.UNKNOWN


def _written(conf: Mapping[str, Value]) -> tuple[str, ...]:
    """``ring0_addr`` ... up to the last link that the node has."""
    texts = [text(conf.get(f"ring{link}_addr")) for link in range(8)]
    while texts and not texts[-1]:
        texts.pop()
    return tuple(texts)


def _links(member: Mapping[str, Value]) -> tuple[str, ...]:
    """The addresses in ``r(0) ip(10.0.0.7) r(1) ip(10.1.0.7)``; empty for a link that says ``no interface``."""
    parts = text(member.get("ip")).split("r(")[1:]
    return tuple(part.partition("ip(")[2].partition(")")[0] for part in parts)


def links(counters: Mapping[str, Value], ends: Mapping[int, tuple[str, str]]) -> tuple[Link, ...]:
    """A node's links from ``linkN.latency_ave`` and its like; ``ends`` has (this end, that end) of each link."""
    return tuple(
        Link(
            number=number,
            local=ends.get(number, ("", ""))[0],
            remote=ends.get(number, ("", ""))[1],
            enabled=True,
            connected=bool(whole(keys.get("connected"))),
            mtu=whole(keys.get("mtu")),
            latency_us=whole(keys.get("latency_ave")),
            ups=whole(keys.get("up_count")),
            downs=whole(keys.get("down_count")),
        )
        for number, keys in numbered(counters, "link").items()
        if whole(keys.get("enabled"))  # knet counts eight, used or not
    )


def numbered(keys: Mapping[str, Value], prefix: str) -> dict[int, dict[str, Value]]:
    """``PREFIX<number>.<name>`` -> number -> name -> value, in order of the numbers."""
    found: dict[int, dict[str, Value]] = {}
    for key, value in keys.items():
        number, _, name = key.removeprefix(prefix).partition(".")
        if key.startswith(prefix) and number.isdigit() and name:
            found.setdefault(int(number), {})[name] = value
    return dict(sorted(found.items()))


def text(value: Value | None) -> str:
    """A string key; empty if it is missing or of another type."""
    return value if isinstance(value, str) else ""


def whole(value: Value | None, default: int | None = None) -> int | None:
    """A number; corosync keeps keys that it does not know, such as prio, as strings."""
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else default
