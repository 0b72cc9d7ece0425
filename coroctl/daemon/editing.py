"""One change of corosync.conf, on its bytes: pure, and lossless but for what was to change.

Knows what the core's verbs mean in the file; who may ask for them is the core's matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from coroctl.decision.messages import Verb
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from coroctl.conf.cluster import NodeConf
    from coroctl.conf.document import Section
    from coroctl.decision.messages import Edit
    from coroctl.model import NodeId

PRIO_MAX = 1_000_000
PRIO_STEP = 10
_VERSION_MAX = (1 << 64) - 1


class EditRefused(CoroctlError):
    """The change cannot be made on this file."""


def edited(data: bytes, edit: Edit, file: str = "corosync.conf") -> bytes:
    """The file with the change, and the next version. Raises EditRefused or ConfigError.

    Not for RESTORE (see `restored`), nor for ADOPT, which changes no file.
    """
    document = Document.parse(data, file)
    match edit.verb:
        case Verb.PRIORITY | Verb.PROMOTE:
            document = _with_priority(document, edit)
        case Verb.SUSPEND | Verb.RESUME:
            word = "on" if edit.verb is Verb.SUSPEND else "off"
            document = document.set_in(_section(document, edit.node), "suspended", word)
        case Verb.NODE_REMOVE:
            document = _without(document, edit.node)
        case Verb.NODE_ADD:
            document = _with_node(document, edit)
        case _:
            raise EditRefused(f"{edit.verb.value} is no change of the loaded file")
    return _next_version(document).render()


def restored(data: bytes, former: bytes, file: str = "corosync.conf") -> bytes:
    """A former file as the version after `data`. Raises EditRefused or ConfigError."""
    document = Document.parse(former, file)
    version = read_cluster(Document.parse(data, file)).config_version
    if document.set("totem.config_version", str(version)).render() == data:
        raise EditRefused(f"it differs from version {version}, which is loaded, in nothing but the number")
    return _next_version(document, version).render()


def _with_priority(document: Document, edit: Edit) -> Document:
    if edit.value > PRIO_MAX and not _may_renumber(edit):
        raise EditRefused(f"priority {edit.value} is above {PRIO_MAX}")
    if edit.value < 0:
        raise EditRefused(f"priority {edit.value} is below 0")
    if edit.value <= PRIO_MAX:
        return _set_priority(document, edit.node, edit.value)
    for place, node in enumerate(_order(document, edit.node), 1):
        document = _set_priority(document, node, place * PRIO_STEP)
    return document


def _may_renumber(edit: Edit) -> bool:
    """Whether "above all others" is meant: a promotion, or what the master does by itself. Else it is a number."""
    return edit.verb is Verb.PROMOTE or not edit.request


def _order(document: Document, largest: NodeId) -> list[NodeId]:
    """All that may become master, smallest first, so that at the ceiling all become 10, 20, 30 ...; 0 stays 0."""
    rows = [(_prio(node), -node.nodeid, node.nodeid) for node in read_cluster(document).nodes if node.nodeid]
    return [nodeid for prio, _, nodeid in sorted(rows) if prio and nodeid != largest] + [largest]


def _prio(node: NodeConf) -> int:
    return 1 if node.prio is None else node.prio


def _set_priority(document: Document, node: NodeId, prio: int) -> Document:
    return document.set_in(_section(document, node), "prio", str(prio))


def _without(document: Document, node: NodeId) -> Document:
    """Take a node out, and its votes out of expected_votes where the file counts them."""
    section = _section(document, node)
    before = read_cluster(document)
    if len(before.nodes) < 2:
        raise EditRefused(f"node {node} is the only one")
    document = document.remove_section(section)
    expected = before.quorum.expected_votes
    if expected is not None:
        gone = before.votes - read_cluster(document).votes
        document = document.set("quorum.expected_votes", str(max(expected - gone, 1)))
    return document


def _with_node(document: Document, edit: Edit) -> Document:
    """Add a node with one vote, which expected_votes counts where the file gives it."""
    name, *addresses = edit.text.split() or [""]
    if not addresses:
        raise EditRefused(f"node {edit.node} cannot be added without name and address")
    links = [(f"ring{link}_addr", address) for link, address in enumerate(addresses)]
    keys = [*links, ("name", name), ("nodeid", str(edit.node)), ("prio", str(edit.value))]
    quorum = read_cluster(document).quorum
    document = document.add_section("node", keys, "nodelist")
    if quorum.expected_votes is not None:
        document = document.set("quorum.expected_votes", str(quorum.expected_votes + 1))
    if quorum.two_node:
        # Two of three would each be quorate alone.
        document = document.set("quorum.two_node", "0")
    return document


def _section(document: Document, node: NodeId) -> Section:
    """The node's section. Node sections count from 0 in cmap, in the order of the file."""
    rows = [one for one in read_cluster(document).nodes if one.nodeid == node]
    sections = document.sections("nodelist.node")
    if len(rows) != 1 or rows[0].position >= len(sections):
        raise EditRefused(f"{document.file} has {len(rows) or 'no'} node with nodeid {node}")
    return sections[rows[0].position]


def _next_version(document: Document, now: int | None = None) -> Document:
    version = (read_cluster(document).config_version if now is None else now) + 1
    if version > _VERSION_MAX:
        raise EditRefused(f"config_version cannot rise above {version - 1}")
    document = document.set("totem.config_version", str(version))
    if read_cluster(document).config_version != version:
        raise EditRefused(f"{document.file} gives config_version where corosync does not read it")
    return document
