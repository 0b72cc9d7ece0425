"""P8 from the nodes' own logs: terms of successive masters strictly rise, and no tenure occurs twice. Pure.

A line is ``time level node term event key=value ...``; a lease begins with the event ``lease``.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

EVENT = "lease"


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
        Lease(datetime.fromisoformat(row[0]), row[2], int(row[3]))
        for row in rows
        if len(row) >= 5 and row[4] == EVENT and row[3].isdigit()
    )


def violations(told: Iterable[Lease]) -> tuple[str, ...]:
    """What is wrong with the leases of all nodes: one line each."""
    ordered = sorted(told)
    return tuple(f"P8: {later} follows {earlier}" for earlier, later in pairwise(ordered) if later.term <= earlier.term)
