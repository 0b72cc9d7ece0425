"""Which file a node starts with: asked of real servers, in a network namespace that has all nodes' addresses."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon import fetching
from coroctl.daemon.configuration import parsed
from coroctl.daemon.fetching import Choice, Peers, chosen, fetch
from coroctl.daemon.history import FOUND, History
from coroctl.daemon.holdings import Holdings
from coroctl.daemon.identities import identity_of
from coroctl.daemon.keys import load_keys, write_new
from coroctl.daemon.pull import PullClient, Told
from coroctl.daemon.pull_server import PullServer
from coroctl.decision.values import Identity
from coroctl.model import NodeId
from tests.conf.samples import GOOD, changed
from tests.daemon.namespaces import in_namespace, ip

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from coroctl.daemon.pull import Pulled, Question

N7, N9, N13 = NodeId(7), NodeId(9), NodeId(13)
ADDRESSES = {N7: "10.0.0.7", N9: "10.0.0.9", N13: "10.0.0.13"}
PORT = 5420
OWN = identity_of(GOOD)
NEWER = Identity(8, "b" * 64)
NEWEST = Identity(9, "c" * 64)

pytestmark = pytest.mark.timeout(60)


# What follows from the answers


def peers(data: bytes = GOOD) -> Peers:
    return Peers(parsed(data), N7, PullClient([], "VMmanager"))


def told(identity: Identity, *, distributed: bool = False) -> Told:
    return Told(identity, distributed, known=True)


@pytest.mark.parametrize(
    ("answers", "wanted", "sources"),
    [
        ({}, None, ()),
        ({N9: told(NEWER)}, None, ()),
        ({N9: told(OWN)}, None, ()),
        ({N9: told(NEWER), N13: told(NEWER)}, NEWER, (N9, N13)),
        ({N9: told(NEWEST), N13: told(NEWER)}, None, ()),
        ({N9: told(NEWER, distributed=True)}, NEWER, (N9,)),
        ({N9: told(NEWER, distributed=True), N13: told(NEWEST)}, NEWER, (N9,)),
        ({N9: told(NEWER, distributed=True), N13: told(NEWEST, distributed=True)}, NEWEST, (N13,)),
        ({N9: told(OWN), N13: told(NEWEST, distributed=True)}, None, ()),
        ({N9: told(Identity(6, "0" * 64)), N13: told(Identity(6, "0" * 64))}, None, ()),
        ({N9: told(Identity(7, "0" * 64)), N13: told(Identity(7, "0" * 64))}, None, ()),
        ({N9: told(Identity(6, "0" * 64), distributed=True)}, None, ()),
    ],
    ids=[
        "nobody answers",
        "a minority has another one by hand",
        "with this node a majority has its own",
        "a majority has a newer one",
        "everybody has another one",
        "one has got a newer one as the cluster's",
        "a higher one by hand is not followed",
        "the newest of the cluster's",
        "a majority goes before what was the cluster's",
        "a majority has an older one",
        "a majority has another one of the same version",
        "one has an older one",
    ],
)
def test_which_file_is_taken(answers: dict[NodeId, Told], wanted: Identity | None, sources: tuple[NodeId, ...]) -> None:
    choice = chosen(peers(), answers)
    assert (choice.wanted, choice.sources) == (wanted, sources)
    assert choice.why


def test_votes_count_and_not_nodes() -> None:
    heavy = changed("nodeid: 9", "nodeid: 9\n    quorum_votes: 3")
    choice = chosen(peers(heavy), {N9: told(NEWER)})
    assert choice.wanted == NEWER
    assert chosen(peers(heavy), {N13: told(NEWER)}).wanted is None


def test_what_is_odd_comes_with_a_remedy() -> None:
    other = Identity(7, "0" * 64)
    choice = chosen(peers(), {N9: told(other), N13: told(other)})
    assert choice == Choice(None, (), choice.why)
    assert "coroctl conf adopt" in choice.why


# The whole of it


class Node:
    """One node's folders."""

    def __init__(self, folder: Path, data: bytes) -> None:
        self.conf, self.state = folder / "corosync.conf", folder / "state"
        self.state.mkdir(parents=True)
        self.conf.write_bytes(data)
        self.holdings = Holdings(self.conf, self.state)
        self.history = History(self.state / "conf")

    async def serve(self, question: Question) -> Pulled | Told | None:
        own = self.holdings.own()
        return self.holdings.answer(question, own.identity, None)


