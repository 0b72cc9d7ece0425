"""From a snapshot to what widgets show: pure, and the only place that knows both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coroctl.alarms.cluster import current_version
from coroctl.model import Availability, NodeStatus, Role
from coroctl.sources.changes import Level as ChangeLevel
from coroctl.sources.changes import label
from coroctl.tui import wires
from coroctl.tui.alarm_notes import some
from coroctl_widgets import Align, Cell, Column, Event, Gauge, Level, Note, Row, Title, Tone, spark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coroctl.alarms import Alarm
    from coroctl.alarms.memory import Memory
    from coroctl.model import Mastership, Node, NodeId, Snapshot
    from coroctl.sources.changes import Change

FRESH_S = 2.5
"""Younger than this is "now": the links are asked once a second, and a second more is nobody's concern."""

COURSE = 8
"""Samples of latency beside the number."""
LATENCY = len("0.12 ms ") + COURSE

LOAD = len("10.2! ") + COURSE
BUSY = 1.8
"""Processes a processor that are worth a mark."""

MOST_WRONG = 3
"""Lines of alarms and warnings on the usual terminal: the nodes are to stay in sight."""
LEAST_HEIGHT = 24
"""Of that terminal; each fourth line more, or less, shows one alarm more, or less."""

_STATUS = {
    NodeStatus.JOINED: ("● joined", Tone.GOOD),
    NodeStatus.LEFT: ("○ left", Tone.BAD),
    NodeStatus.ABSENT: ("- absent", Tone.WARN),
    NodeStatus.UNKNOWN: ("? unknown", Tone.DIM),
}
_ROLE = {
    None: Cell("-", Tone.DIM),
    Role.MASTER: Cell("M", Tone.GOOD),
    Role.SLAVE: Cell("S"),
    Role.SUSPENDED: Cell("suspended", Tone.WARN),
}
_LEVEL = {
    ChangeLevel.INFO: Level.INFO,
    ChangeLevel.GOOD: Level.OK,
    ChangeLevel.WARNING: Level.WARN,
    ChangeLevel.BAD: Level.ERROR,
}


def columns(snapshot: Snapshot | None) -> tuple[Column, ...]:
    """The node table's columns; ids and addresses get the room that they need."""
    nodes = snapshot.nodes if snapshot else ()
    ids = max([3, *(len(str(node.nodeid)) for node in nodes)])
    addresses = min(max([10, *(len(node.address) for node in nodes)]), 39)
    names = max([16, *(len(node.name) + len("*") for node in nodes)])
    load = LOAD if any(node.load for node in nodes) else 0
    return (
        Column("id", "Id", ids, Align.RIGHT),
        Column("name", "Name", 8, grow=1, most=names),
        Column("ip", "Ip", addresses, drop=2),
        Column("status", "Status", 9),
        Column("role", "M/S", 9),
        Column("prio", "Prio", 5, Align.RIGHT, drop=1),
        Column("votes", "Votes", 5, Align.RIGHT, drop=5),
        Column("links", "Links", 6, Align.RIGHT, drop=3),
        Column("latency", "Latency", LATENCY, drop=6),
        Column("load", "Load", load, drop=7),
        Column("config", "Config", 8, Align.RIGHT, drop=4),
    )


def rows(snapshot: Snapshot, memory: Memory | None = None) -> list[Row]:
    """A row for each node, by its nodeid; with a memory also how the latency of its fastest link went."""
    current = current_version(snapshot)
    return [_row(node, snapshot, current, memory) for node in snapshot.nodes]


def _row(node: Node, snapshot: Snapshot, current: int | None, memory: Memory | None) -> Row:
    here = "*" if node.nodeid == snapshot.local else ""
    cells = (
        Cell(str(node.nodeid)),
        Cell((node.name or f"node {node.nodeid}") + here),
        Cell(node.address or "-"),
        Cell(*_STATUS[node.status]),
        _ROLE[node.role],
        _number(node.prio),
        _number(node.votes),
        _links(node),
        _latency(node, memory),
        _load(node, memory),
        _config(node, snapshot, current),
    )
    return Row(str(node.nodeid), cells)


def _number(value: int | None) -> Cell:
    return Cell("-", Tone.DIM) if value is None else Cell(str(value))


def _links(node: Node) -> Cell:
    if not node.links:
        return Cell("-", Tone.DIM)
    up, total = sum(link.connected for link in node.links), len(node.links)
    if up == total:
        return Cell(f"{up}/{total}")
    return Cell(f"{up}/{total} !", Tone.WARN if up else Tone.BAD)


def _latency(node: Node, memory: Memory | None) -> Cell:
    """The fastest link that works."""
    known = [(link.latency_us, link.number) for link in node.links if link.connected and link.latency_us is not None]
    if not known:
        return Cell("-", Tone.DIM)
    latency_us, number = min(known)
    course = wires.course(memory.latencies((node.nodeid, number)), COURSE) if memory is not None else ""
    return Cell(f"{wires.milliseconds(latency_us):>4} ms {course}", rank=latency_us)


