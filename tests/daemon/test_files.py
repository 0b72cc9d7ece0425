"""Requests of the core about corosync.conf, on real files and with a real pull between nodes.

What needs a running corosync (an edit that it approves, a reload) is in tests/on_node/daemon.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from coroctl.daemon.configuration import parsed, settings_of
from coroctl.daemon.files import Files
from coroctl.daemon.history import FOUND, History
from coroctl.daemon.holdings import FilesError
from coroctl.daemon.identities import identity_of
from coroctl.daemon.keys import make_key
from coroctl.daemon.pull import PullClient, PullError, Told
from coroctl.daemon.pull_server import PullServer
from coroctl.daemon.staging import Found
from coroctl.decision.actions import EditFile, FetchFile, LoadFile, StageFile
from coroctl.decision.events import FileFailed, FileFetched, FileStaged
from coroctl.decision.messages import Edit, Verb
from coroctl.decision.values import Ballot, Identity, Staged
from coroctl.model import NodeId
from tests.conf.samples import GOOD, changed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from coroctl.decision.events import Event
    from coroctl.decision.settings import Settings

E = TypeVar("E")
KEYS = [make_key(b"k" * 32)]
N7, N9 = NodeId(7), NodeId(9)
DEADLINE_S = 30
V8 = changed("config_version: 7", "config_version: 8")
V9 = changed("config_version: 7", "config_version: 9")
OTHER7 = changed("prio: 40", "prio: 41")
BALLOT = Ballot(3, 1, 1)

pytestmark = pytest.mark.timeout(60)


def settings(data: bytes) -> Settings:
    return settings_of(parsed(data))


class Node:
    """One node's Files, its folders, and what it tells."""

    def __init__(self, folder: Path, node: NodeId, data: bytes) -> None:
        self.conf = folder / "etc/corosync.conf"
        self.state = folder / "state"
        self.conf.parent.mkdir(parents=True)
        self.state.mkdir()
        self.conf.write_bytes(data)
        self.client = PullClient(KEYS, "VMmanager")
        self.told: asyncio.Queue[Event] = asyncio.Queue()
        self.warnings: list[str] = []
        self.files = Files(
            self.conf, self.state, node, self.told.put_nowait, settings, self.client, self.warnings.append
        )

    async def event(self, kind: type[E]) -> E:
        """The next one, which must be of that kind."""
        async with asyncio.timeout(DEADLINE_S):
            event = await self.told.get()
        assert isinstance(event, kind), event
        return event

    async def failure(self) -> str:
        return (await self.event(FileFailed)).why

    async def remembers(self, count: int) -> None:
        """Until so many files are in its history."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.history.entries()) < count:
                await asyncio.sleep(0)

    @property
    def history(self) -> History:
        return History(self.state / "conf")


@asynccontextmanager
async def one(tmp_path: Path, data: bytes = GOOD) -> AsyncIterator[Node]:
    node = Node(tmp_path / "7", N7, data)
    try:
        yield node
    finally:
        await node.files.close()
        assert node.told.empty()


@asynccontextmanager
async def two(tmp_path: Path, theirs: bytes, ours: bytes = GOOD) -> AsyncIterator[tuple[Node, Node]]:
    """Another node that serves its files, and this one, which can ask it."""
    async with one(tmp_path, ours) as node:
        other = Node(tmp_path / "9", N9, theirs)
        server = PullServer(KEYS, "VMmanager", other.files.serve)
        server.configure({N7: ("127.0.0.1",)})
        await server.start(("127.0.0.1",), 0)
        node.client.configure({N9: ("127.0.0.1",)}, server.listening[0].getsockname()[1])
        try:
            yield other, node
        finally:
            await server.close()
            await other.files.close()


# Editing: what is refused before corosync is asked


@pytest.mark.parametrize(
    ("data", "edit", "why"),
    [
        (GOOD, Edit(Verb.PRIORITY, NodeId(8), 5), "has no node with nodeid 8"),
        (GOOD, Edit(Verb.PRIORITY, N9, 1_000_001, "r"), "above 1000000"),
        (GOOD, Edit(Verb.NODE_ADD, NodeId(8)), "cannot be added without name and address"),
        (changed("cloud_ip: 10.0.0.100", "cloud_ip: 127.0.0.1"), Edit(Verb.PRIORITY, N9, 5), "is a loopback address"),
    ],
)
async def test_an_edit_that_cannot_be_made(tmp_path: Path, data: bytes, edit: Edit, why: str) -> None:
    async with one(tmp_path, data) as node:
        node.files.edit(EditFile(5, edit, identity_of(data)))
        failed = await node.event(FileFailed)
        assert failed.number == 5
        assert why in failed.why
        assert node.conf.read_bytes() == data


async def test_an_edit_that_corosync_does_not_approve_of(tmp_path: Path) -> None:
    """No address of the file is one of this machine's; where corosync is not installed it cannot be asked at all."""
    async with one(tmp_path) as node:
        node.files.edit(EditFile(5, Edit(Verb.PRIORITY, N9, 5), identity_of(GOOD)))
        assert "corosync -t" in await node.failure()
        assert list(node.state.iterdir()) == []


