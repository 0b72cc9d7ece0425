"""The corosync.conf of a lab: the default one, or a given file with this lab's addresses put in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.errors import ConfigError
from coroctl.lab import fencing, machines, vmmgr

if TYPE_CHECKING:
    from coroctl.conf.document import Document, Section
    from coroctl.lab.plan import Plan

PRIORITIES = (100, 40, 10)
"""Of the first nodes; the next have 9, 8 ... and, when those are used up, 1."""


class Listener(NamedTuple):
    """How corolistener is to be set up in a lab's default file; None: as it is by default."""

    lease_ms: int | None = None
    heartbeat_ms: int | None = None


TRANSPORTS = ("knet", "udp", "udpu")


def default_names(count: int) -> tuple[tuple[str, int], ...]:
    """(name, nodeid) of a lab brought up without a file."""
    return tuple((f"node{number}", number) for number in range(1, count + 1))


def names_in(template: Document) -> tuple[tuple[str, int], ...]:
    """(name, nodeid) of the nodes that a file lists; a node without a name is called after its place."""
    names = []
    for position, section in enumerate(template.sections("nodelist.node"), 1):
        nodeid = section.get("nodeid") or str(position)
        if not nodeid.isdigit():
            raise ConfigError(template.file, section.line, f"nodeid {nodeid!r} is not a number")
        names.append((section.get("name") or f"node{position}", int(nodeid)))
    if not names:
        raise ConfigError(template.file, 0, "no node in nodelist: a lab takes its nodes from there")
    return tuple(names)


def default_conf(plan: Plan, transport: str, token_ms: int | None, listener: Listener | None = None) -> bytes:
    """The file of a lab that was given none. With a ``listener`` it names a manager, which every node has."""
    token = f"  token: {token_ms}\n" if token_ms else ""
    nodes = "".join(
        _node_block(node.name, node.nodeid, _prio(position), _links(plan, transport, node.addresses))
        for position, node in enumerate(plan.nodes)
    )
    return f"""\
totem {{
  version: 2
  cluster_name: VMmanager
  config_version: 1
  transport: {transport}
{token}}}

quorum {{
  provider: corosync_votequorum
  expected_votes: {len(plan.nodes)}
}}

nodelist {{
{nodes}}}

logging {{
  to_syslog: yes
  to_logfile: yes
  logfile: /var/log/corosync/corosync.log
  timestamp: hires
}}

{_ihttpd() if listener else ""}corolistener {{
  cloud_ip: {plan.cloud_ip}
  cloud_ip_dev: eth0
{_listener_keys(listener, plan) if listener else ""}}}
""".encode()


def _ihttpd() -> str:
    return f"ihttpd {{\n  count: 1\n  port0: {vmmgr.PORT}\n}}\n\n"


def _listener_keys(listener: Listener, plan: Plan) -> str:
    timing = {name: value for name, value in listener._asdict().items() if value is not None}
    pairs = {"service": vmmgr.UNIT, **timing, **fencing.keys(plan), **machines.keys(plan)}
    return "".join(f"  {key}: {value}\n" for key, value in pairs.items())


def _links(plan: Plan, transport: str, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Only knet carries corosync over more than one network."""
    return addresses if transport == "knet" and len(plan.networks) > 1 else addresses[:1]


def _node_block(name: str, nodeid: int, prio: int, addresses: tuple[str, ...]) -> str:
    rings = "".join(f"    ring{link}_addr: {address}\n" for link, address in enumerate(addresses))
    return f"  node {{\n{rings}    name: {name}\n    nodeid: {nodeid}\n    prio: {prio}\n    replication: on\n  }}\n"


def _prio(position: int) -> int:
    if position < len(PRIORITIES):
        return PRIORITIES[position]
    return max(PRIORITIES[-1] - (position - len(PRIORITIES) + 1), 1)


def filled_in(template: Document, plan: Plan) -> bytes:
    """The template with this lab's addresses in place of its own; everything else as it was written."""
    document = template
    for position, node in enumerate(plan.nodes):
        section = document.sections("nodelist.node")[position]
        links = _links_of(section)
        if links > len(node.addresses):
            raise ConfigError(template.file, section.line, f"{links} links need as many networks (--networks {links})")
        for link, address in enumerate(node.addresses[: max(links, 1)]):
            section = document.sections("nodelist.node")[position]
            document = document.set_in(section, f"ring{link}_addr", address)
    if document.get("corolistener.cloud_ip") is not None:
        document = document.set("corolistener.cloud_ip", plan.cloud_ip)
    for number, section in enumerate(document.sections("totem.interface")):
        if section.get("bindnetaddr") is not None:
            subnet = plan.networks[min(number, len(plan.networks) - 1)].subnet
            document = document.set_in(section, "bindnetaddr", subnet.partition("/")[0])
    return document.render()


def _links_of(section: Section) -> int:
    return sum(section.get(f"ring{link}_addr") is not None for link in range(8))
