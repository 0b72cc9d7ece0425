"""Lines of several nodes' logs as one, by time. Pure.

Each node's lines keep their order, and a line without a time stays with the one before it. Of two lines with the same
time that of the node named first comes first. Times are taken as they are: whose clock is wrong, nobody knows.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from coroctl.model import NodeId


class Told(NamedTuple):
    """A line of a node's log."""

    node: NodeId
    text: str | None
    """None: lines are left out here."""


class _Waiting(NamedTuple):
    key: float
    came: float
    text: str | None


class Merger:
    """Takes lines as they come, and gives them in the order of their times."""

    def __init__(self, nodes: Sequence[NodeId]) -> None:
        self._lines: dict[NodeId, deque[_Waiting]] = {node: deque() for node in nodes}
        self._keys = dict.fromkeys(nodes, float("-inf"))

    def take(self, node: NodeId, lines: Iterable[tuple[float | None, str | None]], now: float) -> None:
        """A node's next lines, each with its time if it has one. `now`: any clock that does not jump."""
        for at, text in lines:
            if at is not None:
                self._keys[node] = at
            self._lines[node].append(_Waiting(self._keys[node], now, text))

    def ready(self, before: float) -> Iterable[Told]:
        """Lines of which none came later than that moment: until then an earlier one might still have come."""
        while (first := self._first()) is not None:
            node, line = first
            if line.came > before:
                return
            self._lines[node].popleft()
            yield Told(node, line.text)

    def _first(self) -> tuple[NodeId, _Waiting] | None:
        heads = ((node, lines[0]) for node, lines in self._lines.items() if lines)
        return min(heads, key=lambda head: head[1].key, default=None)