async def test_a_file_that_was_changed_by_hand_is_not_edited(tmp_path: Path) -> None:
    async with one(tmp_path) as node:
        node.conf.write_bytes(OTHER7)
        node.files.edit(EditFile(5, Edit(Verb.PRIORITY, N9, 5), identity_of(GOOD)))
        assert "was changed by hand and is not what corosync has loaded" in await node.failure()


@pytest.mark.parametrize("data", [b"totem {\n", b"", b"\0" * 1000])
async def test_a_broken_file_is_not_edited(tmp_path: Path, data: bytes) -> None:
    async with one(tmp_path, data) as node:
        node.files.edit(EditFile(5, Edit(Verb.PRIORITY, N9, 5), identity_of(GOOD)))
        assert await node.failure()


async def test_a_missing_file_is_not_edited(tmp_path: Path) -> None:
    async with one(tmp_path) as node:
        node.conf.unlink()
        node.files.edit(EditFile(5, Edit(Verb.PRIORITY, N9, 5), identity_of(GOOD)))
        assert "there is no such file" in await node.failure()


# Fetching


async def test_a_file_is_fetched_and_staged(tmp_path: Path) -> None:
    async with two(tmp_path, V8) as (other, node):
        other.history.keep(GOOD, FOUND)
        identity = identity_of(V8)
        node.files.fetch(FetchFile(1, identity, N9))
        assert await node.event(FileFetched) == FileFetched(1, identity)
        assert sorted(path.name for path in node.conf.parent.iterdir()) == ["corosync.conf"]
        staged = Staged(BALLOT, identity)
        node.files.stage(StageFile(2, staged))
        assert await node.event(FileStaged) == FileStaged(2, staged)
        assert node.files.staged() == Found(staged)
        assert node.conf.with_name("corosync.conf.new").read_bytes() == V8
        assert node.conf.read_bytes() == GOOD


async def test_a_staged_file_is_handed_on(tmp_path: Path) -> None:
    """The next holder may have to get it from any node that has staged it."""
    async with two(tmp_path, GOOD) as (other, node):
        other.conf.with_name("corosync.conf.new").write_bytes(V8)
        node.files.fetch(FetchFile(1, identity_of(V8), N9))
        await node.event(FileFetched)


async def test_a_file_that_is_here_needs_no_network(tmp_path: Path) -> None:
    async with one(tmp_path) as node:
        node.history.keep(V8, "anna")
        node.files.fetch(FetchFile(1, identity_of(V8), N9))
        await node.event(FileFetched)


async def test_nobody_answers(tmp_path: Path) -> None:
    async with one(tmp_path) as node:
        node.files.fetch(FetchFile(1, identity_of(V8), N9))
        assert (await node.failure()).endswith("it has no address in the node list")


async def test_a_file_that_nobody_has(tmp_path: Path) -> None:
    async with two(tmp_path, V8) as (_, node):
        node.files.fetch(FetchFile(1, Identity(9, "0" * 64), N9))
        assert "it has no such file" in await node.failure()


