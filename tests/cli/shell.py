"""Where an operator types: on a node of a cluster of real cores."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coroctl.cli import change, main
from coroctl.client import Client
from coroctl.model import NodeId

if TYPE_CHECKING:
    import pytest

    from tests.daemon.simulated import Nodes

DEADLINE_S = 60.0


class Shell:
    """A shell on one node of a cluster."""

    def __init__(self, cluster: Nodes, at: int, patch: pytest.MonkeyPatch) -> None:
        run = str(cluster.served[NodeId(at)].run)
        patch.setattr(change, "Client", lambda: Client(run))
        self.run = run

    async def type(self, *words: str) -> int:
        """The exit code of ``coroctl WORDS``."""
        return await asyncio.wait_for(asyncio.to_thread(main.main, list(words)), DEADLINE_S)
