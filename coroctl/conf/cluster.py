"""What a corosync.conf says of its cluster, typed: as much as can be read, whatever lint thinks of it.

Never raises on a value: what is not there or makes no sense is the default, or None where there is none.
Imported by ``coroctl -l``: keep it cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.conf.schema import IHTTPD_PORTS, LINKS, Type, default_of, key_of, number
from coroctl.conf.stored import stored
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.conf.document import Document


class NodeConf(NamedTuple):
    """One node of the nodelist."""

    position: int
    """In cmap: ``nodelist.node.POSITION``."""
    nodeid: NodeId | None
    """None where it is missing or 0 and corosync does not make one from the address."""
    name: str
    """As configured; empty where the file gives none."""
    addresses: tuple[str, ...]
    """By link number; empty for a link that this node does not have."""
    prio: int | None
    """None where the file gives none (it counts as 1 then), or nothing that could be one."""
    replication: bool
    suspended: bool
    votes: int
    cloud_ip_dev: str | None

    @property
    def address(self) -> str:
        """Of the first link that the node has."""
        return next((address for address in self.addresses if address), "")


class QuorumConf(NamedTuple):
    """The quorum section."""

    provider: str
    expected_votes: int | None
    two_node: bool
    wait_for_all: bool
    device: str
    """Model of the quorum device; empty if there is none."""
    device_votes: int | None


class ListenerConf(NamedTuple):
    """The corolistener section, defaults filled in. Units are in the names."""

    present: bool
    """False: the file has no such section."""
    cloud_ip: str | None
    cloud_ip_dev: str
    cloud_mask: int
    manager_conf: str | None
    service: str | None
    service_start_s: int
    service_stop_s: int
    service_kill_ms: int
    lease_ms: int
    heartbeat_ms: int
    start_holdoff_ms: int | None
    """None: promise + 1000."""
    failback: bool
    failback_delay_s: int
    fencing: str
    fence_conf: str
    watchdog_device: str | None
    watchdog_s: int
    on_clean_stop: str
    migration_uri: str | None
    """None: a machine is stopped and started to be moved."""
    migration_s: int
    port: int
    keyfile: str
    lock_dir: str
    ping_target: str | None


class Cluster(NamedTuple):
    """The whole file."""

    cluster_name: str
    config_version: int
    transport: str
    nodes: tuple[NodeConf, ...]
    """In the order of the file."""
    quorum: QuorumConf
    ihttpd_ports: tuple[int, ...]
    listener: ListenerConf

    @property
    def votes(self) -> int:
        """Of all nodes together."""
        return sum(node.votes for node in self.nodes)

    @property
    def majority(self) -> int:
        """Votes that act for the cluster; never from expected_votes or two_node."""
        return self.votes // 2 + 1


def read_cluster(document: Document) -> Cluster:
    """Read a parsed file."""
    keys = stored(document)
    present = bool(document.sections("corolistener"))
    return Cluster(
        cluster_name=_text(keys, "totem.cluster_name") or "",
        config_version=_whole(keys.get("totem.config_version")) or 0,
        transport=_text(keys, "totem.transport") or "knet",
        nodes=_nodes(keys),
        quorum=_quorum(keys),
        ihttpd_ports=_ihttpd_ports(keys),
        listener=_listener(keys, present=present),
    )


def _nodes(keys: Mapping[str, str | int]) -> tuple[NodeConf, ...]:
    rows: dict[int, dict[str, str | int]] = {}
    for path, value in keys.items():
        parts = path.split(".", 3)
        if parts[:2] == ["nodelist", "node"] and len(parts) == 4 and parts[2].isdecimal():
            rows.setdefault(int(parts[2]), {})[parts[3]] = value
    nodes = (_node(position, rows[position]) for position in sorted(rows))
    return tuple(node for node in nodes if node.address)


def _node(position: int, row: Mapping[str, str | int]) -> NodeConf:
    addresses = [_text(row, f"ring{link}_addr") or "" for link in range(LINKS)]
    while addresses and not addresses[-1]:
        addresses.pop()
    nodeid = _whole(row.get("nodeid"))
    votes = _whole(row.get("quorum_votes"))
    return NodeConf(
        position=position,
        nodeid=NodeId(nodeid) if nodeid else None,
        name=_text(row, "name") or "",
        addresses=tuple(addresses),
        prio=_in_range("nodelist.node", "prio", _text(row, "prio")),
        replication=_text(row, "replication") == "on",
        suspended=_text(row, "suspended") == "on",
        votes=1 if votes is None else votes,
        cloud_ip_dev=_text(row, "cloud_ip_dev") or None,
    )


def _quorum(keys: Mapping[str, str | int]) -> QuorumConf:
    return QuorumConf(
        provider=_text(keys, "quorum.provider") or "",
        expected_votes=_whole(keys.get("quorum.expected_votes")),
        two_node=bool(_whole(keys.get("quorum.two_node"))),
        wait_for_all=bool(_whole(keys.get("quorum.wait_for_all"))),
        device=_text(keys, "quorum.device.model") or "",
        device_votes=_whole(keys.get("quorum.device.votes")),
    )


def _ihttpd_ports(keys: Mapping[str, str | int]) -> tuple[int, ...]:
    """The ports that ``count`` reaches and that are ports."""
    count = _in_range("ihttpd", "count", _text(keys, "ihttpd.count")) or 0
    ports = (_in_range("ihttpd", f"port{number}", _text(keys, f"ihttpd.port{number}")) for number in range(count))
    return tuple(port for port in ports if port is not None)[:IHTTPD_PORTS]


def _listener(keys: Mapping[str, str | int], *, present: bool) -> ListenerConf:
    values = {
        path.removeprefix("corolistener."): value for path, value in keys.items() if path.startswith("corolistener.")
    }
    holdoff = values.get("start_holdoff_ms")
    return ListenerConf(
        present=present,
        cloud_ip=_optional(values, "cloud_ip"),
        cloud_ip_dev=_word(values, "cloud_ip_dev"),
        cloud_mask=_number(values, "cloud_mask"),
        manager_conf=_optional(values, "manager_conf"),
        service=_optional(values, "service"),
        service_start_s=_number(values, "service_start_s"),
        service_stop_s=_number(values, "service_stop_s"),
        service_kill_ms=_number(values, "service_kill_ms"),
        lease_ms=_number(values, "lease_ms"),
        heartbeat_ms=_number(values, "heartbeat_ms"),
        start_holdoff_ms=_in_range("corolistener", "start_holdoff_ms", None if holdoff is None else str(holdoff)),
        failback=_word(values, "failback") == "on",
        failback_delay_s=_number(values, "failback_delay_s"),
        fencing=_word(values, "fencing"),
        fence_conf=_word(values, "fence_conf"),
        watchdog_device=_optional(values, "watchdog_device"),
        watchdog_s=_number(values, "watchdog_s"),
        on_clean_stop=_word(values, "on_clean_stop"),
        migration_uri=_optional(values, "migration_uri"),
        migration_s=_number(values, "migration_s"),
        port=_number(values, "port"),
        keyfile=_word(values, "keyfile"),
        lock_dir=_word(values, "lock_dir"),
        ping_target=_optional(values, "ping_target"),
    )


def _text(keys: Mapping[str, str | int], path: str) -> str | None:
    value = keys.get(path)
    return None if value is None else str(value)


def _whole(value: str | int | None) -> int | None:
    """A number that corosync keeps as one."""
    return value if isinstance(value, int) else None


def _optional(values: Mapping[str, str | int], key: str) -> str | None:
    return _text(values, key) or None


def _word(values: Mapping[str, str | int], key: str) -> str:
    """A value of ours, or its default where it is missing or none of the choices."""
    default = default_of("corolistener", key) or ""
    value = _optional(values, key) or default
    known = key_of("corolistener", key)
    if known and known.type is Type.WORD and value not in known.choices:
        return default
    return value


def _number(values: Mapping[str, str | int], key: str) -> int:
    found = _in_range("corolistener", key, _text(values, key))
    return int(default_of("corolistener", key) or 0) if found is None else found


def _in_range(section: str, key: str, value: str | None) -> int | None:
    known = key_of(section, key)
    found = number(value) if value is not None else None
    if known is None or found is None or not known.low <= found <= known.high:
        return None
    return found