async def test_another_file_of_the_same_version_is_refused(tmp_path: Path) -> None:
    async with two(tmp_path, OTHER7) as (other, node):
        other.history.keep(GOOD, "anna")
        node.files.fetch(FetchFile(1, identity_of(OTHER7), N9))
        assert "is another file of version 7 than the cluster's" in await node.failure()


async def test_a_file_that_never_was_the_clusters_is_not_written_over(tmp_path: Path) -> None:
    async with two(tmp_path, V8, OTHER7) as (_, node):
        node.files.fetch(FetchFile(1, identity_of(V8), N9))
        why = await node.failure()
        assert "never was the cluster's, and is not written over" in why
        assert "node 9: prio: '41' -> '40', totem.config_version: '7' -> '8'" in why
        assert "\n" not in why


async def test_a_node_that_was_away_longer_than_anybody_remembers_follows_if_it_ever_did(tmp_path: Path) -> None:
    async with two(tmp_path, V9, V8) as (_, node):
        node.history.keep(V8, "priority of node 7 to 101, by node 7 itself")
        node.files.fetch(FetchFile(1, identity_of(V9), N9))
        await node.event(FileFetched)


async def test_a_file_with_errors_is_neither_handed_out_nor_taken(tmp_path: Path) -> None:
    """Loaded, this one would abort every corosync that reads it."""
    deadly = changed(
        "quorum {", "logging {\n  logger_subsys {\n    subsys: QUORUM\n    x {\n    }\n  }\n}\nquorum {", V8
    )
    async with two(tmp_path, deadly) as (other, node):
        other.history.keep(GOOD, FOUND)
        node.files.fetch(FetchFile(1, identity_of(deadly), N9))
        assert "did not hand out" in await node.failure()
        node.conf.with_name("corosync.conf.new").write_bytes(deadly)
        node.files.fetch(FetchFile(2, identity_of(deadly), N9))
        node.files.stage(StageFile(3, Staged(BALLOT, identity_of(deadly))))
        node.files.load(LoadFile(4, identity_of(deadly)))
        for _ in range(3):
            assert "corosync crashes on a section inside" in await node.failure()
        assert node.conf.read_bytes() == GOOD
        assert node.files.staged() == Found(None)


# An operator wants it


@pytest.mark.parametrize("ours", [OTHER7, V9], ids=["same version", "higher version"])
async def test_adopting_overrides_what_this_node_has(tmp_path: Path, ours: bytes) -> None:
    theirs = changed("prio: 10", "prio: 11")
    async with two(tmp_path, theirs, ours) as (_, node):
        node.files.fetch(FetchFile(1, identity_of(theirs), N9, adopted=True))
        assert await node.event(FileFetched) == FileFetched(1, identity_of(theirs))
        assert node.conf.read_bytes() == ours


async def test_adopting_a_file_with_errors_is_refused(tmp_path: Path) -> None:
    broken = changed("cloud_ip: 10.0.0.100", "cloud_ip: 127.0.0.1", V8)
    async with two(tmp_path, broken, OTHER7) as (_, node):
        node.files.fetch(FetchFile(1, identity_of(broken), N9, adopted=True))
        assert "did not hand out" in await node.failure()


async def test_a_former_file_that_is_not_here_is_not_restored(tmp_path: Path) -> None:
    async with one(tmp_path) as node:
        edit = Edit(Verb.RESTORE, NodeId(0), text=f"6 {'ab' * 32}")
        node.files.edit(EditFile(1, edit, identity_of(GOOD)))
        assert "6:abababab is neither in this node's history, nor in another one's" in await node.failure()


async def test_a_former_file_is_found_on_another_node(tmp_path: Path) -> None:
    former = changed("config_version: 7", "config_version: 6")
    async with two(tmp_path, GOOD) as (other, node):
        other.history.keep(former, "anna")
        assert await node.files.find(identity_of(former)) == former
        with pytest.raises(FilesError, match="node 9 did not hand out 5:abababab"):
            await node.files.find(Identity(5, "ab" * 32))


