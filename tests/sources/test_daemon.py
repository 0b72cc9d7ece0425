"""corolistener as a source: its picture as a snapshot, beside corosync's answer, and every way in which it may fail."""

from __future__ import annotations

import asyncio
import json
import select
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.client import Client, Denied, NoDaemon, Silent
from coroctl.daemon.view import status
from coroctl.model import Availability, Gap, Node, NodeId, NodeStatus, Role, Snapshot, Source
from coroctl.sources import daemon as source
from coroctl.sources.daemon import Listening, combined, snapshot_of, with_daemon, with_roles, without
from coroctl.sources.schema import from_json, to_json
from tests.daemon.control_sockets import DEADLINE_S, serving
from tests.daemon.test_view import FACTS, HOLDER, Watched
from tests.decision.build import TWO

if TYPE_CHECKING:
    from pathlib import Path

ONE = Node(NodeId(1), "n1", "10.0.0.1", NodeStatus.JOINED)
ANSWERED = Snapshot(Source.COROSYNC, Availability.ANSWERED, "VMmanager", (ONE, ONE._replace(nodeid=TWO)), True)
DENIED = Snapshot(Source.FILE, Availability.DENIED, "VMmanager", (ONE,), None, "corosync lets only root ask it")
DOWN = DENIED._replace(availability=Availability.DOWN, reason="corosync is not running")


def told() -> dict[str, Any]:
    """The picture of a slave that hears a master, as it comes out of the socket."""
    node = Watched()
    node.hear(TWO, HOLDER._replace(serving=True))
    picture: dict[str, Any] = json.loads(
        json.dumps(status(node.state, node.now, FACTS._replace(past=node.chronicle.past())))
    )
    return picture


def test_roles_and_reasons_beside_corosyncs_answer() -> None:
    snapshot = combined(ANSWERED._replace(gaps=(Gap("roles", "old"), Gap("links", "kept"))), told())
    assert (snapshot.source, snapshot.gaps) == (Source.COROSYNC, (Gap("links", "kept"),))
    one, two = snapshot.nodes
    assert (one.role, two.role, two.reason) == (Role.SLAVE, Role.MASTER, "")
    assert one.reason
    assert snapshot.mastership is not None
    assert (snapshot.mastership.master, snapshot.mastership.address) == (TWO, "10.0.0.100/32")
    assert snapshot.mastership.lease is not None
    assert (snapshot.mastership.lease.holder, snapshot.mastership.lease.term) == (TWO, 4)
    assert from_json(json.loads(json.dumps(to_json(snapshot)))) == snapshot


def test_roles_where_corosync_does_not_run() -> None:
    snapshot = combined(DOWN, told())
    assert (snapshot.availability, snapshot.nodes[0].role) == (Availability.DOWN, Role.SLAVE)
    assert snapshot.reason == DOWN.reason


def test_all_of_it_where_corosync_lets_nobody_ask() -> None:
    snapshot = combined(DENIED, told())
    assert (snapshot.source, snapshot.availability, snapshot.reason) == (Source.DAEMON, Availability.ANSWERED, "")
    assert snapshot.quorate is True
    assert [node.status for node in snapshot.nodes] == [NodeStatus.JOINED] * 3
    assert (snapshot.nodes[1].address, snapshot.nodes[1].prio, snapshot.nodes[1].config_version) == ("10.0.0.2", 20, 1)
    assert snapshot.nodes[2].config_version is None
    assert snapshot.local == NodeId(1)
    assert snapshot.quorum is not None
    assert (snapshot.quorum.present, snapshot.quorum.ring_id, snapshot.can_lose) == (3, "1.a", 1)
    assert [gap.what for gap in snapshot.gaps] == ["links"]


def test_the_daemon_without_its_corosync() -> None:
    picture = told()
    picture["corosync"] |= {"connected": False, "lost_ms": 61_000, "votes": None}
    snapshot = snapshot_of(picture)
    assert (snapshot.availability, snapshot.quorate, snapshot.quorum) == (Availability.DOWN, None, None)
    assert "61 s ago" in snapshot.reason


@pytest.mark.parametrize("error", [Silent("corolistener does not answer"), Denied("coroctl")])
def test_a_daemon_that_does_not_tell_is_a_gap(error: Silent) -> None:
    snapshot = without(combined(ANSWERED, told()), error)
    assert snapshot.gaps == (Gap("corolistener", str(error)),)
    assert {node.role for node in snapshot.nodes} == {None}
    assert {node.reason for node in snapshot.nodes} == {""}
    assert snapshot.mastership is None
    assert combined(snapshot, told()).gaps == ()


