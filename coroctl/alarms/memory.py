"""What who watches remembers of the links, as one snapshot cannot show it: failures, and how latency went.

The only part of the alarms that keeps anything; times are the caller's, any clock that does not jump.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.alarms.links import Wire
    from coroctl.model import Snapshot

FLAP_S: Final = 600.0
SAMPLE_S: Final = 1.0
SAMPLES: Final = 60
"""Latencies that are kept of each link."""


class Memory:
    """Of every link from this node."""

    def __init__(self) -> None:
        self._downs: dict[Wire, int] = {}
        self._failures: dict[Wire, deque[float]] = {}
        self._latencies: dict[Wire, deque[int | None]] = {}
        self._sampled = float("-inf")

    def take(self, snapshot: Snapshot, at: float) -> None:
        """Remember it; samples of latencies are at least a second apart."""
        links = {(node.nodeid, link.number): link for node in snapshot.nodes for link in node.links}
        sample = at - self._sampled >= SAMPLE_S and bool(links)
        for wire, link in links.items():
            if link.downs is not None:
                self._count(wire, link.downs, at)
            if sample:
                latency = link.latency_us if link.connected else None
                self._latencies.setdefault(wire, deque(maxlen=SAMPLES)).append(latency)
        if sample:
            self._sampled = at

    def _count(self, wire: Wire, downs: int, at: float) -> None:
        """A counter that is lower than before belongs to another life of corosync."""
        more = downs - self._downs.get(wire, downs)
        self._downs[wire] = downs
        failures = self._failures.setdefault(wire, deque(maxlen=100))
        failures.extend([at] * min(max(more, 0), 100))
        while failures and at - failures[0] > FLAP_S:
            failures.popleft()

    def flaps(self) -> Mapping[Wire, int]:
        """How often each link has failed in the last 10 minutes, as far as it was watched."""
        return {wire: len(failures) for wire, failures in self._failures.items() if failures}

    def latencies(self, wire: Wire) -> tuple[int | None, ...]:
        """The last ones, the oldest first, microseconds; None while the link was down."""
        return tuple(self._latencies.get(wire, ()))