async def test_a_former_file_is_found_by_its_version_and_sha256(tmp_path: Path) -> None:
    """corosync would have to approve of it, and is not asked about one that lint refuses."""
    former = changed("cloud_ip: 10.0.0.100", "cloud_ip: 127.0.0.1")
    async with one(tmp_path) as node:
        node.history.keep(former, "anna")
        edit = Edit(Verb.RESTORE, NodeId(0), text=f"7 {identity_of(former).digest}")
        node.files.edit(EditFile(1, edit, identity_of(GOOD)))
        assert "is a loopback address" in await node.failure()


# What another node is told of the loaded file


async def test_what_is_loaded_is_told_with_what_is_remembered(tmp_path: Path) -> None:
    async with two(tmp_path, V8, V9) as (other, node):
        own = identity_of(V9)
        with pytest.raises(PullError, match="cannot tell which file"):
            await node.client.loaded(N9, own, DEADLINE_S)
        other.files.has_loaded(identity_of(V8))
        assert await node.client.loaded(N9, own, DEADLINE_S) == Told(identity_of(V8), distributed=False, known=False)
        other.history.keep(V9, FOUND)
        other.history.keep(V8, "priority of node 7 to 101, by anna")
        assert await node.client.loaded(N9, own, DEADLINE_S) == Told(identity_of(V8), distributed=True, known=True)


async def test_what_is_loaded_by_hand_is_remembered(tmp_path: Path) -> None:
    """A node that has it still may follow this one, which has moved on."""
    async with two(tmp_path, GOOD) as (other, node):
        other.files.has_loaded(identity_of(GOOD))
        await other.remembers(1)
        other.conf.write_bytes(V8)
        other.files.has_loaded(identity_of(V8))
        await other.remembers(2)
        assert [(one.identity.version, one.actor) for one in other.history.entries()] == [(7, FOUND), (8, FOUND)]
        node.files.fetch(FetchFile(1, identity_of(V8), N9))
        await node.event(FileFetched)


# Staging


async def test_nothing_is_staged(tmp_path: Path) -> None:
    async with one(tmp_path) as node:
        staged = Staged(BALLOT, None)
        node.files.stage(StageFile(1, staged))
        assert await node.event(FileStaged) == FileStaged(1, staged)
        assert node.files.staged() == Found(staged)


async def test_what_is_not_here_cannot_be_staged(tmp_path: Path) -> None:
    async with one(tmp_path) as node:
        node.files.stage(StageFile(1, Staged(BALLOT, identity_of(V8))))
        assert "is not on this node any more" in await node.failure()
        assert node.files.staged() == Found(None)


async def test_without_a_state_directory_nothing_is_staged(tmp_path: Path) -> None:
    async with one(tmp_path) as node:
        node.state.rmdir()
        node.files.stage(StageFile(1, Staged(BALLOT, None)))
        assert "No such file or directory" in await node.failure()


# Loading, as far as it goes without corosync


async def test_what_is_not_here_cannot_be_loaded(tmp_path: Path) -> None:
    async with one(tmp_path) as node:
        node.files.load(LoadFile(1, identity_of(V8)))
        assert "is not on this node any more" in await node.failure()
        assert node.conf.read_bytes() == GOOD


# The rest


async def test_requests_are_worked_off_in_order_and_each_is_answered_once(tmp_path: Path) -> None:
    async with one(tmp_path) as node:
        for number in range(50):
            node.files.stage(StageFile(number, Staged(Ballot(3, 1, number), None)))
        events = [await node.event(FileStaged) for _ in range(50)]
        assert [event.number for event in events] == list(range(50))
        assert node.files.staged() == Found(Staged(Ballot(3, 1, 49), None))


async def test_an_error_that_nobody_expected_is_raised_on_the_loop(tmp_path: Path) -> None:
    async with one(tmp_path) as node:
        caught: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: caught.set_result(context))
        node.files.edit(EditFile(1, Edit(Verb.PRIORITY, N9, "no number"), identity_of(GOOD)))  # type: ignore[arg-type]
        async with asyncio.timeout(DEADLINE_S):
            context = await caught
        assert isinstance(context["exception"], TypeError)
