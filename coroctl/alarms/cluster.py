"""Alarms about corosync itself: whether it answers, its votes, its members, and which file they have loaded. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from coroctl.alarms.words import Alarm, Kind, Severity, label
from coroctl.model import Availability, NodeStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.model import Node, Snapshot

HEARD_MS: Final = 3000
"""A corolistener that was heard so lately is alive."""
RECENT_S: Final = 600
"""A time without the processor is told for so long."""

_SILENCE = {
    Availability.DOWN: "journalctl -u corosync says why; systemctl start corosync joins the cluster again",
    Availability.SILENT: "look at the machine's load and at journalctl -u corosync; a restart takes this node out",
    Availability.DENIED: "run it as root, or as a member of group coroctl where corolistener runs",
    Availability.UNUSABLE: "install what is missing, or run coroctl on another node",
}


def corosync(snapshot: Snapshot) -> Iterator[Alarm]:
    """That it does not answer here."""
    known = snapshot.availability
    if known is Availability.ANSWERED:
        return
    broken = known in (Availability.DOWN, Availability.SILENT)
    severity, kind = (Severity.CRITICAL, Kind.COROSYNC) if broken else (Severity.WARNING, Kind.BLIND)
    yield Alarm(severity, kind, snapshot.reason or f"corosync: {known.value}", _SILENCE[known], snapshot.local)


def quorum(snapshot: Snapshot) -> Iterator[Alarm]:
    """That there is none, or none to spare."""
    vote = snapshot.quorum
    gone = ", ".join(label(node) for node in snapshot.nodes if node.status is not NodeStatus.JOINED)
    if snapshot.quorate is False:
        votes = f": {vote.present} of {vote.expected} votes, {vote.needed} needed" if vote else ""
        todo = f"bring {gone} back, or their network" if gone else "look at expected_votes and at the nodes' votes"
        yield Alarm(Severity.CRITICAL, Kind.QUORUM, f"not quorate{votes}", todo)
    elif snapshot.can_lose == 0 and len(snapshot.nodes) > 1:
        todo = f"bring {gone} back" if gone else "a third node, as witness with prio 0, lets one fail"
        yield Alarm(Severity.WARNING, Kind.MARGIN, "one more node that fails ends the quorum", todo)


def nodes(snapshot: Snapshot) -> Iterator[Alarm]:
    """Members that are missing."""
    for node in snapshot.nodes:
        if node.status is NodeStatus.LEFT:
            text = f"{label(node)} has left the cluster"
        elif node.status is NodeStatus.ABSENT:
            text = f"{label(node)} is configured and was never seen"
        else:
            continue
        todo = "look at its power, at its network, and there at systemctl status corosync"
        if node.heard_ms is not None and node.heard_ms < HEARD_MS:
            todo = "its corolistener is heard, so the machine runs: look at its corosync, and for a partial cut"
        yield Alarm(Severity.WARNING, Kind.NODE, text, todo, node.nodeid)


def configuration(snapshot: Snapshot) -> Iterator[Alarm]:
    """Nodes with another file than most, and a file that is not loaded."""
    most = current_version(snapshot)
    for node in snapshot.nodes:
        if node.status is NodeStatus.JOINED and _is_stale(node, most):
            text = f"{label(node)} has loaded configuration {node.config_version}, which is not the majority's"
            text += f" {most}" if most not in (None, node.config_version) else ""
            todo = "compare the files (coroctl conf diff), copy the right one, and load it: corosync-cfgtool -R"
            yield Alarm(Severity.WARNING, Kind.CONFIGURATION, text, todo, node.nodeid)
    conf = snapshot.configuration
    if conf and conf.version is not None and conf.loaded_version not in (None, conf.version):
        text = f"{conf.file} is version {conf.version}, corosync has loaded {conf.loaded_version}"
        todo = "corosync-cfgtool -R makes every node load its file; or put the former file back"
        yield Alarm(Severity.WARNING, Kind.CONFIGURATION, text, todo, snapshot.local)


def current_version(snapshot: Snapshot) -> int | None:
    """The configuration that joined nodes of most votes have loaded."""
    votes: Counter[int] = Counter()
    for node in snapshot.nodes:
        if node.status is NodeStatus.JOINED and node.config_version is not None:
            votes[node.config_version] += node.votes or 0
    return max(votes, key=lambda version: (votes[version], version)) if votes else None


def _is_stale(node: Node, most: int | None) -> bool:
    """The daemons compare contents; without their word the number has to do."""
    if node.current is not None:
        return not node.current
    return node.config_version is not None and node.config_version != most


def starved(snapshot: Snapshot, now: float) -> Iterator[Alarm]:
    """That corosync lately did not get the processor in time."""
    lately = [pause for pause in snapshot.pauses or () if now - RECENT_S <= pause.at <= now + 1]
    if lately:
        worst = max(pause.ms for pause in lately)
        often = "once" if len(lately) == 1 else f"{len(lately)} times"
        text = f"corosync was not scheduled for up to {worst} ms, {often} in {RECENT_S // 60} minutes"
        todo = "find what takes the processor or makes the machine swap, or whether its host is overcommitted"
        yield Alarm(Severity.WARNING, Kind.STARVED, text, todo, snapshot.local)