def _load(node: Node, memory: Memory | None) -> Cell:
    """A full bar is a process for each processor."""
    if node.load is None:
        return Cell("-", Tone.DIM)
    average, cores = node.load
    busy = average >= BUSY * cores
    past = memory.loads(node.nodeid) if memory is not None else ()
    number = f"{average:.2f}" if average < 9.995 else f"{average:.1f}" if average < 99.95 else f"{average:.0f}"
    course = spark(past, COURSE, cores)
    return Cell(f"{number:>4}{'!' if busy else ' '} {course}", Tone.WARN if busy else Tone.NORMAL, rank=average)


def _config(node: Node, snapshot: Snapshot, current: int | None) -> Cell:
    """``v7``; ``v6 old`` where others have a newer one, ``v7>8`` where this node's file is ahead of its corosync."""
    version = node.config_version
    if version is None:
        return Cell("-", Tone.DIM)
    file = snapshot.configuration.version if snapshot.configuration and node.nodeid == snapshot.local else None
    if file is not None and file != version:
        return Cell(f"v{version}>{file} !", Tone.WARN)
    if node.status is NodeStatus.JOINED and current is not None and version != current:
        return Cell(f"v{version} {'old' if version < current else 'new'}", Tone.WARN)
    return Cell(f"v{version}")


def notes(
    snapshot: Snapshot, chosen: str | None, alarms: Sequence[Alarm] = (), height: int = LEAST_HEIGHT, key: str = ""
) -> tuple[Note, ...]:
    """Who is master and why the chosen row's node is not, where a corolistener tells it; and what is wrong.

    `height`: of the terminal; `key`: what shows all alarms.
    """
    most = max(1, MOST_WRONG + (height - LEAST_HEIGHT) // 4)
    told = snapshot.mastership
    if told is None:
        return some(alarms, most, key)
    found = [_master(snapshot, told)]
    node = next((node for node in snapshot.nodes if str(node.nodeid) == chosen), None)
    found.append(Note(f"{label(node)} is not master: {node.reason}" if node and node.reason else "", Tone.DIM))
    if told.change:
        found.append(Note(f"under way: {told.change}"))
    return (*found, *some(alarms, most - bool(told.change), key))


def _master(snapshot: Snapshot, told: Mastership) -> Note:
    if told.master is None:
        held = f": {_called(snapshot, told.lease.holder)} holds the lease" if told.lease else ""
        return Note(f"NO MASTER{held}", Tone.WARN)
    since = f" since {time.strftime('%H:%M:%S', time.localtime(told.since))}" if told.since is not None else ""
    where = f", {told.address}" if told.address else ""
    term = f", term {told.lease.term}" if told.lease else ""
    return Note(f"{_called(snapshot, told.master)} is master{since}{where}{term}", Tone.GOOD)


def _called(snapshot: Snapshot, nodeid: NodeId) -> str:
    node = snapshot.node(nodeid)
    return label(node) if node else f"node {nodeid}"


def gauge(snapshot: Snapshot | None) -> Gauge:
    """The votes, the verdict, and how many nodes may still fail."""
    if snapshot is None:
        return Gauge(reason="asking corosync")
    quorum = snapshot.quorum
    if quorum is None:
        gaps = [gap.reason for gap in snapshot.gaps if gap.what == "votes"]
        return Gauge(quorate=snapshot.quorate, reason=snapshot.reason or (gaps[0] if gaps else ""))
    flags = tuple(flag for flag in quorum.flags if flag != "Quorate")
    return Gauge(quorum.present, quorum.needed, quorum.expected, snapshot.quorate, snapshot.can_lose, flags)


def title(snapshot: Snapshot | None, age: float | None, place: str = "") -> Title:
    """Who looks at what, how old it is, and the state in a word. `place`: the screen, if it is not the overview."""
    if snapshot is None:
        return Title("coroctl", state="CONNECTING", tone=Tone.DIM)
    local = snapshot.node(snapshot.local)
    state, tone = _state(snapshot)
    return Title(
        "coroctl",
        snapshot.cluster_name,
        " › ".join(filter(None, (label(local) if local else "", place))),
        snapshot.source.value,
        None if age is None else (0.0 if age < FRESH_S else float(int(age))),
        state,
        tone,
    )


def _state(snapshot: Snapshot) -> tuple[str, Tone]:
    if snapshot.availability is not Availability.ANSWERED:
        return snapshot.availability.value.upper(), Tone.BAD
    if snapshot.quorate is None:
        return "UNKNOWN", Tone.WARN
    return ("QUORATE", Tone.GOOD) if snapshot.quorate else ("NOT QUORATE", Tone.BAD)


def nothing(snapshot: Snapshot) -> str:
    """Why no node can be shown."""
    return "corosync knows no nodes" if snapshot.availability is Availability.ANSWERED else snapshot.reason


def event(change: Change, time: str) -> Event:
    """A change as the event list shows it."""
    return Event(time, _LEVEL[change.level], change.text)
