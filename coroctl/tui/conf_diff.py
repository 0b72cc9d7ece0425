"""From two configuration files to what the screen of their differences shows. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from coroctl.conf.diff import diff, unified
from coroctl.conf.document import Document
from coroctl.errors import ConfigError
from coroctl_widgets import Note, Numbered, Span, Tone

if TYPE_CHECKING:
    from collections.abc import Iterator

_HUNK: Final = re.compile(r"@@ -(\d+)\S* \+(\d+)\S* @@")
_HEAD: Final = 2
"""Lines of a unified diff that name the two files."""


class Side(NamedTuple):
    """One of the two files."""

    name: str
    """Whose, and which."""
    data: bytes


class Compared(NamedTuple):
    """The differences."""

    notes: tuple[Note, ...]
    lines: tuple[Numbered, ...] = ()


def compared(before: Side, after: Side) -> Compared:
    """What `after` has that `before` has not (+), and the other way round (-)."""
    if before.data == after.data:
        same = Note("the two files are the same, byte for byte", Tone.GOOD)
        return Compared((same, Note(before.name, Tone.DIM), Note(after.name, Tone.DIM)))
    names = Note(f"- {before.name}", Tone.BAD), Note(f"+ {after.name}", Tone.GOOD)
    found = unified(before.data, after.data, before.name, after.name)[_HEAD:]
    return Compared((*names, _settings(before, after)), tuple(_numbered(found)))


def _settings(before: Side, after: Side) -> Note:
    """In a line, how much of it matters to corosync and to us."""
    try:
        changes = diff(Document.parse(before.data, before.name), Document.parse(after.data, after.name)).changes
    except ConfigError as error:
        return Note(f"settings cannot be compared: {error}", Tone.WARN)
    if not changes:
        return Note("no setting differs, only comments, order or layout", Tone.DIM)
    count = f"{len(changes)} setting{'s' * (len(changes) > 1)} differ{'s' * (len(changes) == 1)}"
    return Note(f"{count}: {', '.join(change.key for change in changes)}")


def _numbered(lines: tuple[str, ...]) -> Iterator[Numbered]:
    """Each line under its number in the file that it stands in; in both: in the first. Parts begin with a remark."""
    old = new = 0
    for line in lines:
        hunk = _HUNK.match(line)
        if hunk is not None:
            old, new = int(hunk[1]), int(hunk[2])
            yield Numbered(0, notes=(Note(f"from line {old} on", Tone.DIM),))
        elif line.startswith("-"):
            yield Numbered(old, (Span(line, Tone.BAD),))
            old += 1
        elif line.startswith("+"):
            yield Numbered(new, (Span(line, Tone.GOOD),))
            new += 1
        else:
            yield Numbered(old, (Span(line),))
            old, new = old + 1, new + 1