class Cluster:
    """Node 7, which starts, and the daemons of others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "authkey"
        write_new(self.key)
        self.said: list[str] = []
        keyed = changed("cloud_ip:", f"keyfile: {self.key}\n  cloud_ip:")
        # All addresses are here: which node this is, the name of the machine says.
        self.base = changed("name: n7", f"name: {socket.gethostname()}", keyed)
        self.node = Node(folder / "7", self.base)

    def newer(self, version: int = 8, prio: int = 40) -> bytes:
        data = changed("prio: 40", f"prio: {prio}", self.base)
        return changed("config_version: 7", f"config_version: {version}", data)

    @asynccontextmanager
    async def running(self, **files: bytes) -> AsyncIterator[dict[NodeId, Node]]:
        """Daemons of nodes n9 and n13 with these files."""
        servers, nodes = [], {}
        for name, data in files.items():
            node = NodeId(int(name[1:]))
            nodes[node] = Node(self.folder / str(node), data)
            server = PullServer(load_keys(self.key), "VMmanager", nodes[node].serve)
            server.configure({one: (address,) for one, address in ADDRESSES.items()})
            await server.start((ADDRESSES[node],), PORT)
            servers.append(server)
        try:
            yield nodes
        finally:
            for server in servers:
                await server.close()

    async def fetch(self) -> bool:
        return await fetch(self.node.conf, self.node.state, self.said.append)


@contextmanager
def clustered() -> Iterator[Cluster]:
    for address in ADDRESSES.values():
        ip(f"ip address add {address}/32 dev lo")
    ip("ip link set lo up")
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "ABSENT_S", 0.5)
        yield Cluster(Path(folder))


@in_namespace
async def test_a_majority_has_a_newer_file() -> None:
    with clustered() as cluster:
        newer = cluster.newer(prio=41)
        async with cluster.running(n9=newer, n13=newer) as nodes:
            for node in nodes.values():
                node.history.keep(cluster.base, FOUND)
            assert await cluster.fetch()
        assert cluster.node.conf.read_bytes() == newer
        assert [entry.identity.version for entry in cluster.node.history.entries()] == [7, 8]
        names = identity_of(newer), identity_of(cluster.base)
        assert cluster.said == [f"{names[0]} is loaded by a majority, this node has {names[1]}"]


@in_namespace
async def test_one_node_that_was_there_when_it_was_decided_is_enough() -> None:
    """The third is off: waited for no longer than it takes to see that nobody answers there."""
    with clustered() as cluster:
        newer = cluster.newer()
        async with cluster.running(n9=newer) as nodes:
            nodes[N9].history.keep(cluster.base, FOUND)
            nodes[N9].history.keep(newer, "priority of node 9 to 101, by node 9 itself")
            assert await cluster.fetch()
        assert cluster.node.conf.read_bytes() == newer
        assert "have got as the cluster's" in cluster.said[0]
        assert "n13: no corolistener answers there (10.0.0.13: connection refused)" in cluster.said[0]


@in_namespace
async def test_a_file_that_one_node_has_by_hand_is_not_taken() -> None:
    with clustered() as cluster:
        async with cluster.running(n9=cluster.newer(version=900)) as nodes:
            nodes[N9].history.keep(cluster.base, FOUND)
            assert not await cluster.fetch()
        assert cluster.node.conf.read_bytes() == cluster.base


@in_namespace
async def test_nobody_is_there() -> None:
    with clustered() as cluster:
        assert not await cluster.fetch()
        assert cluster.node.conf.read_bytes() == cluster.base
        assert "going on with this node's own file" in cluster.said[0]


@in_namespace
async def test_whoever_hangs_is_given_up() -> None:
    with clustered() as cluster, pytest.MonkeyPatch.context() as patch, ExitStack() as hanging:
        patch.setattr(fetching, "ALL_S", 1.0)
        for node in (N9, N13):
            hanging.enter_context(socket.create_server((ADDRESSES[node], PORT)))
        assert not await cluster.fetch()
        assert "n9: it does not answer (10.0.0.9 did not answer within" in cluster.said[0]


@in_namespace
async def test_a_daemon_that_is_being_restarted_is_waited_for() -> None:
    with clustered() as cluster:
        newer = cluster.newer()
        fetched = asyncio.create_task(cluster.fetch())
        await asyncio.sleep(0)
        async with cluster.running(n9=newer, n13=newer) as nodes:
            for node in nodes.values():
                node.history.keep(cluster.base, FOUND)
            assert await fetched


@in_namespace
async def test_nodes_that_start_at_the_same_time_tell_each_other() -> None:
    """No daemon runs anywhere; the one that was off meanwhile hears of it from the one that was there."""
    with clustered() as cluster:
        # Which node somebody is, the name of this machine says.
        here = f"name: {socket.gethostname()}"
        newer = changed("name: n9", here, changed(here, "name: n7", cluster.newer()))
        other = Node(cluster.folder / "9", newer)
        other.history.keep(cluster.base, FOUND)
        other.history.keep(newer, "priority of node 9 to 101, by node 9 itself")
        said: list[str] = []
        both = await asyncio.gather(cluster.fetch(), fetch(other.conf, other.state, said.append))
        assert tuple(both) == (True, False)
        assert cluster.node.conf.read_bytes() == other.conf.read_bytes() == newer


@in_namespace
async def test_a_file_of_this_nodes_own_is_not_written_over() -> None:
    with clustered() as cluster:
        newer = cluster.newer()
        async with cluster.running(n9=newer, n13=newer):
            assert not await cluster.fetch()
        assert cluster.node.conf.read_bytes() == cluster.base
        assert "never was the cluster's" in cluster.said[-1]


@in_namespace
async def test_a_node_that_was_removed_keeps_its_file() -> None:
    with clustered() as cluster:
        newer = cluster.newer()
        start = newer.index(b"  node {")
        without = newer[:start] + newer[newer.index(b"  node {", start + 1) :]
        without = changed("expected_votes: 3", "expected_votes: 2", without)
        async with cluster.running(n9=without, n13=without) as nodes:
            for node in nodes.values():
                node.history.keep(cluster.base, FOUND)
            assert not await cluster.fetch()
        assert cluster.node.conf.read_bytes() == cluster.base
        assert "it was removed from the cluster" in cluster.said[-1]
