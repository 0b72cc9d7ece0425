"""What a preflight must look up on the node that is to take the role: its manager, as its own systemd has it.

It is asked of this node's systemd, or of the other node's daemon, which answers the same way. Bounded in time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coroctl.daemon.manager import ManagerError
from coroctl.daemon.outlook_subject import Probe
from coroctl.daemon.pull import About, Fit, PullError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from coroctl.daemon.manager import Manager
    from coroctl.daemon.pull import PullClient, Question, Reply
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

SYSTEMD_S = 1.0
NEIGHBOUR_S = 2.0


class Probing:
    """One node's; `manager` and `own` (the identity of its loaded file) are asked for when they are needed."""

    def __init__(
        self,
        node: NodeId,
        manager: Callable[[], Manager | None],
        own: Callable[[], Identity],
        pull: PullClient,
        serve: Callable[[Question], Awaitable[Reply]],
    ) -> None:
        self._node = node
        self._manager = manager
        self._own = own
        self._pull = pull
        self._serve = serve

    async def look(self, node: NodeId) -> Probe:
        """How that node's manager is."""
        if node == self._node:
            return _probe(await looked(self._manager()))
        try:
            return _probe(await self._pull.fit(node, self._own(), NEIGHBOUR_S))
        except PullError as error:
            return Probe(why=str(error))

    async def answer(self, question: Question) -> Reply:
        """For PullServer: the questions about files are the files' affair."""
        return await looked(self._manager()) if question.about is About.FIT else await self._serve(question)


async def looked(manager: Manager | None) -> Fit:
    """A manager that is not configured is not missing."""
    if manager is None:
        return Fit("")
    try:
        async with asyncio.timeout(SYSTEMD_S):
            state = await manager.describe()
    except ManagerError as error:
        return Fit("", str(error))
    except TimeoutError:
        return Fit("", "systemd does not answer")
    return Fit("" if state.load == "loaded" else f"{manager.unit} cannot be started: {state.load}")


def _probe(fit: Fit) -> Probe:
    return Probe(known=not fit.why, manager=fit.manager, why=fit.why)
