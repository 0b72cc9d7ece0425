"""Rules about what is ours: the cluster address, timings, priorities, the web server's ports."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from math import ceil
from typing import TYPE_CHECKING

from coroctl.conf.addresses import address
from coroctl.conf.finding import error, rule, warning
from coroctl.conf.plain import quoted
from coroctl.conf.schema import OUR_NODE_KEYS, SLACK_MS, integer, key_of, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.conf.document import Entry
    from coroctl.conf.finding import Remark
    from coroctl.conf.subject import Subject

TICKET_MS = 100
GRANULARITY_MS = 20
DRIFT = 0.005
HEARTBEATS_A_LEASE = 4
_SECRET_WORDS = ("passw", "secret", "token", "psk", "private")


def slack_needed_ms(lease_ms: int) -> int:
    """What a promise must outlast its lease by, so that no two nodes hold the address; in whole milliseconds."""
    drifted = 2 * DRIFT * (lease_ms + TICKET_MS) / (1 - DRIFT)
    return TICKET_MS + GRANULARITY_MS + ceil(round(drifted, 6))


def _cloud_ip(subject: Subject) -> IPv4Address | None:
    found = address(subject.cluster.listener.cloud_ip or "")
    return found if isinstance(found, IPv4Address) else None


@rule("cloud-ip")
def _cloud_ip_kind(subject: Subject) -> Iterator[Remark]:
    """None of these can be the address of one machine at a time."""
    found = _cloud_ip(subject)
    if found is None:
        return
    line = subject.line("corolistener.cloud_ip")
    if found.is_loopback:
        yield error(line, f"cloud_ip {found} is a loopback address")
    elif found.is_multicast:
        yield error(line, f"cloud_ip {found} is a multicast address")
    elif found.is_unspecified or found.is_reserved or found.packed[0] == 0:
        yield error(line, f"cloud_ip {found} is reserved; no machine can have it")


@rule("cloud-ip-network")
def _cloud_ip_network(subject: Subject) -> Iterator[Remark]:
    """Network and broadcast address, by cloud_mask and, on a node, by the networks that it is in."""
    found = _cloud_ip(subject)
    if found is None:
        return
    line = subject.line("corolistener.cloud_ip")
    networks = {IPv4Interface(f"{found}/{subject.cluster.listener.cloud_mask}").network, *_local_networks(subject)}
    for network in sorted(network for network in networks if network.prefixlen < 31):
        if found == network.network_address:
            yield error(line, f"cloud_ip {found} is the address of the network {network}")
        elif found == network.broadcast_address:
            yield error(line, f"cloud_ip {found} is the broadcast address of {network}")


def _local_networks(subject: Subject) -> set[IPv4Network]:
    local = subject.facts.addresses if subject.facts else ()
    ours = (one for one in local if isinstance(address(one.address), IPv4Address))
    return {IPv4Interface(f"{one.address}/{one.prefix}").network for one in ours}


@rule("cloud-ip-of-node")
def _cloud_ip_of_node(subject: Subject) -> Iterator[Remark]:
    """Moving it would take the node's own address away."""
    found = _cloud_ip(subject)
    for node in subject.nodes if found else ():
        if any(link.same == str(found) for link in node.links):
            message = f"cloud_ip {found} is the address of the node in line {node.line}"
            yield error(subject.line("corolistener.cloud_ip"), message, "an address that no machine has of its own")


@rule("cloud-mask")
def _cloud_mask(subject: Subject) -> Iterator[Remark]:
    """Measured: a /24 added before the node's own becomes primary, and its removal removes the node's own, too."""
    mask = subject.cluster.listener.cloud_mask
    if subject.cluster.listener.cloud_ip and mask < 32:
        message = f"cloud_mask {mask}: removing the cluster address can remove the node's own address with it"
        hint = "32, unless promote_secondaries is 1 or the device has no other address of that network"
        yield warning(subject.line("corolistener.cloud_mask"), message, hint)


@rule("no-cloud-ip")
def _no_cloud_ip(subject: Subject) -> Iterator[Remark]:
    """It may be meant: the manager alone moves."""
    listener = subject.cluster.listener
    if listener.present and not listener.cloud_ip:
        yield warning(subject.line("corolistener.cloud_ip"), "corolistener has no cloud_ip: no address is moved")


