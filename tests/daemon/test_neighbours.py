"""The other nodes' addresses: which list is in use while names are looked up."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from coroctl.daemon import neighbours
from coroctl.daemon.configuration import link_addresses, parsed
from coroctl.daemon.keys import make_key
from coroctl.daemon.neighbours import Neighbours
from coroctl.daemon.preflight import Ready
from coroctl.model import NodeId

if TYPE_CHECKING:
    import pytest

    from coroctl.conf.cluster import Cluster
    from coroctl.daemon.configuration import Loaded
    from coroctl.daemon.rendering import Level, Value

DEADLINE_S = 10.0


def of_version(version: int) -> Loaded:
    """Node 2 has another address in each."""
    nodes = "".join(
        f"  node {{\n    ring0_addr: {address}\n    nodeid: {nodeid}\n  }}\n"
        for nodeid, address in ((1, "192.0.2.1"), (2, f"192.0.2.{10 + version}"))
    )
    text = f"totem {{\n  version: 2\n  config_version: {version}\n}}\nnodelist {{\n{nodes}}}\ncorolistener {{\n}}\n"
    return parsed(text.encode())


def unheard(level: Level, name: str, **details: Value) -> None:
    """Nobody reads it."""


async def test_a_newer_list_stays_when_an_older_ones_names_come_late(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, asked = threading.Event(), threading.Event()
    older, newer = of_version(2), of_version(3)

    def a_slow_name_server(cluster: Cluster) -> dict[NodeId, tuple[str, ...]]:
        if cluster is older.cluster:
            asked.set()
            slow.wait(DEADLINE_S)
        return link_addresses(cluster)

    monkeypatch.setattr(neighbours, "link_addresses", a_slow_name_server)
    ready = Ready(older, NodeId(1), "node1", (make_key(b"x" * 32),), ())
    them = Neighbours(ready, lambda _event: None, unheard)
    them.configure(older)
    assert await asyncio.to_thread(asked.wait, DEADLINE_S)
    await asyncio.wait_for(them.begin(newer), DEADLINE_S)
    slow.set()
    while them._tasks:
        await asyncio.sleep(0)
    assert them.pull._peers[NodeId(2)] == ("192.0.2.13",)
    await them.close()
