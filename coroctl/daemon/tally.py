"""Counting what is dropped, and warning about it once: memory and log stay bounded, whoever sends whatever.

Knows neither sockets nor seals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.daemon.clock import now_us
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from coroctl.model import NodeId

COUNTED_MAX = 1024
"""Pairs of source and reason that are counted apart; the rest is counted under OTHERS."""
OTHERS = "others"
QUIET_US = 60_000_000
"""Once it has been well for so long, the same trouble is told again."""


class Tally:
    """How often what happened, by a node, or by an address that is no node's."""

    def __init__(self, warn: Callable[[NodeId, str], None]) -> None:
        self._warn = warn
        self._counts: dict[tuple[NodeId | str, str], int] = {}
        self._last: dict[tuple[NodeId, str], int] = {}

    def count(self, who: NodeId | str, what: str) -> None:
        """Once more."""
        key = (who, what)
        if key not in self._counts and len(self._counts) >= COUNTED_MAX:
            key = (OTHERS, what)
        self._counts[key] = self._counts.get(key, 0) + 1

    def trouble(self, who: NodeId | str, what: str, text: str) -> None:
        """Count it; warn, unless the same came from the same node lately. All strangers are as one: NOBODY."""
        self.count(who, what)
        key = (NOBODY if isinstance(who, str) else who, what)
        now, last = now_us(), self._last.get(key)
        self._last[key] = now
        if last is None or now - last > QUIET_US:
            self._warn(key[0], text)

    def well(self, who: NodeId, what: str) -> None:
        """This trouble is over: it is told again at once if it comes back."""
        self._last.pop((who, what), None)

    def counts(self) -> Mapping[tuple[NodeId | str, str], int]:
        """All that was counted."""
        return dict(self._counts)
