"""How loaded the other nodes' machines are: asked of their daemons now and then, while somebody watches."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Protocol

from coroctl.daemon.pull import About
from coroctl.errors import CoroctlError
from coroctl.model import Load

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from coroctl.daemon.pull import Looked
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

EVERY_S = 5.0
ANSWER_S = 2.0


class Looks(Protocol):
    """The pull's client."""

    async def look(self, source: NodeId, about: About, own: Identity, within_s: float) -> Looked:
        """LOAD or HOST."""


class Loads:
    """What was told last, forgotten when a node tells it no more."""

    def __init__(self, pull: Looks, own: Callable[[], Identity], heard: Callable[[], Collection[NodeId]]) -> None:
        """`heard`: whom to ask; nobody while nobody watches."""
        self._pull = pull
        self._own = own
        self._heard = heard
        self._told: Mapping[NodeId, Load] = {}

    async def ask_on(self) -> None:
        """Until it is cancelled."""
        while True:
            nodes = self._heard()
            found = await asyncio.gather(*(self._ask(node) for node in nodes))
            self._told = {node: load for node, load in zip(nodes, found, strict=True) if load is not None}
            await asyncio.sleep(EVERY_S)

    def told(self, own: NodeId) -> dict[NodeId, Load]:
        """By node, this one included."""
        return {**self._told, own: own_load()}

    async def _ask(self, node: NodeId) -> Load | None:
        try:
            return load_of((await self._pull.look(node, About.LOAD, self._own(), ANSWER_S)).row)
        except CoroctlError:
            return None


def own_load() -> Load:
    """This machine's."""
    return Load(os.getloadavg()[0], os.cpu_count() or 1)


def load_of(row: Mapping[str, Any]) -> Load | None:
    """None if it makes no sense."""
    match row:
        case {"average": int() | float() as average, "cores": int(cores)} if 0 <= average < 1e6 and 0 < cores < 1e6:
            return Load(float(average), cores)
    return None
