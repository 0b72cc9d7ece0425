"""The network between nodes: delay, loss, duplicates, one-way cuts. Datagrams may arrive late and in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.sim.clock import MS, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from coroctl.model import NodeId
    from coroctl.sim.clock import Timeline


class Network:
    """What carries datagrams. Cuts are counted, so that two faults on one link do not heal each other."""

    def __init__(self, timeline: Timeline, random: Random) -> None:
        self.timeline = timeline
        self.random = random
        self.cuts: dict[tuple[NodeId, NodeId], int] = {}
        self.healed_at = -SECOND
        self.loss = 0.0
        self.duplicates = 0.0
        self.late = 0.0
        """Share of datagrams that take up to `latest`."""
        self.latest = 0
        self.fastest = 150
        self.spread = 850

    def cut(self, source: NodeId, target: NodeId, *, on: bool) -> None:
        """One direction of one pair."""
        count = self.cuts.get((source, target), 0) + (1 if on else -1)
        if count > 0:
            self.cuts[source, target] = count
        else:
            self.cuts.pop((source, target), None)
            self.healed_at = self.timeline.now

    def passes(self, source: NodeId, target: NodeId) -> bool:
        """Whether that direction is whole."""
        return (source, target) not in self.cuts

    def heal(self) -> None:
        """No fault is left."""
        self.cuts.clear()
        self.loss = self.duplicates = self.late = 0.0

    def send(self, source: NodeId, target: NodeId, arrive: Callable[..., None], *args: object) -> None:
        """One datagram."""
        if (source, target) in self.cuts:
            return
        random = self.random.random
        if self.loss and random() < self.loss:
            return
        self.timeline.after(self.delay(), arrive, *args)
        if self.duplicates and random() < self.duplicates:
            self.timeline.after(self.delay() + int(random() * 200 * MS), arrive, *args)

    def delay(self) -> int:
        """How long one datagram takes."""
        random = self.random.random
        if self.late and random() < self.late:
            return int(random() * self.latest)
        return self.fastest + int(random() * self.spread)
