"""Who made a configuration file, and what they changed: the text that travels with the file, and its parts.

Written by the daemon that accepted the change, so that the log of every node names the same person. The claimed parts
come last and cannot pass for the others: no part can contain what separates them.
"""

from __future__ import annotations

from typing import NamedTuple

from coroctl.conf.plain import plain

PART = 200
"""Letters of one part; what is longer is cut."""
_SEPARATOR = "\t"


class Author(NamedTuple):
    """Empty: not known."""

    what: str = ""
    who: str = ""
    """As the kernel of the node that accepted it knows them, or the node that did it by itself."""
    request: str = ""
    """The request's id, as its sender chose it."""
    origin: str = ""
    """As they claim."""

    @property
    def text(self) -> str:
        """All of it, for `read`; at most four parts long."""
        return _SEPARATOR.join(plain(part)[:PART] for part in self)

    def __str__(self) -> str:
        """For people."""
        named = (("by", self.who), ("request", self.request), ("from", self.origin))
        return ", ".join(filter(None, (self.what, *(f"{word} {part}" for word, part in named if part))))


TEXT_MAX = len(Author._fields) * (PART + 1)


def read(text: str) -> Author:
    """The author of such a text; of any other one that is all that is known: what it says."""
    parts = text.split(_SEPARATOR)
    return Author(*parts) if len(parts) == len(Author._fields) else Author(text)
