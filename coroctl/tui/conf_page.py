"""From the configuration file and a snapshot to what the screen of the configuration shows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.alarms.cluster import current_version
from coroctl.conf.finding import Severity
from coroctl.conf.scan import Kind
from coroctl.model import NodeStatus
from coroctl.sources.changes import label
from coroctl_widgets import Align, Cell, Column, Note, Numbered, Row, Span, Tone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coroctl.conf.finding import Finding
    from coroctl.conf.scan import Line
    from coroctl.model import Configuration, Node, Snapshot
    from coroctl.sources.reading import Reading

DIGITS = 12
"""Of a hash: as many as `coroctl conf history` shows."""
COLUMNS = (
    Column("name", "Node", 10),
    Column("version", "Loaded", 7, Align.RIGHT),
    Column("sha256", "Sha256", DIGITS, drop=1),
    Column("says", "Beside the file below", 24, grow=1),
)


def rows(snapshot: Snapshot) -> list[Row]:
    """What each node has loaded, beside this node's file."""
    most = current_version(snapshot)
    return [_row(node, snapshot, most) for node in snapshot.nodes]


def _row(node: Node, snapshot: Snapshot, most: int | None) -> Row:
    version = node.config_version
    cells = (
        Cell(label(node) + ("*" if node.nodeid == snapshot.local else "")),
        Cell("-" if version is None else f"v{version}"),
        Cell(node.config_sha256[:DIGITS] or "-"),
        _verdict(node, snapshot.configuration, most),
    )
    return Row(str(node.nodeid), cells)


def _verdict(node: Node, file: Configuration | None, most: int | None) -> Cell:
    version = node.config_version
    if version is None:
        return Cell("not known here" if node.status is NodeStatus.JOINED else "not heard", Tone.DIM)
    beside, tone = _beside(node, version, file)
    stale = node.current is False or (node.current is None and version != most)
    if stale and node.status is NodeStatus.JOINED:
        return Cell(f"STALE: {beside}", Tone.WARN)
    return Cell(beside, tone)


def _beside(node: Node, version: int, file: Configuration | None) -> tuple[str, Tone]:
    """The node's loaded configuration compared with the file, by content where that is told."""
    if file is None or file.version is None:
        return "this node's file is not known", Tone.DIM
    if version != file.version:
        return f"{'older' if version < file.version else 'newer'} than this file", Tone.WARN
    if not node.config_sha256:
        return "the same version; contents are not compared", Tone.NORMAL
    if node.config_sha256 != file.sha256:
        return "DIFFERS: another file of the same version", Tone.WARN
    return "the same file", Tone.GOOD


def summary(snapshot: Snapshot, reading: Reading | None) -> tuple[Note, ...]:
    """Which file, what is wrong with it, and what is not told."""
    known = snapshot.configuration
    if known is None:
        return (Note("this source has no configuration file", Tone.DIM),)
    version = f"version {known.version}, " if known.version is not None else ""
    sha256 = known.sha256 or (reading.sha256 if reading else "")
    found = [Note(f"{known.file}: {version}{_judged(reading)}" + f", sha256 {sha256[:DIGITS]}" * bool(sha256))]
    if known.version is not None and known.loaded_version not in (None, known.version):
        found.append(Note(f"NOT LOADED: corosync here has version {known.loaded_version}", Tone.WARN))
    if not any(node.config_sha256 for node in snapshot.nodes):
        found.append(Note("only versions are compared: contents are told by corolistener", Tone.DIM))
    return tuple(found)


def _judged(reading: Reading | None) -> str:
    if reading is None:
        return "being read"
    if reading.reason:
        return "NOT READABLE"
    errors = sum(one.severity is Severity.ERROR for one in reading.findings)
    return f"{_count(errors, 'error')}, {_count(len(reading.findings) - errors, 'warning')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}" if number else f"no {word}s"


def lines(reading: Reading) -> list[Numbered]:
    """The file, with what lint found under the lines; what concerns all of it comes first."""
    found: dict[int, list[Note]] = {}
    for one in reading.findings:
        found.setdefault(one.line, []).append(_note(one))
    whole = [Numbered(0, notes=tuple(found[0]))] if 0 in found else []
    return whole + [Numbered(number, spans, tuple(found.get(number, ()))) for number, spans in _numbered(reading.lines)]


def _numbered(scanned: Sequence[Line]) -> list[tuple[int, tuple[Span, ...]]]:
    """A line that corosync would read in two parts is one here."""
    shown: dict[int, tuple[Span, ...]] = {}
    for line in scanned:
        shown[line.number] = shown.get(line.number, ()) + _spans(line)
    return list(shown.items())


def _spans(line: Line) -> tuple[Span, ...]:
    raw = line.raw.rstrip(b"\r\n")
    text = raw.decode("utf-8", "replace")
    match line.kind:
        case Kind.IGNORED:
            return (Span(text, Tone.DIM),)
        case Kind.OPEN:
            before, brace, after = text.partition("{")
            return (Span(before, strong=True), Span(brace + after))
        case Kind.ITEM:
            name = raw[: line.start].decode("utf-8", "replace")
            key, colon, blanks = name.rpartition(":")
            return (Span(key, name=True), Span(colon + blanks + raw[line.start :].decode("utf-8", "replace")))
        case Kind.BAD:
            return (Span(text, Tone.BAD),)
        case _:
            return (Span(text),)


def _note(finding: Finding) -> Note:
    hint = f" ({finding.hint})" if finding.hint else ""
    tone = Tone.BAD if finding.severity is Severity.ERROR else Tone.WARN
    return Note(f"{finding.severity.value}: {finding.message}{hint}", tone)
