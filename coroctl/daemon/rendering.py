"""From what happened to a line that an operator reads at 3 a.m.: levels, words, and the log's format.

Pure. Knows the core's words, and neither database nor file.
"""

from __future__ import annotations

import json
import time
from enum import Enum
from typing import NamedTuple, assert_never

from coroctl.decision.actions import Event, Log, Step, Warn
from coroctl.decision.values import Identity, Reason, Staged, Tenure

Value = str | int | float
Details = dict[str, Value]
MOST_TEXT = 512
"""Letters of one value; what is longer is cut, so that no line and no row grows without bound."""


class Level(Enum):
    """How urgent a line is; the value is syslog's number, as journald wants it before a line."""

    INFO = 6
    NOTICE = 5
    WARNING = 4
    ALERT = 1


class Entry(NamedTuple):
    """What a line says, before it has a time and a node."""

    level: Level
    name: str
    term: int
    details: Details


class Row(NamedTuple):
    """One event of this node as it is kept, streamed and written."""

    id: int
    """Rises; the place to go on from."""
    time_us: int
    """Wall clock, microseconds since 1970. It may jump; `id` and `boot_us` do not."""
    boot_us: int
    """CLOCK_BOOTTIME of this node."""
    node: str
    term: int
    level: Level
    event: str
    details: Details
    actor: str | None = None
    """Who asked for it, as the daemon that accepted the request knows; None if nobody did."""
    origin: str | None = None
    """From where they asked, as they claim."""


def describe(action: Log | Warn, term: int = 0) -> Entry:
    """The core's line or alarm in words. An alarm has no term of its own: it gets the one given."""
    if isinstance(action, Warn):
        details: Details = {"what": alarm_name(action.alarm), "text": action.alarm.value}
        if action.detail:
            details["detail"] = action.detail
        return Entry(Level.ALERT, "alarm", term, details)
    details = _details(action)
    if action.took_us:
        details["took_ms"] = round(action.took_us / 1000, 1)
    return Entry(_level(action), action.event.value, action.term, details)


def alarm_name(alarm: Enum) -> str:
    """One word."""
    return alarm.name.lower().replace("_", "-")


def line(row: Row) -> str:
    """`time level node term event key=value ...`: one line of printable text, without its end."""
    return f"{_clock(row.time_us)} {row.level.name.lower()} {brief(row)}"


def brief(row: Row) -> str:
    """The line without time and level, for a reader that has its own."""
    words = [token(row.node), str(row.term), token(row.event)]
    words += [f"{key}={token(str(value))}" for key, value in row.details.items()]
    words += [f"{key}={token(value)}" for key, value in (("actor", row.actor), ("origin", row.origin)) if value]
    return " ".join(words)


def token(text: str) -> str:
    """The text as it is if that is one printable word; else as a JSON string with everything unprintable escaped."""
    if text and text.isprintable() and not any(letter in ' "\\=' for letter in text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in quoted)


def bounded(text: str) -> str:
    """The text as UTF-8 can hold it (names of files may have other bytes), cut if it is too long."""
    held = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return held if len(held) <= MOST_TEXT else f"{held[: MOST_TEXT - 1]}…"


def _clock(time_us: int) -> str:
    """ISO 8601, local, with milliseconds and offset. Any 64-bit time: the wall clock may stand anywhere."""
    seconds, rest = divmod(time_us, 1_000_000)
    local = time.localtime(seconds)
    offset = time.strftime("%z", local)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{rest // 1000:03}{offset[:3]}:{offset[3:5]}"


def _level(action: Log) -> Level:
    match action.event:
        case Event.GRANTED | Event.GIVEN_UP | Event.STEP | Event.STAGED | Event.PROPOSED:
            return Level.INFO
        case (
            Event.INCARNATION
            | Event.CLAIMED
            | Event.LEASE
            | Event.RENEWED_AFTER_RESTART
            | Event.MASTER
            | Event.COORDINATOR
            | Event.SLAVE
            | Event.HAND_OVER
            | Event.CONFIGURATION
            | Event.COMMITTED
            | Event.BOTH_LISTS
            | Event.ONE_LIST
        ):
            return Level.NOTICE
        case Event.CLAIM_FAILED | Event.STEP_FAILED | Event.WITHDRAWN:
            return Level.WARNING
        case Event.SUSPENDED:
            return Level.NOTICE if action.detail is Reason.SUSPENDED else Level.WARNING
        case Event.LEASE_LOST:
            return Level.ALERT
        case _:
            assert_never(action.event)


def _details(action: Log) -> Details:
    match action.detail:
        case None:
            return {}
        case Tenure() as tenure:
            return {"tenure": str(tenure)}
        case Identity() as identity:
            return {"configuration": str(identity)}
        case Staged(ballot, identity):
            return {
                "ballot": f"{ballot.term}.{ballot.life}.{ballot.number}",
                "configuration": "nothing" if identity is None else str(identity),
            }
        case Step() as step:
            return {"step": step.value}
        case Reason() as reason:
            return {"reason": reason.value}
        case value:
            return {_KEYS.get(action.event, "detail"): value}


_KEYS = {
    Event.INCARNATION: "life",
    Event.LEASE: "state",
    Event.LEASE_LOST: "why",
    Event.HAND_OVER: "to",
}
"""What a bare number or text means."""
