"""Alarms as lines: short ones beside other things, and whole ones with what to do. Pure."""

from __future__ import annotations

from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING

from coroctl.alarms import Severity
from coroctl_widgets import Note, Tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coroctl.alarms import Alarm

MARGIN = 4
"""Cells left and right of a line."""


def brief(alarm: Alarm) -> Note:
    """How bad, why, and what to do, in one line: its end is for those who have a wide screen."""
    head = _head(alarm)
    return head._replace(text=f"{head.text} > {alarm.todo}")


def whole(alarms: Iterable[Alarm], width: int) -> tuple[Note, ...]:
    """Every word of them, in lines of that width."""
    return tuple(line for alarm in alarms for line in _lines(alarm, max(width - MARGIN, 20)))


def _lines(alarm: Alarm, width: int) -> Iterable[Note]:
    head = _head(alarm)
    yield from (head._replace(text=line) for line in _wrap(head.text, width, subsequent_indent="  "))
    todo = _wrap(f"to do: {alarm.todo}", width, initial_indent="  ", subsequent_indent="    ")
    yield from (Note(line, Tone.DIM) for line in todo)


_wrap = partial(wrap, break_on_hyphens=False)
"""A command that stands in it is copied as a whole."""


def _head(alarm: Alarm) -> Note:
    critical = alarm.severity is Severity.CRITICAL
    return Note(f"{'ALARM' if critical else 'warning'}: {alarm.text}", Tone.BAD if critical else Tone.WARN)


def some(alarms: Sequence[Alarm], most: int, key: str) -> tuple[Note, ...]:
    """The first of them, so many lines at most; the last line says how many more there are, and the key for all."""
    if len(alarms) <= most:
        return tuple(brief(alarm) for alarm in alarms)
    if most == 1:
        head = _head(alarms[0])
        word, _, text = head.text.partition(":")
        return (head._replace(text=f"{word} (and {len(alarms) - 1} more: key {key}):{text}"),)
    rest = len(alarms) - most + 1
    return (*(brief(alarm) for alarm in alarms[: most - 1]), Note(f"and {rest} more: key {key}", Tone.WARN))
