"""Several nodes' logs as one text: which node each line is from, who does not tell, and what waits for its turn."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from coroctl.sources.merging import Merger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from coroctl.model import NodeId
    from coroctl.sources.gathering import Gathering, Piece

HOLD_S = 0.5
"""A line that has just come waits so long for an earlier one of another node."""
MOST = 10_000
"""Lines that a corolistener tells of a log."""


class Line(NamedTuple):
    """Of one node."""

    label: str
    """``n1 |``, all of one width; empty where there is only one node."""
    text: str | None
    """None: lines are left out here."""


class Together:
    """For one thread."""

    def __init__(self, names: Mapping[NodeId, str]) -> None:
        """What the nodes are called, in the order in which lines of the same time come."""
        width = max((len(name) for name in names.values()), default=0)
        self._labels = {node: f"{name:<{width}} |" if len(names) > 1 else "" for node, name in names.items()}
        self._names = names
        self._merger = Merger(list(names))
        self.waited = set(names)
        """Those that have not yet told all that their logs had at first."""
        self.silent: set[NodeId] = set()
        """Those that do not tell their logs now."""
        self.cut: set[NodeId] = set()
        """Those that had more than they tell."""

    def listen(self, source: Gathering, timeout_s: float) -> Iterator[str]:
        """Take what comes; what is wrong with a node, once."""
        for piece in source.wait(timeout_s):
            yield from self._take(piece)

    def all(self) -> Iterator[Line]:
        """Every line that has come."""
        return self._ready(float("inf"))

    def settled(self) -> Iterator[Line]:
        """Those that no earlier one is waited for."""
        return self._ready(time.monotonic() - HOLD_S)

    def name(self, node: NodeId) -> str:
        """What it is called."""
        return self._names[node]

    def _ready(self, before: float) -> Iterator[Line]:
        return (Line(self._labels[told.node], told.text) for told in self._merger.ready(before))

    def _take(self, piece: Piece) -> Iterator[str]:
        self._merger.take(piece.node, piece.lines, time.monotonic())
        if piece.whole:
            self.waited.discard(piece.node)
        if piece.cut:
            self.cut.add(piece.node)
        if not piece.why:
            self.silent.discard(piece.node)
        elif piece.node not in self.silent:
            self.silent.add(piece.node)
            why = piece.why.removeprefix(f"node {piece.node}: ")
            yield f"{self._names[piece.node]} does not tell its log: {why}"
