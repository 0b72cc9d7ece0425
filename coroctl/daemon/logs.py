"""Which lines of which log somebody wants: checked, as JSON between client, daemons and the process that reads.

Knows no file: which path a name stands for is the wiring's affair.
"""

from __future__ import annotations

from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_LINES = 10_000
GREP_CHARS = 256
MOST_CONTEXT = 100
MOST_S = 1e11
"""Seconds since 1970, or before."""


class LogName(Enum):
    """The logs that are told; nobody can ask for another file."""

    COROLISTENER = "corolistener.log"
    COROSYNC = "corosync.log"


class LogError(CoroctlError):
    """What was asked for makes no sense, in words that go on after "the argument"."""


class LogWanted(NamedTuple):
    """The newest lines of a log that are wanted, and maybe what comes from then on."""

    name: LogName
    lines: int = MOST_LINES
    """At most so many; with `grep`, matches."""
    since: float | None = None
    """Only from then on, seconds since 1970."""
    grep: str | None = None
    """A regular expression; whether it is one, the process that uses it finds out."""
    invert: bool = False
    """Lines without it."""
    context: int = 0
    """Lines around each match."""
    follow: bool = False


def log_wanted(row: Mapping[str, Any]) -> LogWanted:
    """What a JSON object asks for; what it leaves out has its default. LogError names what makes no sense."""
    try:
        name = LogName(row.get("name"))
    except ValueError:
        raise LogError(f"name must be one of {', '.join(one.value for one in LogName)}") from None
    return LogWanted(
        name,
        _count(row, "lines", MOST_LINES, MOST_LINES),
        _moment(row.get("since")),
        _text(row.get("grep")),
        _flag(row, "invert"),
        _count(row, "context", MOST_CONTEXT, 0),
        _flag(row, "follow"),
    )


def as_row(wanted: LogWanted) -> dict[str, Any]:
    """See `log_wanted`."""
    return {**wanted._asdict(), "name": wanted.name.value}


def _count(row: Mapping[str, Any], key: str, most: int, default: int) -> int:
    value = row.get(key)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise LogError(f"{key} must be a whole number from 0 to {most}")
    return value


def _moment(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value) or abs(value) > MOST_S:
        raise LogError("since must be seconds since 1970")
    return float(value)


def _text(value: object) -> str | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= GREP_CHARS and value.isprintable()):
        return value
    raise LogError(f"grep must be a regular expression of at most {GREP_CHARS} printable characters")


def _flag(row: Mapping[str, Any], key: str) -> bool:
    value = row.get(key, False)
    if not isinstance(value, bool):
        raise LogError(f"{key} must be true or false")
    return value
