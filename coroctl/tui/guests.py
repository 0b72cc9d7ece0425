"""From the virtual machines, and a snapshot, to what the machines screen shows. Pure."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from coroctl.alarms import Kind
from coroctl.alarms.words import named
from coroctl.tui import alarm_notes
from coroctl_widgets import Align, Cell, Column, Note, Row, Tone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.model import NodeId, Snapshot
    from coroctl.sources.fleet import Fleet, Guest, Move
    from coroctl.tui.view import View

FAILURES = 2
"""Of the last nodes that failed so many are told."""
COLUMNS = (
    Column("name", "Name", 10, grow=2, most=32),
    Column("node", "Node", 8, grow=2, most=32),
    Column("state", "State", 10),
    Column("wanted", "Wanted", 7, drop=3),
    Column("prio", "Prio", 5, Align.RIGHT, drop=2),
    Column("memory", "Memory", 10, Align.RIGHT, drop=4),
    Column("move", "Last move", 20, grow=5, drop=1),
)
_STATES = {
    "running": ("● running", Tone.GOOD),
    "paused": ("‖ paused", Tone.WARN),
    "failed": ("! FAILED", Tone.BAD),
    "unknown": ("? unknown", Tone.WARN),
}
_COUNTED = {"waits": "waiting", "starts": "starting"}
"""Of one machine it is what it does, of several what they are."""


def rows(fleet: Fleet, snapshot: Snapshot) -> list[Row]:
    """A row for each, by its name."""
    return [Row(one.name, _cells(one, snapshot)) for one in fleet.guests]


def _cells(one: Guest, snapshot: Snapshot) -> tuple[Cell, ...]:
    where = _called(snapshot, one.node)
    if one.moving_to is not None:
        where = f"{where} > {_called(snapshot, one.moving_to)}"
    return (
        Cell(one.name),
        Cell(where, Tone.WARN if one.node is None and one.wanted == "running" else Tone.NORMAL),
        _state(one),
        Cell(one.wanted),
        Cell(str(one.priority)),
        Cell(f"{one.memory_mib} MiB", rank=one.memory_mib),
        _move(one, snapshot),
    )


def _state(one: Guest) -> Cell:
    """Whoever has been given it and has not said anything yet is starting it."""
    if one.wanted == "off" and one.seen in ("off", "unknown"):
        return Cell("- off", Tone.DIM)
    if one.node is None:
        return Cell("… arrives", Tone.WARN) if one.seen == "left" else Cell("! waits", Tone.BAD)
    if one.live:
        return Cell("» moves", Tone.WARN)
    if one.seen_on != one.node:
        return Cell("… starts", Tone.WARN)
    return Cell(*_STATES.get(one.seen, ("○ off", Tone.BAD)))


def _move(one: Guest, snapshot: Snapshot) -> Cell:
    move = one.last_move
    if one.failed_on and one.node is None:
        return Cell(f"failed on {', '.join(_called(snapshot, node) for node in one.failed_on)}", Tone.BAD)
    if one.stayed:
        return Cell(f"stays: {one.stayed}", Tone.WARN)
    if move is None:
        return Cell("-", Tone.DIM)
    return Cell(f"{_when(move)} {_route(snapshot, move)}: {move.why}")


def _route(snapshot: Snapshot, move: Move) -> str:
    if move.source is None:
        return f"to {_called(snapshot, move.target)}"
    if move.target is None:
        return f"from {_called(snapshot, move.source)}"
    return f"{_called(snapshot, move.source)} > {_called(snapshot, move.target)}"


def _when(move: Move) -> str:
    """So that they can be sorted by it."""
    return time.strftime("%m-%d %H:%M:%S", time.localtime(move.at))


def _called(snapshot: Snapshot, node: NodeId | None) -> str:
    return "-" if node is None else named(snapshot, node)


def notes(view: View, fleet: Fleet | None, trouble: str, width: int) -> tuple[Note, ...]:
    """What is wrong, how many there are, and who failed last."""
    wrong = (one for one in view.alarms if one.kind in (Kind.RECOVERY, Kind.MACHINES))
    found = [*alarm_notes.whole(wrong, width), *_failures(view.snapshot)]
    if trouble:
        found.append(Note(f"not known now: {trouble}", Tone.WARN))
    elif fleet is not None and not fleet.known and fleet.guests:
        found.append(Note("not as new as what the master knows", Tone.WARN))
    if fleet is not None and fleet.guests:
        counts = Counter(_COUNTED.get(said := _state(one).text[2:], said) for one in fleet.guests)
        found.append(Note(", ".join(f"{count} {state}" for state, count in counts.most_common())))
    return tuple(found)


def _failures(snapshot: Snapshot) -> Iterator[Note]:
    failures = snapshot.machinery.failures if snapshot.machinery else ()
    for one in failures[-FAILURES:]:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.at))
        yield Note(f"{named(snapshot, one.node)} failed {when}: {one.why}; machines: {one.machines}", Tone.DIM)


def nothing(fleet: Fleet | None, trouble: str) -> str:
    """Why the table is empty."""
    if trouble:
        return trouble
    return "asking corolistener ..." if fleet is None else "no machines are managed: coroctl machine adopt NAME NODE"
