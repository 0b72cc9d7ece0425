"""What who watches remembers, as one snapshot cannot show it: failures of links, and how latency and load went.

The only part of the alarms that keeps anything; times are the caller's, any clock that does not jump.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.alarms.links import Wire
    from coroctl.model import NodeId, Snapshot

FLAP_S: Final = 600.0
SAMPLE_S: Final = 1.0
LOAD_S: Final = 5.0
"""Corolisteners tell loads so often."""
SAMPLES: Final = 60
"""Latencies that are kept of each link, and loads of each node."""


class Memory:
    """Of every link from this node, and of every node."""

    def __init__(self) -> None:
        self._downs: dict[Wire, int] = {}
        self._failures: dict[Wire, deque[float]] = {}
        self._latencies: dict[Wire, deque[int | None]] = {}
        self._loads: dict[NodeId, deque[float | None]] = {}
        self._sampled = self._loads_sampled = float("-inf")

    def take(self, snapshot: Snapshot, at: float) -> None:
        """Remember it; samples are at least SAMPLE_S or LOAD_S apart."""
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
        self._take_loads(snapshot, at)

    def _take_loads(self, snapshot: Snapshot, at: float) -> None:
        if at - self._loads_sampled < LOAD_S or not any(node.load for node in snapshot.nodes):
            return
        self._loads_sampled = at
        for node in snapshot.nodes:
            if node.load or node.nodeid in self._loads:
                loads = self._loads.setdefault(node.nodeid, deque(maxlen=SAMPLES))
                loads.append(node.load.average if node.load else None)

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

    def loads(self, node: NodeId) -> tuple[float | None, ...]:
        """The last ones, the oldest first; None while it was not told."""
        return tuple(self._loads.get(node, ()))
