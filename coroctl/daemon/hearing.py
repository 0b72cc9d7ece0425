"""Who hears whom, as the heartbeats show it: each names the newest datagram that its sender took in from every peer.

For people only; nothing is decided by it. Knows neither sockets nor the core's state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.decision.values import Heartbeat, Mark
    from coroctl.model import NodeId


class Ear(NamedTuple):
    """What a node last took in from another one, and since when it is known here (microseconds of now_us())."""

    mark: Mark
    at: int


class Hearing:
    """One row for each node whose heartbeats arrive."""

    def __init__(self) -> None:
        self._rows: dict[NodeId, dict[NodeId, Ear]] = {}
        self._heard: dict[NodeId, int] = {}

    def take(self, heartbeat: Heartbeat, now: int) -> None:
        """A heartbeat came in: what it names anew, its sender has just heard."""
        before = self._rows.get(heartbeat.sender, {})
        row = {}
        for peer, mark in heartbeat.echo.items():
            old = before.get(peer)
            row[peer] = old if old is not None and old.mark == mark else Ear(mark, now)
        self._rows[heartbeat.sender] = row
        self._heard[heartbeat.sender] = now

    def rows(self, me: NodeId, now: int) -> Mapping[NodeId, Mapping[NodeId, int]]:
        """Per node, whom it has heard and how long ago that is, microseconds; `me` is this node, for its own row.

        The age of another node's word is in it: whoever is not heard any more seems to hear nobody.
        """
        told = {sender: {peer: now - ear.at for peer, ear in row.items()} for sender, row in self._rows.items()}
        return {**told, me: {sender: now - at for sender, at in self._heard.items()}}

    def keep(self, nodes: frozenset[NodeId]) -> None:
        """Forget everybody else."""
        self._rows = {node: row for node, row in self._rows.items() if node in nodes}
        self._heard = {node: at for node, at in self._heard.items() if node in nodes}
