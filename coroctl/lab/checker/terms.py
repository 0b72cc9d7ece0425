"""P8 from the nodes' own logs: terms of successive masters strictly rise, and no tenure occurs twice. Pure.

A line is ``time level node term event key=value ...``; a lease begins with the event ``lease`` that names its tenure,
``tenure=TERM/NODEID``.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

EVENT = "lease"
_TENURE = "tenure="


class Lease(NamedTuple):
    """The beginning of a lease, as a node wrote it down."""

    time: datetime
    node: str
    term: int

    def __str__(self) -> str:
        return f"term {self.term} of {self.node} at {self.time.isoformat(timespec='milliseconds')}"


def leases(log: str) -> tuple[Lease, ...]:
    """Every lease in one node's log, in the order of its lines."""
    rows = (line.split() for line in log.splitlines())
    return tuple(
        Lease(datetime.fromisoformat(row[0]), row[2], int(word.removeprefix(_TENURE).partition("/")[0]))
        for row in rows
        if row[4:5] == [EVENT]
        for word in row[5:]
        if word.startswith(_TENURE)
    )


def violations(told: Iterable[Lease]) -> tuple[str, ...]:
    """What is wrong with the leases of all nodes: one line each."""
    ordered = sorted(told)
    return tuple(f"P8: {later} follows {earlier}" for earlier, later in pairwise(ordered) if later.term <= earlier.term)
