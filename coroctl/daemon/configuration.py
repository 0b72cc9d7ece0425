"""What corosync.conf says to this daemon: the core's settings, and this node's outfit as a master.

Owns the reading of corosync.conf and of the manager's own configuration file (`manager_conf`); writes nothing, and
knows neither the core's state nor what is loaded: who calls says that.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from coroctl.conf.files import load
from coroctl.conf.identity import identity
from coroctl.conf.rules.listener import slack_needed_ms
from coroctl.conf.schema import SLACK_MS
from coroctl.conf.stored import stored
from coroctl.decision.settings import MS, SECOND, Fencing, Member, Settings
from coroctl.decision.values import Identity
from coroctl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.conf.cluster import Cluster, ListenerConf, NodeConf
    from coroctl.model import NodeId

LIFETIME_SLACK_MS = 1500
"""Slack where only the address's own lifetime silences it: that counts whole seconds (up to 1 s more), and is swept up
to 0.31 s late (measured); design section 5 says 1300, which leaves nothing for the ticket."""
MANAGER_CONF_MAX = 64 * 1024


class Loaded(NamedTuple):
    """A file and what it says."""

    data: bytes
    identity: Identity
    cluster: Cluster


class Outfit(NamedTuple):
    """What this node needs as a master. Empty or 0: not configured."""

    address: str
    prefix: int
    device: str
    service: str
    service_start_s: int
    service_stop_s: int
    service_kill_ms: int
    ports: tuple[int, ...]
    lock_dir: str
    ping_target: str


def read(path: Path) -> Loaded:
    """The file at `path`; ConfigError if it cannot be read or parsed."""
    return parsed(load(path), str(path))


def parsed(data: bytes, path: str = "corosync.conf") -> Loaded:
    """What these bytes say; ConfigError if corosync could not parse them."""
    document = Document.parse(data, path)
    found = identity(data)
    return Loaded(data, Identity(found.config_version, found.sha256), read_cluster(document))


def overridden(loaded: Loaded, cmap: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Keys that were set by hand at run time (section 2: they count for nothing), as cmap and the file have them."""
    written = stored(Document.parse(loaded.data))
    return [(key, value, str(written[key])) for key, value in cmap.items() if str(written.get(key, value)) != value]


def settings_of(loaded: Loaded, *, dead_man: bool = True) -> Settings:
    """The core's settings, defaults filled in. Without the dead-man in the kernel the slack is larger."""
    listener = loaded.cluster.listener
    lease_ms = listener.lease_ms
    needed_ms = slack_needed_ms(lease_ms)
    slack_ms = max(SLACK_MS, needed_ms) if dead_man else LIFETIME_SLACK_MS + max(needed_ms - SLACK_MS, 0)
    holdoff_ms = listener.start_holdoff_ms
    return Settings(
        identity=loaded.identity,
        members=tuple(_member(node) for node in loaded.cluster.nodes if node.nodeid is not None),
        lease_us=lease_ms * MS,
        slack_us=slack_ms * MS,
        heartbeat_us=listener.heartbeat_ms * MS,
        holdoff_us=(lease_ms + slack_ms + 1000 if holdoff_ms is None else holdoff_ms) * MS,
        failback=listener.failback,
        failback_delay_us=listener.failback_delay_s * SECOND,
        address=listener.cloud_ip is not None,
        service=listener.service is not None,
        ports=listener.service is not None and listener.cloud_ip is not None and bool(loaded.cluster.ihttpd_ports),
        service_start_us=listener.service_start_s * SECOND,
        service_stop_us=listener.service_stop_s * SECOND,
        service_kill_us=listener.service_kill_ms * MS,
        fencing=Fencing(listener.fencing),
        recover_stopped=listener.on_clean_stop == "recover",
        migrates=listener.migration_uri is not None,
    )


def _member(node: NodeConf) -> Member:
    assert node.nodeid is not None
    return Member(node.nodeid, 1 if node.prio is None else node.prio, node.votes, node.suspended, node.replication)


def outfit_of(loaded: Loaded, node: NodeId) -> Outfit:
    """This node's outfit; the manager's own file wins over the cluster's for device and mask."""
    listener = loaded.cluster.listener
    own = next((one for one in loaded.cluster.nodes if one.nodeid == node), None)
    device = (own.cloud_ip_dev if own else None) or listener.cloud_ip_dev
    prefix = listener.cloud_mask
    if listener.manager_conf:
        device, prefix = _managers(listener.manager_conf, device, prefix)
    return Outfit(
        address=listener.cloud_ip or "",
        prefix=prefix if listener.cloud_ip else 0,
        device=device if listener.cloud_ip else "",
        service=listener.service or "",
        service_start_s=listener.service_start_s,
        service_stop_s=listener.service_stop_s,
        service_kill_ms=listener.service_kill_ms,
        ports=loaded.cluster.ihttpd_ports if _has_ports(listener) else (),
        lock_dir=listener.lock_dir,
        ping_target=listener.ping_target or "",
    )


def _has_ports(listener: ListenerConf) -> bool:
    return listener.service is not None and listener.cloud_ip is not None


def _managers(path: str, device: str, prefix: int) -> tuple[str, int]:
    """CloudIpDev and CloudMask of the manager's file, where it gives any that make sense."""
    for line in _lines(path):
        name, _, value = line.strip().partition(" ")
        value = value.strip()
        if name == "CloudIpDev" and 0 < len(value) <= 15 and "/" not in value:
            device = value
        elif name == "CloudMask" and value.isdecimal() and 1 <= int(value) <= 32:
            prefix = int(value)
    return device, prefix


def _lines(path: str) -> list[str]:
    """Of a file that may not be there: the manager may have no configuration of its own on this node."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(MANAGER_CONF_MAX).decode("utf-8", "replace").splitlines()
    except OSError:
        return []


def own_node(loaded: Loaded, path: Path) -> NodeId:
    """Which node of the list this machine is; ConfigError if none, or more than one."""
    rows = [node for node in loaded.cluster.nodes if any(_is_local(one) for one in node.addresses if one)]
    if len(rows) > 1:
        rows = [node for node in rows if node.name == socket.gethostname()]
    if len(rows) != 1:
        raise ConfigError(str(path), 0, "no node of the nodelist has an address of this machine")
    if rows[0].nodeid is None:
        raise ConfigError(str(path), 0, f"node {rows[0].name or rows[0].address} has no nodeid")
    return rows[0].nodeid


def _is_local(address: str) -> bool:
    """Whether a socket can be bound to it."""
    for family, numeric in resolve(address):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((numeric, 0))
            except OSError:
                continue
            return True
    return False


def resolve(address: str) -> list[tuple[int, str]]:
    """(family, numeric address) of a ring address; names are looked up, which may block."""
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_DGRAM)
    except OSError:
        return []
    return [(family, str(where[0])) for family, _, _, _, where in found]


def link_addresses(cluster: Cluster) -> dict[NodeId, tuple[str, ...]]:
    """Numeric link addresses of every node, by link; empty where a name is not known. May block (see resolve)."""
    return {
        node.nodeid: tuple(_first(address) for address in node.addresses)
        for node in cluster.nodes
        if node.nodeid is not None
    }


def _first(address: str) -> str:
    found = resolve(address) if address else []
    return found[0][1] if found else ""
