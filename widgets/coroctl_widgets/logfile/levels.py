"""How much a line matters: by the level that it states, else by the words in it.

The words stay in the line: a colour is never the only sign.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

BAD_WORDS: Final = re.compile(r"\b(error|err|crit(ical)?|alert|emerg|fatal|panic|fail(ed|ure)?)\b", re.IGNORECASE)
WARN_WORDS: Final = re.compile(r"\b(warn(ing)?|retransmit|timeout|timed out)\b", re.IGNORECASE)
STATED: Final = re.compile(r"(?:\S+ +\| )?\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) ([a-z]+) ")
"""``[whose |] 2026-01-31T03:12:44.001+01:00 notice ...``: whoever writes so says how much the line matters."""


class Weight(Enum):
    """How much a line matters; the value is the letter that says so where there are no colours."""

    BAD = "E"
    WARN = "W"
    NORMAL = " "


_LEVELS: Final = {
    **dict.fromkeys(("debug", "info", "notice"), Weight.NORMAL),
    **dict.fromkeys(("warn", "warning"), Weight.WARN),
    **dict.fromkeys(("err", "error", "crit", "critical", "alert", "emerg"), Weight.BAD),
}


def weigh(text: str, bad: re.Pattern[str] = BAD_WORDS, warn: re.Pattern[str] = WARN_WORDS) -> Weight:
    """By its own level, else by the first of the two that is found in it."""
    stated = STATED.match(text)
    if stated is not None and stated[1] in _LEVELS:
        return _LEVELS[stated[1]]
    if bad.search(text):
        return Weight.BAD
    return Weight.WARN if warn.search(text) else Weight.NORMAL
