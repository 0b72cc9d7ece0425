"""``coroctl status``: all that this node knows of its cluster, for people or, with ``--json``, for programs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coroctl.cli import answer, mastership
from coroctl.cli.listing import role_word
from coroctl.cli.text import optional, plain, plural, table
from coroctl.model import Availability
from coroctl.sources.schema import to_json

if TYPE_CHECKING:
    import argparse

    from coroctl.model import Node, Snapshot
    from coroctl.sources.schema import Json


configure = answer.configure


def run(args: argparse.Namespace) -> int:
    """Print all that is known."""
    return answer.answer(args, lines, as_json)


def as_json(snapshot: Snapshot) -> Json:
    """The snapshot, when it was asked, and what is wrong."""
    from coroctl.alarms import alarms
    from coroctl.alarms.words import to_json as alarm_to_json

    found = [alarm_to_json(one) for one in alarms(snapshot, time.time())]
    return {**to_json(snapshot), "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "alarms": found}


def lines(snapshot: Snapshot) -> list[str]:
    """The text: the verdict first, then what it rests on, then the nodes, then what is not known."""
    facts = [
        ("asked", _asked(snapshot)),
        ("votes", _votes(snapshot)),
        ("qdevice", _qdevice(snapshot)),
        ("ring", snapshot.quorum.ring_id if snapshot.quorum else ""),
        ("transport", snapshot.transport),
        ("config", _configuration(snapshot)),
        *mastership.facts(snapshot),
    ]
    return [
        f"{plain(snapshot.cluster_name) or '(no cluster name)'}: {verdict(snapshot)}",
        *(f"  {name:<10}{text}" for name, text in facts if text),
        "",
        *_nodes(snapshot),
        *mastership.transitions(snapshot),
        *(f"not known: {gap.what}: {plain(gap.reason)}" for gap in snapshot.gaps),
    ]


def verdict(snapshot: Snapshot) -> str:
    """In a few words: whether the cluster can act, and what it can still bear."""
    if snapshot.availability is Availability.DENIED and snapshot.quorate is None:
        return "unknown, corosync lets only root ask it"
    if snapshot.quorate is None:
        return f"unknown, corosync is {snapshot.availability.value}"
    if not snapshot.quorate:
        return "NOT QUORATE"
    spare = snapshot.can_lose
    return "quorate" if spare is None else f"quorate, can lose {plural(spare, 'more node')}"


def _asked(snapshot: Snapshot) -> str:
    local = snapshot.node(snapshot.local)
    where = f"{plain(local.name) or 'node'} ({local.nodeid}), " if local else ""
    return f"{where}source {snapshot.source.value}"


def _votes(snapshot: Snapshot) -> str:
    quorum = snapshot.quorum
    if quorum is None:
        return ""
    text = f"{quorum.present} of {quorum.expected} expected, quorum {quorum.needed}"
    return f"{text}, flags {' '.join(quorum.flags)}" if quorum.flags else text


def _qdevice(snapshot: Snapshot) -> str:
    device = snapshot.qdevice
    if device is None:
        return ""
    state = f"{'alive' if device.alive else 'not alive'}, {'casts' if device.casts_vote else 'does not cast'} its"
    return f"{plain(device.name)}: {state} {plural(device.votes, 'vote')}"


def _configuration(snapshot: Snapshot) -> str:
    conf = snapshot.configuration
    if conf is None or conf.version is None:
        return ""
    text = f"version {conf.version}, sha256 {conf.sha256[:12]} ({conf.file})"
    if conf.loaded_version not in (None, conf.version):
        text += f"; LOADED IS VERSION {conf.loaded_version} (corosync-cfgtool -R makes every node load its file)"
    return text


def _nodes(snapshot: Snapshot) -> list[str]:
    header = ("ID", "NAME", "ADDRESS", "STATUS", "M/S", "PRIO", "VOTES", "LINKS", "CONFIG")
    why = snapshot.mastership is not None
    rows = [
        (
            str(node.nodeid),
            plain(node.name) or "-",
            " ".join(node.addresses) or "-",
            node.status.value,
            role_word(node.role),
            optional(node.prio),
            optional(node.votes),
            links_up(node),
            _config(node),
            *((plain(node.reason) or "-",) if why else ()),
        )
        for node in snapshot.nodes
    ]
    heading = (*header, "WHY NOT MASTER") if why else header
    return table(heading, rows, right=(0, 5, 6, 7, 8)) if rows else ["no nodes"]


def _config(node: Node) -> str:
    """The version; marked where the node's file is not the one that a majority has loaded."""
    return f"{optional(node.config_version)} !" if node.current is False else optional(node.config_version)


def links_up(node: Node) -> str:
    """``2/2``: links that are connected, of those that there are; ``-`` for the node itself, or if not told."""
    return f"{sum(link.connected for link in node.links)}/{len(node.links)}" if node.links else "-"
