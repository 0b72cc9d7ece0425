"""Edit, stage and load against a running corosync: what it approves of, reads again, and does not answer to."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from coroctl.corosync.cmap import Cmap
from coroctl.daemon import reloading
from coroctl.daemon.authors import Author
from coroctl.daemon.configuration import parsed, settings_of
from coroctl.daemon.files import Files
from coroctl.daemon.history import FOUND, History
from coroctl.daemon.identities import identity_of
from coroctl.daemon.pull import PullClient
from coroctl.daemon.staging import Found
from coroctl.decision.actions import EditFile, LoadFile, StageFile
from coroctl.decision.events import ConfigurationLoaded, FileEdited, FileFailed, FileStaged
from coroctl.decision.messages import Edit, Verb
from coroctl.decision.values import Ballot, Identity, Staged
from tests.on_node.corosync_control import await_whole, frozen, pid, restart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.decision.events import Event
    from coroctl.decision.settings import Settings
    from coroctl.model import NodeId

E = TypeVar("E")
CONF = Path("/etc/corosync/corosync.conf")
DEADLINE_S = 30
BALLOT = Ballot(3, 1, 1)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The file as it was, and loaded: a node with a higher version would be its peers' end when they restart."""
    await_whole()
    before, status = CONF.read_bytes(), CONF.stat()
    yield
    CONF.write_bytes(before)
    CONF.chmod(status.st_mode & 0o7777)
    CONF.with_name("corosync.conf.new").unlink(missing_ok=True)
    if subprocess.run(["systemctl", "is-active", "--quiet", "corosync"], check=False).returncode:
        restart()
    subprocess.run(["corosync-cfgtool", "-R"], check=True, capture_output=True)
    assert loaded_version() == version(before)
    await_whole()


def settings(data: bytes) -> Settings:
    return settings_of(parsed(data))


def version(data: bytes) -> int:
    return read_cluster(Document.parse(data)).config_version


def own_id() -> NodeId:
    node = read_cluster(Document.parse(CONF.read_bytes())).nodes[0].nodeid
    assert node is not None
    return node