@rule("heartbeat")
def _heartbeat(subject: Subject) -> Iterator[Remark]:
    """A lease must survive the loss of some heartbeats."""
    listener = subject.cluster.listener
    if listener.heartbeat_ms * HEARTBEATS_A_LEASE > listener.lease_ms:
        message = f"heartbeat_ms {listener.heartbeat_ms} is more than a quarter of lease_ms ({listener.lease_ms})"
        yield error(_timing_line(subject), message, f"at most {listener.lease_ms // HEARTBEATS_A_LEASE}")


@rule("slack")
def _slack(subject: Subject) -> Iterator[Remark]:
    """slack >= ticket + g + 2 rho (L + ticket)/(1 - rho): 141 ms at a lease of 2 s, 200 ms at 7.8 s."""
    lease = subject.cluster.listener.lease_ms
    needed = slack_needed_ms(lease)
    if needed > SLACK_MS:
        message = f"lease_ms {lease} needs a slack of {needed} ms against clock drift, and the slack is {SLACK_MS} ms"
        longest = round((SLACK_MS - TICKET_MS - GRANULARITY_MS) * (1 - DRIFT) / (2 * DRIFT)) - TICKET_MS
        yield error(_timing_line(subject), message, f"a lease of at most {longest} ms")


def _timing_line(subject: Subject) -> int:
    keys = ("lease_ms", "heartbeat_ms")
    return max(subject.line(f"corolistener.{key}") for key in keys)


@rule("holdoff")
def _holdoff(subject: Subject) -> Iterator[Remark]:
    """A voter that starts makes no new grant before the promises of its former life have run out."""
    listener = subject.cluster.listener
    promise = listener.lease_ms + SLACK_MS
    if listener.start_holdoff_ms is not None and listener.start_holdoff_ms < promise:
        message = f"start_holdoff_ms {listener.start_holdoff_ms} is shorter than a promise ({promise} ms)"
        yield error(subject.line("corolistener.start_holdoff_ms"), message, f"leave it out ({promise + 1000})")


@rule("fencing")
def _fencing(subject: Subject) -> Iterator[Remark]:
    """Fencing that is asked for and cannot work is worse than none."""
    listener = subject.cluster.listener
    line = subject.line("corolistener.fencing")
    if listener.fencing == "watchdog" and not listener.watchdog_device:
        yield error(line, "fencing: watchdog needs a watchdog_device", "watchdog_device: /dev/watchdog")
    if listener.watchdog_device and subject.get("resources.watchdog_device") == listener.watchdog_device:
        line = subject.line("resources.watchdog_device")
        yield error(line, f"corosync would take {quoted(listener.watchdog_device)} before corolistener can")


@rule("migration")
def _migration(subject: Subject) -> Iterator[Remark]:
    """Whoever reaches libvirtd's TCP port commands every machine of that node."""
    uri = subject.cluster.listener.migration_uri or ""
    if uri.startswith("qemu+tcp:"):
        message = "qemu+tcp: commands to libvirtd and machines' memory cross the network in the clear"
        yield warning(subject.line("corolistener.migration_uri"), message, "qemu+tls://%s/system")


@rule("prio-missing")
def _prio_missing(subject: Subject) -> Iterator[Remark]:
    """The default is 1: such a node can become master, behind all others."""
    for node in subject.nodes if subject.ours or _any_prio(subject) else ():
        if node.get("prio") is None:
            yield warning(node.line, f"node {quoted(node.get('name') or '')} has no prio; it counts as 1")


@rule("prio-equal")
def _prio_equal(subject: Subject) -> Iterator[Remark]:
    """Allowed, and decided: the lowest nodeid wins."""
    seen: dict[int, Entry] = {}
    for node in subject.nodes:
        entry = node.entry("prio")
        value = number(entry.value) if entry else None
        if entry is None or not value:
            continue
        if value in seen:
            message = f"prio {value} is given in line {seen[value].line} already; of equals the lowest nodeid wins"
            yield warning(entry.line, message)
        seen.setdefault(value, entry)


