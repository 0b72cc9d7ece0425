"""The time that a line begins with, times as people type them, and the place in a file where a time is reached.

Times are seconds since 1970; where a line or a person names no zone, the machine's own is meant.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from coroctl_widgets.logfile.lines import SPAN, forward, start_of

if TYPE_CHECKING:
    from coroctl_widgets.logfile.lines import Bytes

HEAD: Final = 128
"""Bytes of a line in which its time is looked for."""
SILENT: Final = 1024 * 1024
"""Bytes without any time after which a part of the file counts as late enough."""
NEAR: Final = 4 * SPAN
"""Bytes below which lines are read one by one; the middle of more than this is always a later line."""
DAY: Final = 86400.0

_DATE = r"(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)"
_CLOCK = r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<part>[.,]\d{1,9})?)?"
_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d)?"
_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_SYSLOG = rf"(?P<name>{'|'.join(_NAMES)}) +(?P<day>\d\d?)(?: (?P<year>\d{{4}}))?,? +{_CLOCK}"
_IN_LINE: Final = tuple(
    re.compile(rf"^(?:\S{{1,64}} *\| )?\W{{0,2}}(?:<\d{{1,3}}>)?{form}")
    for form in (f"{_DATE}[T ]{_CLOCK} ?{_ZONE}", _SYSLOG)
)
_TYPED: Final = tuple(
    re.compile(form, re.IGNORECASE) for form in (f"{_DATE}(?:[T ]+{_CLOCK} ?{_ZONE})?", _SYSLOG, _CLOCK)
)
_AGO: Final = re.compile(r"-?(?P<count>\d{1,6}) ?(?P<unit>s|min|m|h|d|w)(?: ago)?", re.IGNORECASE)
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}

FORMS: Final = "12:30, 2026-11-22, 2026-11-22 12:30:00, Nov 22 12:30, 15m, 2h, 3d"


def of_line(data: bytes, newest: float) -> float | None:
    """The time that a line begins with; `newest` is about the file's last, for lines that name no year."""
    text = data[:HEAD].decode("ascii", "replace")
    for form in _IN_LINE:
        if found := form.match(text):
            return _moment(found, newest)
    return None


def typed(text: str, now: float, newest: float) -> float | None:
    """A time as a person types it, one of FORMS, or None; what it leaves out is taken as of the log's `newest` line."""
    text = text.strip()
    if found := _AGO.fullmatch(text):
        return now - int(found["count"]) * _UNITS[found["unit"].lower()]
    for form in _TYPED:
        if found := form.fullmatch(text):
            return _moment(found, newest)
    return None


def _moment(found: re.Match[str], newest: float) -> float | None:
    """What a match says; what it leaves out is taken so that it is not after `newest`, by more than a little."""
    parts = found.groupdict()
    today = time.localtime(newest)
    clock = tuple(int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    if clock[0] > 23 or clock[1] > 59 or clock[2] > 60:
        return None
    part = float("0." + (parts.get("part") or ".0")[1:])
    if "day" not in parts:
        moment = _local((today.tm_year, today.tm_mon, today.tm_mday), clock)
        if moment is not None and moment > newest:
            moment = _local((today.tm_year, today.tm_mon, today.tm_mday - 1), clock)
        return None if moment is None else moment + part
    month = _NAMES.index(parts["name"].capitalize()) + 1 if parts.get("name") else int(parts["month"])
    year = int(parts.get("year") or today.tm_year)
    if not (1 <= month <= 12 and 1 <= int(parts["day"]) <= 31):
        return None
    moment = _local((year, month, int(parts["day"])), clock, parts.get("zone") or "")
    if moment is not None and not parts.get("year") and moment > newest + DAY:
        moment = _local((year - 1, month, int(parts["day"])), clock)
    return None if moment is None else moment + part


def _local(date: tuple[int, int, int], clock: tuple[int, ...], zone: str = "") -> float | None:
    hour, minute, second = clock
    try:
        if not zone:
            return time.mktime((*date, hour, minute, second, 0, 0, -1))
        utc = _days(date) * DAY + hour * 3600 + minute * 60 + second
    except (OverflowError, ValueError):
        return None
    if zone in "Zz":
        return utc
    ahead = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return utc + ahead if zone[0] == "-" else utc - ahead


def _days(date: tuple[int, int, int]) -> int:
    """Since 1970."""
    from datetime import date as calendar

    return calendar(*date).toordinal() - 719163


def place_of(file: Bytes, moment: float, newest: float) -> int:
    """The start of a line that is not before that moment and follows one that is; the file's end if all are before.

    Reads a few blocks of any file. Where time goes back there may be several such places; this is one of them.
    """
    low, high = 0, file.size
    while high - low > NEAR:
        middle = start_of(file, (low + high) // 2)
        found = _first_timed(file, middle, high, newest)
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0]
    for line in forward(file, start_of(file, low)):
        if line.start >= high + SILENT:
            break
        at = of_line(line.data, newest)
        if at is not None and at >= moment:
            return line.start
    return high


def _first_timed(file: Bytes, start: int, end: int, newest: float) -> tuple[int, float] | None:
    """The first line from a start on that has a time, and the time."""
    for line in forward(file, start):
        if line.start >= min(end, start + SILENT):
            return None
        moment = of_line(line.data, newest)
        if moment is not None:
            return line.start, moment
    return None
