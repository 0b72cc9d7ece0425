"""How much a line matters, by the words in it. The words stay in the line: a colour is never the only sign."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

BAD_WORDS: Final = re.compile(r"\b(error|err|crit(ical)?|alert|emerg|fatal|panic|fail(ed|ure)?)\b", re.IGNORECASE)
WARN_WORDS: Final = re.compile(r"\b(warn(ing)?|retransmit|timeout|timed out)\b", re.IGNORECASE)


class Weight(Enum):
    """How much a line matters; the value is the letter that says so where there are no colours."""

    BAD = "E"
    WARN = "W"
    NORMAL = " "


def weigh(text: str, bad: re.Pattern[str] = BAD_WORDS, warn: re.Pattern[str] = WARN_WORDS) -> Weight:
    """By the first of the two that is found in it."""
    if bad.search(text):
        return Weight.BAD
    return Weight.WARN if warn.search(text) else Weight.NORMAL