def loaded_version() -> int:
    """As corosync's own tool says it."""
    command = ["corosync-cmapctl", "-g", "totem.config_version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return int(said.rpartition("=")[2]) if said else 0


class Node:
    """Files on this node, and what they tell."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.told: asyncio.Queue[Event] = asyncio.Queue()
        self.warnings: list[str] = []
        client = PullClient([], "none")
        self.files = Files(CONF, state, own_id(), self.told.put_nowait, settings, client, self.warnings.append)

    async def event(self, kind: type[E]) -> E:
        async with asyncio.timeout(DEADLINE_S):
            event = await self.told.get()
        assert isinstance(event, kind), event
        return event

    async def edited(self, prio: int) -> Identity:
        self.files.edit(
            EditFile(
                1, Edit(Verb.PRIORITY, own_id(), prio, "r1", Author(who="uid 0").text), identity_of(CONF.read_bytes())
            )
        )
        return (await self.event(FileEdited)).identity

    async def staged(self, identity: Identity) -> None:
        self.files.stage(StageFile(2, Staged(BALLOT, identity)))
        await self.event(FileStaged)


async def test_a_change_from_edit_to_reload(tmp_path: Path) -> None:
    former = CONF.read_bytes()
    CONF.chmod(0o640)
    node = Node(tmp_path)
    identity = await node.edited(4711)
    assert identity.version == version(former) + 1
    assert CONF.read_bytes() == former
    await node.staged(identity)
    assert loaded_version() == version(former)
    node.files.load(LoadFile(3, identity))
    loaded = (await node.event(ConfigurationLoaded)).settings
    assert loaded.identity == identity == identity_of(CONF.read_bytes())
    assert loaded.member(own_id()) is not None
    assert loaded.largest() == 4711
    assert loaded_version() == identity.version
    with Cmap.initialize() as cmap:
        assert any(key.endswith(".prio") and value == "4711" for key, value in cmap.read("nodelist.node.").items())
    assert CONF.stat().st_mode & 0o777 == 0o640
    assert not CONF.with_name("corosync.conf.new").exists()
    assert node.files.staged() == Found(Staged(BALLOT, identity))
    first, second = History(tmp_path / "conf").entries()
    assert (first.identity, first.actor) == (identity_of(former), FOUND)
    assert (second.identity, second.actor) == (identity, f"priority of node {own_id()} to 4711, by uid 0, request r1")
    assert node.warnings == []
    await node.files.close()


async def test_a_file_that_is_in_place_is_only_reloaded(tmp_path: Path) -> None:
    """The process died between the rename and the reload, or corosync did."""
    node = Node(tmp_path)
    identity = await node.edited(5)
    await node.staged(identity)
    CONF.with_name("corosync.conf.new").rename(CONF)
    node.files.load(LoadFile(3, identity))
    await node.event(ConfigurationLoaded)
    assert loaded_version() == identity.version
    await node.files.close()


async def test_without_corosync_the_file_is_in_place_and_the_load_fails(tmp_path: Path) -> None:
    node = Node(tmp_path)
    identity = await node.edited(5)
    await node.staged(identity)
    subprocess.run(["systemctl", "stop", "corosync"], check=True)
    node.files.load(LoadFile(3, identity))
    assert "corosync did not reload" in (await node.event(FileFailed)).why
    assert identity_of(CONF.read_bytes()) == identity
    await node.files.close()


async def test_a_frozen_corosync_ends_a_load_in_time_and_the_next_one_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "RELOAD_S", 0.5)
    node = Node(tmp_path)
    identity = await node.edited(5)
    await node.staged(identity)
    with frozen():
        began = time.monotonic()
        node.files.load(LoadFile(3, identity))
        assert "frozen or starved" in (await node.event(FileFailed)).why
        assert time.monotonic() - began < 5
        node.files.load(LoadFile(4, identity))
        assert "has not answered the last reload yet" in (await node.event(FileFailed)).why
    monkeypatch.undo()
    await_whole()
    # The call that was left behind ends with the thaw; from then on a load goes through again.
    async with asyncio.timeout(DEADLINE_S):
        event: Event = FileFailed(0, "")
        while isinstance(event, FileFailed):
            node.files.load(LoadFile(5, identity))
            event = await node.told.get()
    assert isinstance(event, ConfigurationLoaded)
    assert loaded_version() == identity.version
    await node.files.close()


async def test_a_full_history_hinders_no_load(tmp_path: Path) -> None:
    node = Node(tmp_path)
    (tmp_path / "conf").write_text("somebody's file where the folder should be")
    identity = await node.edited(5)
    await node.staged(identity)
    node.files.load(LoadFile(3, identity))
    await node.event(ConfigurationLoaded)
    assert len(node.warnings) == 2
    assert "the history of configuration files is not complete" in node.warnings[0]
    await node.files.close()


@pytest.mark.parametrize("version_line", ["config_version: text", "config_version: 1.5", f"config_version: {1 << 64}"])
async def test_a_deadly_file_never_comes_near_corosync(tmp_path: Path, version_line: str) -> None:
    """Each of these aborts a running corosync at its reload."""
    node = Node(tmp_path)
    good = CONF.read_bytes()
    process = pid()
    deadly = good.replace(f"config_version: {version(good)}".encode(), version_line.encode())
    assert deadly != good
    new = CONF.with_name("corosync.conf.new")
    new.write_bytes(deadly)
    node.files.load(LoadFile(1, identity_of(deadly)))
    assert (await node.event(FileFailed)).why
    CONF.write_bytes(deadly)
    node.files.load(LoadFile(2, identity_of(deadly)))
    assert (await node.event(FileFailed)).why
    CONF.write_bytes(good)
    new.unlink()
    assert pid() == process
    await node.files.close()
