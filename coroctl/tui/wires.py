"""From a snapshot to the matrix of who hears whom and the table of links. Pure."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

from coroctl.alarms.hearing import Parted, Rift, ears, parted
from coroctl.alarms.links import described
from coroctl.model import NodeStatus
from coroctl.sources.changes import label
from coroctl_widgets import Align, Cell, Column, Matrix, Note, Row, Spot, Tone, spark

if TYPE_CHECKING:
    from coroctl.alarms.hearing import Ears
    from coroctl.alarms.memory import Memory
    from coroctl.model import Link, Node, NodeId, Snapshot

COOLEST_US, HOTTEST_US = 100, 100_000
"""The ends of the ramp, on a logarithmic scale: a switch between the two, and a link over half a continent."""
COURSE = 16
"""Samples of latency in the table, a second each."""
FLAT_US = 1000
"""A bar is full at this latency, or at the largest: so what hardly changes lies low."""

COLUMNS = (
    Column("to", "To", 8, grow=1, most=24),
    Column("link", "Link", 4, Align.RIGHT),
    Column("state", "State", 11),
    Column("latency", "Latency", 9, Align.RIGHT),
    Column("course", f"Last {COURSE} s", COURSE, drop=3),
    Column("mtu", "Mtu", 5, Align.RIGHT, drop=2),
    Column("ups", "Ups", 4, Align.RIGHT, drop=1),
    Column("downs", "Downs", 5, Align.RIGHT, drop=1),
    Column("path", "From and to", 26, grow=3, drop=4),
)


def matrix(snapshot: Snapshot) -> Matrix:
    """A row for each hearer, a column for each node that is heard."""
    told = ears(snapshot)
    rifts = {pair: one for one in parted(snapshot) for pair in ((one.deaf, one.silent), (one.silent, one.deaf))}
    names = tuple(label(node) + ("*" if node.nodeid == snapshot.local else "") for node in snapshot.nodes)
    rows = (
        tuple(_spot(snapshot, ear, voice, told, rifts.get((ear.nodeid, voice.nodeid))) for voice in snapshot.nodes)
        for ear in snapshot.nodes
    )
    return Matrix(names, tuple(rows))


def _spot(snapshot: Snapshot, ear: Node, voice: Node, told: Ears, rift: Parted | None) -> Spot:
    if ear.nodeid == voice.nodeid:
        return Spot("-", Tone.DIM)
    if rift is not None:
        return _rift(ear, rift)
    if ear.nodeid == snapshot.local and voice.links:
        return _measured(voice, told, ear.nodeid)
    if ear.nodeid in told:
        return Spot("ok", Tone.GOOD) if voice.nodeid in told[ear.nodeid] else Spot("no", _missed(voice))
    return Spot("?", Tone.DIM)


def _missed(voice: Node) -> Tone:
    return Tone.WARN if voice.status is NodeStatus.JOINED else Tone.DIM


def _rift(ear: Node, rift: Parted) -> Spot:
    """The half of a pair that works is marked, too: it is where people look first."""
    if rift.rift is Rift.BOTH:
        return Spot("CUT", Tone.BAD)
    if rift.deaf == ear.nodeid:
        return Spot("DEAF", Tone.BAD)
    return Spot("ok!", Tone.WARN) if rift.rift is Rift.ONE_WAY else Spot("?", Tone.WARN)


def _measured(voice: Node, told: Ears, local: NodeId) -> Spot:
    """This node's links, by the fastest that works; heartbeats that do not arrive count for more than a link."""
    up = [link for link in voice.links if link.connected]
    if not up:
        return Spot("DOWN", Tone.BAD if voice.status is NodeStatus.JOINED else Tone.DIM)
    mark = "!" if len(up) < len(voice.links) or (local in told and voice.nodeid not in told[local]) else ""
    known = [link.latency_us for link in up if link.latency_us is not None]
    tone = Tone.WARN if mark else Tone.NORMAL
    if not known:
        return Spot(f"up{mark}", tone)
    return Spot(f"{milliseconds(min(known))}{mark}", tone, heat(min(known)))


def heat(latency_us: int) -> float:
    """0 to 1."""
    share = log10(max(latency_us, COOLEST_US) / COOLEST_US) / log10(HOTTEST_US / COOLEST_US)
    return min(share, 1.0)


def milliseconds(latency_us: int) -> str:
    """In four characters at most, while it takes less than ten seconds; two digits that count."""
    value = latency_us / 1000
    return f"{value:.2f}" if value < 0.995 else f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def findings(snapshot: Snapshot) -> tuple[Note, ...]:
    """What is wrong in the matrix, and what is not known of it."""
    found = [Note(described(snapshot, one), Tone.BAD) for one in parted(snapshot)]
    found += [Note(f"links: {gap.reason}", Tone.WARN) for gap in snapshot.gaps if gap.what == "links"]
    told = ears(snapshot)
    joined = [node for node in snapshot.nodes if node.status is NodeStatus.JOINED]
    silent = [label(node) for node in joined if node.nodeid not in told]
    if silent and len(silent) >= len(joined):
        found.append(Note("only this node's own view is known: what others hear, a corolistener would tell", Tone.WARN))
    elif silent:
        found.append(Note(f"what {', '.join(silent)} hear{'s' * (len(silent) == 1)} is not known here", Tone.WARN))
    return tuple(found)


def legend(snapshot: Snapshot) -> tuple[Note, ...]:
    """How the matrix is read."""
    lines = ["a row hears a column; numbers: this node's latency in ms, · is cool, █ is hot"]
    if ears(snapshot):
        lines.append("ok: heartbeats arrive  DEAF: they do not  CUT: neither way  !: not all is well")
    return tuple(Note(line, Tone.DIM) for line in lines)


def rows(nodes: tuple[Node, ...], memory: Memory) -> list[Row]:
    """A row for each link to those nodes."""
    return [_row(node, link, memory) for node in nodes for link in node.links]


def _row(node: Node, link: Link, memory: Memory) -> Row:
    state = ("● connected", Tone.GOOD) if link.connected else ("○ DOWN", Tone.BAD)
    if not link.enabled:
        state = ("- disabled", Tone.DIM)
    latency = "-" if link.latency_us is None or not link.connected else f"{milliseconds(link.latency_us)} ms"
    cells = (
        Cell(label(node)),
        Cell(str(link.number)),
        Cell(*state),
        Cell(latency, rank=None if latency == "-" else link.latency_us),
        Cell(course(memory.latencies((node.nodeid, link.number)), COURSE)),
        Cell("-" if link.mtu is None else str(link.mtu)),
        Cell("-" if link.ups is None else str(link.ups)),
        Cell("-" if link.downs is None else str(link.downs)),
        Cell(f"{link.local or '?'} > {link.remote or '?'}"),
    )
    return Row(f"{node.nodeid}.{link.number}", cells)


def course(latencies: tuple[int | None, ...], width: int) -> str:
    """The last of them as bars."""
    top = max([FLAT_US, *(one for one in latencies[-width:] if one is not None)])
    return spark(latencies, width, top)


def no_links(snapshot: Snapshot) -> str:
    """Why the table is empty."""
    gaps = [gap.reason for gap in snapshot.gaps if gap.what == "links"]
    return gaps[0] if gaps else snapshot.reason or "this node has no links to others"
