"""What has happened between two snapshots, as events for people. Pure: two values in, a list out."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.model import Availability, NodeStatus, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.model import Link, Node, NodeId, Snapshot, Wait


class Level(Enum):
    """How much an event matters."""

    INFO = "info"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


class Change(NamedTuple):
    """One event, in a short sentence."""

    level: Level
    text: str


def changes(before: Snapshot | None, after: Snapshot) -> list[Change]:
    """The events between them, the weightiest kind first; of a first snapshot only what is wrong in it."""
    if before is None:
        return list(_first(after))
    found = [*_availability(before, after), *_mastership(before, after)]
    if Availability.ANSWERED in (before.availability, after.availability):
        found += _quorum(before, after)
        found += _nodes(before, after)
        found += _configuration(before, after)
    return [*found, *_machines(before, after)]


def _first(snapshot: Snapshot) -> Iterator[Change]:
    if snapshot.availability is not Availability.ANSWERED:
        yield Change(Level.BAD, snapshot.reason)
        return
    yield Change(Level.INFO, f"watching {snapshot.cluster_name or 'the cluster'} through {snapshot.source.value}")
    if not snapshot.quorate:
        yield Change(Level.BAD, "not quorate")
    for node in snapshot.nodes:
        if node.status is not NodeStatus.JOINED:
            yield Change(Level.WARNING, f"{label(node)} is {node.status.value}")
    if snapshot.mastership is not None:
        yield from (Change(Level.BAD, f"ALARM: {text}") for text in snapshot.mastership.alarms)
    if snapshot.machinery is not None:
        yield from (_waits(snapshot, one) for one in snapshot.machinery.recovery)


def _availability(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    if before.availability is after.availability:
        return
    if after.availability is Availability.ANSWERED:
        yield Change(Level.GOOD, f"corosync answers again (it was {before.availability.value})")
    else:
        yield Change(Level.BAD, after.reason)


def _quorum(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    if before.quorate != after.quorate and after.quorate is not None:
        votes = f": {after.quorum.present} of {after.quorum.expected} votes" if after.quorum else ""
        lost = "QUORUM LOST" if before.quorate else "not quorate"
        yield Change(Level.GOOD, f"quorate{votes}") if after.quorate else Change(Level.BAD, f"{lost}{votes}")
    old, new = before.quorum, after.quorum
    if old and new and old.ring_id != new.ring_id and new.ring_id:
        yield Change(Level.INFO, f"new ring {new.ring_id}")
    if old and new and old.expected != new.expected:
        yield Change(Level.WARNING, f"expected votes {old.expected} -> {new.expected}")


def _nodes(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    known = {node.nodeid: node for node in before.nodes}
    for node in after.nodes:
        old = known.pop(node.nodeid, None)
        if old is None:
            yield Change(Level.INFO, f"{label(node)} is new in the configuration: {node.status.value}")
        else:
            yield from _node(old, node)
    for node in known.values():
        yield Change(Level.INFO, f"{label(node)} is no longer in the configuration")


def _node(old: Node, new: Node) -> Iterator[Change]:
    if old.status is not new.status and NodeStatus.UNKNOWN not in (old.status, new.status):
        level = Level.GOOD if new.status is NodeStatus.JOINED else Level.BAD
        yield Change(level, f"{label(new)} {'has ' if new.status is NodeStatus.LEFT else ''}{new.status.value}")
    if old.role is not new.role and new.role is not None and old.status is not NodeStatus.UNKNOWN:
        level = Level.WARNING if new.role is Role.SUSPENDED else Level.INFO
        yield Change(level, f"{label(new)} is {new.role.value} now")
    if old.prio != new.prio:
        yield Change(Level.INFO, f"{label(new)} has priority {_number(new.prio)} (it was {_number(old.prio)})")
    if old.config_version is not None and new.config_version not in (None, old.config_version):
        yield Change(Level.INFO, f"{label(new)} has loaded configuration {new.config_version}")
    if old.status is new.status is NodeStatus.JOINED:
        yield from _links(old, new)


def _links(old: Node, new: Node) -> Iterator[Change]:
    """Of nodes that stayed: a link that went with its node says nothing of its own."""
    before: dict[int, Link] = {link.number: link for link in old.links}
    for link in new.links:
        was = before.get(link.number)
        if was and was.connected != link.connected:
            state = Change(Level.GOOD, "is up") if link.connected else Change(Level.BAD, "is DOWN")
            yield Change(state.level, f"link {link.number} to {label(new)} {state.text}")


def _mastership(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """What corolistener alone tells; that it tells nothing any more is one event, not one for each fact."""
    old, new = before.mastership, after.mastership
    if new is None:
        if old is not None:
            lost = (gap.reason for gap in after.gaps if gap.what in ("roles", "corolistener"))
            yield from (Change(Level.BAD, reason) for reason in lost)
        return
    if old is None:
        yield Change(Level.GOOD, "corolistener answers")
    alarms, warnings = (old.alarms, old.warnings) if old else ((), ())
    yield from (Change(Level.BAD, f"ALARM: {text}") for text in new.alarms if text not in alarms)
    yield from (Change(Level.GOOD, f"over: {text}") for text in alarms if text not in new.alarms)
    yield from (Change(Level.WARNING, text) for text in new.warnings if text not in warnings)


def _machines(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """Who was found to be dead, and what the machines of the others wait for."""
    old, new = before.machinery, after.machinery
    if new is None:
        return
    failures, waits = (old.failures, old.recovery) if old else (new.failures, ())
    fresh = [one for one in new.failures if one not in failures]
    for failure in fresh:
        text = f"{_named(after, failure.node)} has failed: {failure.why}; {failure.machines} machine"
        yield Change(Level.BAD, f"{text}{'' if failure.machines == 1 else 's'} to be started elsewhere")
    known = {(one.node, one.waits_for, one.why) for one in waits}
    yield from (_waits(after, one) for one in new.recovery if (one.node, one.waits_for, one.why) not in known)
    left = {one.node for one in new.recovery} | {one.node for one in fresh}
    for node in dict.fromkeys(one.node for one in waits if one.node not in left):
        yield Change(Level.GOOD, f"the machines of {_named(after, node)} wait for recovery no more")


def _waits(snapshot: Snapshot, wait: Wait) -> Change:
    why = f" ({wait.why})" if wait.why else ""
    return Change(Level.WARNING, f"machines of {_named(snapshot, wait.node)} wait for {wait.waits_for}{why}")


def _configuration(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    old, new = before.configuration, after.configuration
    if old and new and new.version is not None and (old.version, old.sha256) != (new.version, new.sha256):
        yield Change(Level.INFO, f"{new.file} is version {new.version} now ({new.sha256[:12]})")


def label(node: Node) -> str:
    """How people call a node: by its name, else by its number."""
    return node.name or f"node {node.nodeid}"


def _named(snapshot: Snapshot, nodeid: NodeId) -> str:
    node = snapshot.node(nodeid)
    return label(node) if node else f"node {nodeid}"


def _number(value: int | None) -> str:
    return "none" if value is None else str(value)