def test_no_daemon() -> None:
    assert without(ANSWERED, NoDaemon()).gaps == (Gap("roles", "no corolistener runs on this node"),)
    assert without(DOWN, NoDaemon()) == DOWN


def test_whom_both_deny_is_told_both_reasons() -> None:
    assert without(DENIED, Denied("coroctl")).reason == (
        "corosync lets only root ask it; corolistener answers root and members of group coroctl only"
    )


@pytest.mark.parametrize(
    "picture",
    [{}, {"schema": 1}, {"schema": 2}, {**told(), "nodes": 5}, {**told(), "nodes": [{}]}, {**told(), "safety": []}, []],
)
@pytest.mark.parametrize("snapshot", [ANSWERED, DENIED])
def test_a_picture_that_makes_no_sense(picture: Any, snapshot: Snapshot) -> None:
    found = combined(snapshot, picture)
    assert found.nodes == snapshot.nodes
    assert "corolistener" in (found.reason or found.gaps[0].reason)


def test_a_frozen_daemon_costs_its_time_and_no_more(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(str(tmp_path / "status.sock"))
        frozen.listen()
        begin = time.monotonic()
        snapshot = with_daemon(ANSWERED, Client(str(tmp_path)))
        assert time.monotonic() - begin < source.ANSWER_S + 0.2
    assert snapshot.gaps[0].what == "corolistener"


async def test_the_list_asks_for_roles_only(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        client = Client(str(daemon.folder))
        daemon.shown = {"nodes": [{"nodeid": 1, "role": "suspended"}]}
        found = await asyncio.to_thread(with_roles, ANSWERED, client)
        assert [node.role for node in found.nodes] == [Role.SUSPENDED, None]
        assert found.gaps == ()
        daemon.shown = {"nodes": [{"nodeid": 1, "role": "emperor"}]}
        daemon.sockets.changed()
        found = await asyncio.to_thread(with_roles, ANSWERED, client)
        assert "emperor" in found.gaps[0].reason
        daemon.shown = told()
        daemon.sockets.changed()
        assert (await asyncio.to_thread(with_roles, DENIED, client)).source is Source.DAEMON


# The stream


async def until(listening: Listening, wanted: Any) -> Snapshot:
    """What it makes of a snapshot, as soon as that is so."""

    def wait() -> Snapshot:
        end = time.monotonic() + DEADLINE_S
        while not wanted(snapshot := listening.apply(ANSWERED)):
            assert time.monotonic() < end, snapshot
            select.select(listening.fds(), [], [], 0.05)
            listening.take()
        return snapshot

    return await asyncio.to_thread(wait)


async def test_the_stream_lives_through_death_and_return(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "RETRY_S", 0.05)
    listening = Listening(Client(str(tmp_path / "run")))
    try:
        listening.take()
        assert listening.fds() == []
        assert listening.apply(ANSWERED).gaps[0].reason == "no corolistener runs on this node"
        for _ in range(2):
            async with serving(tmp_path) as daemon:
                daemon.shown = told()
                await until(listening, lambda snapshot: snapshot.mastership is not None)
                daemon.shown = {**told(), "alarms": [{"alarm": "a", "since": 0, "detail": "b"}]}
                daemon.sockets.changed()
                await until(listening, lambda snapshot: snapshot.mastership.alarms == ("a: b",))
            await until(listening, lambda snapshot: snapshot.mastership is None)
    finally:
        listening.close()


def test_a_stream_that_freezes_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "status.sock"))
        listener.listen()
        listening = Listening(Client(str(tmp_path)))
        try:
            assert not listening.take()
            peer, _ = listener.accept()
            with peer:
                peer.sendall(json.dumps({"v": 1, "id": "", "result": told()}).encode() + b"\n")
                select.select(listening.fds(), [], [], DEADLINE_S)
                assert listening.take()
                assert listening.apply(ANSWERED).mastership is not None
                monkeypatch.setattr(source, "SILENT_S", 0)
                assert listening.take()
                assert "frozen" in listening.apply(ANSWERED).gaps[0].reason
                assert not listening.take()
                peer.sendall(json.dumps({"v": 1, "id": "", "result": told()}).encode() + b"\n")
                select.select(listening.fds(), [], [], DEADLINE_S)
                assert listening.take()
                assert listening.apply(ANSWERED).mastership is not None
        finally:
            listening.close()
