"""What a preflight must know and only the node itself can look up: the manager's unit, as systemd has it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coroctl.daemon.manager import ManagerError
from coroctl.daemon.outlook_subject import Probe

if TYPE_CHECKING:
    from coroctl.daemon.manager import Manager

PROBE_S = 1.5


async def probed(manager: Manager | None) -> Probe:
    """Of this node, in bounded time; a manager that is not configured is not missing."""
    if manager is None:
        return Probe(known=True)
    try:
        async with asyncio.timeout(PROBE_S):
            state = await manager.describe()
    except (ManagerError, TimeoutError) as error:
        return Probe(why=str(error) or "systemd does not answer")
    return Probe(
        known=True, manager="" if state.load == "loaded" else f"{manager.unit} cannot be started: {state.load}"
    )
