"""Rules about the nodelist: ids, names, addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.conf.addresses import same
from coroctl.conf.finding import error, rule, warning
from coroctl.conf.plain import quoted
from coroctl.conf.schema import LINKS, U32, integer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.conf.finding import Remark
    from coroctl.conf.subject import Node, Subject

NAME_MAX = 64
"""Of a host name in Linux; corosync takes longer ones."""


@rule("no-nodelist")
def _no_nodelist(subject: Subject) -> Iterator[Remark]:
    """Measured: "No interfaces defined", exit 8; with interface{} alone no node is known by name, id or votes."""
    if not subject.nodes:
        line = subject.line("nodelist.node")
        yield error(line, "the file lists no nodes; corosync does not start", "nodelist { node { ... } }")


@rule("no-address")
def _no_address(subject: Subject) -> Iterator[Remark]:
    """Measured: a node without any link address is no node to corosync."""
    for node in subject.nodes:
        if not node.links:
            yield error(node.line, "the node has no ring0_addr; corosync ignores it, or does not start")
        elif node.get("ring0_addr") is None:
            yield warning(node.line, "the node has no ring0_addr, only other links")


@rule("nodeid")
def _nodeid(subject: Subject) -> Iterator[Remark]:
    """Measured: knet refuses missing and 0; udp and udpu take the IPv4 address as a number, for 0 as well."""
    for node in subject.nodes:
        value = node.get("nodeid")
        number = None if value is None else integer(U32, value)
        if value is None or number == 0:
            yield _without_nodeid(subject, node, "no nodeid" if value is None else "nodeid 0, which names no node")


def _without_nodeid(subject: Subject, node: Node, what: str) -> Remark:
    entry = node.entry("nodeid")
    line = entry.line if entry else node.line
    if subject.cluster.transport == "knet":
        return error(line, f"the node has {what}; corosync does not start")
    return warning(line, f"the node has {what}; corosync makes one of its IPv4 address", "give every node a nodeid")


@rule("nodeid-twice")
def _nodeid_twice(subject: Subject) -> Iterator[Remark]:
    """Measured: exit 8."""
    seen: dict[int, int] = {}
    for node in subject.nodes:
        entry = node.entry("nodeid")
        number = integer(U32, entry.value) if entry else None
        if entry is None or not number:
            continue
        if number in seen:
            message = f"nodeid {number} is used in line {seen[number]} already; corosync does not start"
            yield error(entry.line, message)
        seen.setdefault(number, entry.line)


@rule("name-missing")
def _no_name(subject: Subject) -> Iterator[Remark]:
    """Measured: corosync starts; corosync-quorumtool shows a blank."""
    for node in subject.nodes:
        if not node.get("name"):
            yield warning(node.line, "the node has no name; it is shown by its nodeid", "name: its host name")


@rule("name-twice")
def _name_twice(subject: Subject) -> Iterator[Remark]:
    """Measured: corosync starts without a word; a command for one of them would be ambiguous."""
    seen: dict[str, int] = {}
    for node in subject.nodes:
        entry = node.entry("name")
        if entry is None or not entry.value:
            continue
        if entry.value in seen:
            yield error(entry.line, f"name {quoted(entry.value)} is used in line {seen[entry.value]} already")
        seen.setdefault(entry.value, entry.line)


@rule("name")
def _name(subject: Subject) -> Iterator[Remark]:
    """corosync takes any text; whoever must type the name, and every table, does not."""
    ids = {node.get("nodeid") for node in subject.nodes}
    for node in subject.nodes:
        entry = node.entry("name")
        if entry is None:
            continue
        if len(entry.value) > NAME_MAX:
            yield error(entry.line, f"the name has {len(entry.value)} characters; a host name has at most {NAME_MAX}")
        if any(character.isspace() for character in entry.value):
            yield error(entry.line, f"the name {quoted(entry.value)} has blanks")
        if entry.value in ids and entry.value != node.get("nodeid"):
            yield error(entry.line, f"the name {quoted(entry.value)} is the nodeid of another node")


@rule("address-twice")
def _address_twice(subject: Subject) -> Iterator[Remark]:
    """Measured: corosync starts without a word, and the two nodes never meet."""
    seen: dict[str, int] = {}
    for node in subject.nodes:
        for link in node.links:
            if link.same in seen:
                yield error(link.line, f"address {quoted(link.value)} is used in line {seen[link.same]} already")
            seen.setdefault(link.same, link.line)


@rule("address-kind")
def _address_kind(subject: Subject) -> Iterator[Remark]:
    """A node cannot be reached there by others. One node alone may live on loopback (tests do)."""
    for node in subject.nodes:
        for link in node.links:
            found = link.address
            if found is None:
                continue
            if found.is_multicast or found.is_unspecified or link.same == "255.255.255.255":
                yield error(link.line, f"address {quoted(link.value)} is no address of one machine")
            elif found.is_loopback and len(subject.nodes) > 1:
                yield error(
                    link.line, f"address {quoted(link.value)} is a loopback address, which no other node reaches"
                )


@rule("links")
def _links(subject: Subject) -> Iterator[Remark]:
    """Measured: "Not all nodes have the same number of links", exit 8."""
    counts = {len(node.links) for node in subject.nodes} - {0}
    if len(counts) > 1:
        yield error(
            subject.line("nodelist.node"), "not all nodes have the same number of links; corosync does not start"
        )
    if max(counts, default=0) > 1 and subject.cluster.transport != "knet":
        line = subject.line("totem.transport")
        yield error(line, f"more than one link does not exist on {subject.cluster.transport}; corosync does not start")


@rule("link-names")
def _link_names(subject: Subject) -> Iterator[Remark]:
    """Read in corosync: with several links every node must have a name."""
    several = any(len(node.links) > 1 for node in subject.nodes)
    for node in subject.nodes:
        if several and not node.get("name"):
            yield error(node.line, "with several links every node needs a name; corosync does not start")


@rule("families")
def _families(subject: Subject) -> Iterator[Remark]:
    """Measured: "Nodes for link 0 have different IP families", exit 8."""
    versions: dict[int, set[int]] = {}
    for node in subject.nodes:
        for link in node.links:
            if link.address:
                versions.setdefault(link.number, set()).add(link.address.version)
    for number, found in sorted(versions.items()):
        if len(found) > 1:
            line = subject.line(f"nodelist.node.ring{number}_addr")
            yield error(line, f"link {number} has IPv4 and IPv6 addresses; corosync does not start")


@rule("link-number")
def _link_number(subject: Subject) -> Iterator[Remark]:
    """Measured: exit 8."""
    for node in subject.nodes:
        for entry in node.entries:
            number = entry.key.removeprefix("ring").removesuffix("_addr")
            if entry.key == f"ring{number}_addr" and number.isdecimal() and int(number) >= LINKS:
                yield error(entry.line, f"{entry.key}: links are 0 to {LINKS - 1}; corosync does not start")


@rule("local-node")
def _local(subject: Subject) -> Iterator[Remark]:
    """Measured: "No valid name found for local host", exit 8. Found by host name first, then by address."""
    if not subject.facts or not subject.nodes:
        return
    hostname = subject.facts.hostname
    own = {hostname, hostname.partition(".")[0], *(local.address for local in subject.facts.addresses)}
    mine = {same(one) for one in own if one}
    if not any(_is_one_of(node, mine) for node in subject.nodes):
        line = subject.line("nodelist.node")
        names = f"{quoted(hostname)} and its addresses"
        yield error(line, f"this machine is not in the nodelist (looked for {names}); corosync does not start here")


def _is_one_of(node: Node, names: set[str]) -> bool:
    name = node.get("name") or ""
    given = {same(one) for one in (name, name.partition(".")[0]) if one} | {link.same for link in node.links}
    return not given.isdisjoint(names)


RULES = (
    _no_nodelist,
    _no_address,
    _nodeid,
    _nodeid_twice,
    _no_name,
    _name_twice,
    _name,
    _address_twice,
    _address_kind,
    _links,
    _link_names,
    _families,
    _link_number,
    _local,
)
