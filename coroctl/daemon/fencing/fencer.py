"""Carries `Fence` out: reads fence_conf anew for each call, calls the node's agent, and tells what came of it.

A call is bounded by the agent's timeouts; what is not known is told as not proven.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coroctl.daemon.fencing.agent import Outcome, Power, fence
from coroctl.daemon.fencing.conf import load_fences
from coroctl.decision.estate.events import Fenced
from coroctl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from coroctl.decision.estate.actions import Fence
    from coroctl.model import NodeId


class Fencer:
    """`conf` gives fence_conf's path and the nodes' names as they are now; `tell` gets one Fenced for each Fence."""

    def __init__(self, conf: Callable[[], tuple[str, Mapping[NodeId, str]]], tell: Callable[[Fenced], None]) -> None:
        self._conf = conf
        self._tell = tell
        self._calls: set[asyncio.Task[None]] = set()

    def fence(self, action: Fence) -> None:
        """Begin. On the loop's thread; never blocks."""
        task = asyncio.get_running_loop().create_task(self._fence(action))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def close(self) -> None:
        """Wait for nothing: what an agent still does is no harm, and nobody is told of it."""
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _fence(self, action: Fence) -> None:
        path, names = self._conf()
        try:
            device = (await asyncio.to_thread(load_fences, path, names)).get(action.node)
        except ConfigError as error:
            outcome = _not_called(str(error))
        else:
            missing = f"{path}: there is no section for node {action.node}"
            outcome = await fence(action.node, device) if device is not None else _not_called(missing)
        on = outcome.power is Power.ON
        self._tell(Fenced(action.number, outcome.off, outcome.asked_at, on, outcome.why))


def _not_called(why: str) -> Outcome:
    return Outcome(off=False, power=Power.UNKNOWN, why=why, asked_at=0)