@rule("prio-zero")
def _prio_zero(subject: Subject) -> Iterator[Remark]:
    """prio 0 means never master."""
    nodes = subject.cluster.nodes
    if nodes and all(node.prio == 0 for node in nodes):
        line = subject.line("nodelist.node.prio")
        yield error(line, "every node has prio 0: nobody can become master", "give one node a prio above 0")


@rule("suspended")
def _suspended(subject: Subject) -> Iterator[Remark]:
    """Suspend marks survive restarts; with all of them set nothing ever starts."""
    nodes = subject.cluster.nodes
    if nodes and all(node.suspended for node in nodes):
        yield warning(subject.line("nodelist.node.suspended"), "every node is suspended: nobody can become master")


def _any_prio(subject: Subject) -> bool:
    return any(node.get(key) is not None for node in subject.nodes for key in OUR_NODE_KEYS)


@rule("no-corolistener")
def _no_section(subject: Subject) -> Iterator[Remark]:
    """Keys of ours without the section: an older file, or a forgotten ``coroctl init``."""
    if not subject.cluster.listener.present and (subject.ours or _any_prio(subject)):
        yield warning(0, "there is no section corolistener: no address is moved and no service started")


@rule("ihttpd-count")
def _ihttpd_count(subject: Subject) -> Iterator[Remark]:
    """Ports beyond count are not looked at; a count beyond the ports promises checks that nobody can do."""
    for section in subject.sections("ihttpd"):
        entry = section.entry("count")
        given = number(entry.value) if entry else None
        ports = sum(key_of("ihttpd", one.key) is not None for one in section.entries if one.key != "count")
        if given is None:
            if ports and entry is None:
                yield error(section.line, f"ihttpd has {ports} ports and no count", f"count: {ports}")
            continue
        keys = {one.key for one in section.entries}
        missing = [f"port{index}" for index in range(min(given, 64)) if f"port{index}" not in keys]
        if missing:
            yield error(entry.line if entry else 0, f"count is {given}, but {', '.join(missing[:4])} is missing")
        if ports > given:
            yield warning(entry.line if entry else 0, f"count is {given}, but there are {ports} ports")


@rule("ihttpd-port-twice")
def _ihttpd_twice(subject: Subject) -> Iterator[Remark]:
    """One check of it is enough."""
    for section in subject.sections("ihttpd"):
        seen: dict[str, int] = {}
        for entry in section.entries:
            if entry.key.startswith("port") and entry.value in seen:
                yield error(entry.line, f"port {quoted(entry.value)} is given in line {seen[entry.value]} already")
            seen.setdefault(entry.value if entry.key.startswith("port") else "", entry.line)


@rule("port-taken")
def _port_taken(subject: Subject) -> Iterator[Remark]:
    """corosync listens there: 5405 and one more for each link, or mcastport and the one below."""
    port = subject.cluster.listener.port
    taken = set(range(5404, 5413))
    for section in subject.sections("totem.interface"):
        known = key_of("totem.interface", "mcastport")
        value = integer(known, section.get("mcastport") or "") if known else None
        taken |= {value, value - 1} if value else set()
    if subject.cluster.listener.present and port in taken:
        yield error(subject.line("corolistener.port"), f"port {port} is corosync's own")


@rule("secret-of-ours")
def _secret(subject: Subject) -> Iterator[Remark]:
    """The file is readable for everybody, and copied to every node."""
    for section in subject.walk:
        if section.path not in {"corolistener", "ihttpd", "nodelist.node"}:
            continue
        for entry in section.entries:
            if key_of(section.path, entry.key) is None and any(word in entry.key.lower() for word in _SECRET_WORDS):
                yield error(
                    entry.line, f"{quoted(entry.key)} looks like a secret in the file", "use keyfile or fence_conf"
                )


RULES = (
    _cloud_ip_kind,
    _cloud_ip_network,
    _cloud_ip_of_node,
    _cloud_mask,
    _no_cloud_ip,
    _heartbeat,
    _slack,
    _holdoff,
    _fencing,
    _migration,
    _prio_missing,
    _prio_equal,
    _prio_zero,
    _suspended,
    _no_section,
    _ihttpd_count,
    _ihttpd_twice,
    _port_taken,
    _secret,
)
