"""status.sock and control.sock: what they answer, whom they let in, and what bad clients cannot do to the loop."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import stat
import time
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.daemon import sockets
from coroctl.daemon.limits import Limits
from coroctl.daemon.rendering import Level
from coroctl.decision.messages import COLD, Edit, Verb
from coroctl.decision.values import Identity
from coroctl.model import NodeId
from tests.daemon.beat import STALL_S, Beat
from tests.daemon.control_sockets import DEADLINE_S, NO_NODE, Daemon, Peer, connected, open_files, serving

if TYPE_CHECKING:
    from pathlib import Path

BRISK = Limits(half_line_s=0.2, idle_s=0.4, unread_s=0.3, watch_s=0.02, pulse_s=0.1)
CHANGE: dict[str, Any] = {"term": 3, "configuration": {"version": 7, "digest": "ab"}, "node": 2}


async def still_serves(daemon: Daemon) -> None:
    async with connected(daemon) as peer:
        assert (await peer.ask(verb="snapshot"))["result"] == daemon.shown


# What is answered


async def test_a_snapshot(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        assert await peer.ask(id="one", verb="snapshot") == {"v": 1, "id": "one", "result": {"count": 0}}
        daemon.change()
        assert (await peer.ask(verb="snapshot"))["result"] == {"count": 1}


async def test_many_requests_at_once_are_answered_in_order(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        for number in range(50):
            peer.say(id=str(number), verb="snapshot")
        assert [(await peer.hear())["id"] for _ in range(50)] == [str(number) for number in range(50)]


async def test_who_asks_and_hangs_up_half_way_still_gets_the_answer(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        peer.say(verb="snapshot")
        peer.say(verb="events")
        peer.writer.write_eof()
        assert (await peer.hear())["result"] == {"count": 0}
        assert (await peer.hear())["result"] == {"events": [], "last": True}
        assert await peer.ends() == b""


async def test_watchers_are_told_of_every_change_but_not_each_time(tmp_path: Path) -> None:
    limits = Limits(watch_s=0.05, pulse_s=30)
    async with serving(tmp_path, limits) as daemon, connected(daemon) as peer:
        assert (await peer.ask(verb="watch"))["result"] == {"count": 0}
        begin = time.monotonic()
        for _ in range(1000):
            daemon.change()
        heard = [await peer.hear()]
        while heard[-1]["result"]["count"] < 1000:
            heard.append(await peer.hear())
        assert len(heard) <= 2 + (time.monotonic() - begin) / limits.watch_s


async def test_a_watcher_hears_a_pulse_while_nothing_changes(tmp_path: Path) -> None:
    async with serving(tmp_path, BRISK) as daemon, connected(daemon) as peer:
        await peer.ask(verb="watch")
        begin = time.monotonic()
        for _ in range(8):
            assert (await peer.hear())["result"] == {"count": 0}
        # Longer than any patience with a client that says nothing.
        assert time.monotonic() - begin > BRISK.idle_s


async def test_one_stream_a_connection(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        await peer.ask(verb="watch")
        assert (await peer.ask(id="w2", verb="watch"))["error"]["code"] == "argument"
        assert (await peer.ask(id="f", verb="events", follow=True))["error"]["code"] == "argument"


async def test_events_since_and_the_newest(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        ids = [daemon.journal.event(Level.INFO, "step", 1, step=f"s{number}").id for number in range(5)]
        answer = await peer.ask(verb="events", since=ids[1])
        assert [event["details"]["step"] for event in answer["result"]["events"]] == ["s2", "s3", "s4"]
        assert answer["result"]["last"] is True
        event = answer["result"]["events"][0]
        assert (event["id"], event["level"], event["node"]) == (ids[2], "info", "node1")
        assert event["line"].endswith("info node1 1 step step=s2")
        newest = await peer.ask(verb="events", limit=2)
        assert [event["id"] for event in newest["result"]["events"]] == ids[3:]


async def test_events_are_followed_across_pages(tmp_path: Path) -> None:
    async with serving(tmp_path, BRISK) as daemon, connected(daemon) as peer:
        first = daemon.journal.event(Level.INFO, "before", 1).id
        told = [event["event"] for event in (await peer.ask(verb="events", since=0, follow=True))["result"]["events"]]
        assert told == ["before"]
        wanted = [daemon.journal.event(Level.INFO, f"e{number}", 1).id for number in range(500)]
        found: list[int] = []
        while len(found) < 500:
            found += [event["id"] for event in (await peer.hear())["result"]["events"]]
        assert found == wanted
        assert found[0] > first
        daemon.journal.event(Level.INFO, "later", 1)
        assert [event["event"] for event in (await peer.hear())["result"]["events"]] == ["later"]


# Changes


async def test_a_change_reaches_the_core_with_its_actor(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon, "control.sock") as peer:
        claimed = {"user": "root", "origin": "ssh 192.0.2.7"}
        answer = await peer.ask(id="r1", verb="set-priority", value=50, claimed=claimed, **CHANGE)
        assert answer == {"v": 1, "id": "r1", "result": {"verdict": "ok", "why": "done"}}
        request, actor = daemon.asked.get_nowait()
        assert request.edit == Edit(Verb.PRIORITY, NodeId(2), 50)
        assert (request.id, request.term, request.identity) == ("r1", 3, Identity(7, "ab"))
        assert (actor.uid, actor.pid, actor.claimed.user) == (os.getuid(), os.getpid(), "root")


@pytest.mark.parametrize(
    ("verb", "asked"), [("promote", Verb.PROMOTE), ("suspend", Verb.SUSPEND), ("resume", Verb.RESUME)]
)
async def test_the_other_changes(tmp_path: Path, verb: str, asked: Verb) -> None:
    async with serving(tmp_path) as daemon, connected(daemon, "control.sock") as peer:
        assert (await peer.ask(verb=verb, **CHANGE))["result"]["verdict"] == "ok"
        assert daemon.asked.get_nowait()[0].edit == Edit(asked, NodeId(2))


FORMER = {"version": 7, "digest": "0a" * 32}
ADDED = {"node": 4, "value": 5, "name": "n4", "addresses": ["10.0.0.4", "10.0.1.4"]}


@pytest.mark.parametrize(
    ("verb", "more", "edit"),
    [
        ("node-add", ADDED, Edit(Verb.NODE_ADD, NodeId(4), 5, text="n4 10.0.0.4 10.0.1.4")),
        ("node-remove", {}, Edit(Verb.NODE_REMOVE, NodeId(2))),
        ("conf-restore", {"former": FORMER}, Edit(Verb.RESTORE, NodeId(0), text=f"7 {'0a' * 32}")),
        ("conf-adopt", {"node": 0}, Edit(Verb.ADOPT, NodeId(0))),
        ("conf-adopt", {}, Edit(Verb.ADOPT, NodeId(2))),
        ("machine-adopt", {"machine": "my vm"}, Edit(Verb.MACHINE_ADOPT, NodeId(2), text="my vm")),
        ("machine-move", {"machine": "ü"}, Edit(Verb.MACHINE_MOVE, NodeId(2), text="ü")),
        ("machine-move", {"machine": "a", "cold": True}, Edit(Verb.MACHINE_MOVE, NodeId(2), COLD, text="a")),
        ("machine-move", {"machine": "a", "cold": False}, Edit(Verb.MACHINE_MOVE, NodeId(2), text="a")),
        ("machine-forget", {"machine": "a"}, Edit(Verb.MACHINE_FORGET, NodeId(0), text="a")),
        ("confirm-dead", {}, Edit(Verb.CONFIRM_DEAD, NodeId(2))),
    ],
)
async def test_changes_with_own_arguments(tmp_path: Path, verb: str, more: dict[str, object], edit: Edit) -> None:
    async with serving(tmp_path) as daemon, connected(daemon, "control.sock") as peer:
        assert (await peer.ask(verb=verb, **{**CHANGE, **more}))["result"]["verdict"] == "ok"
        assert daemon.asked.get_nowait()[0].edit == edit


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        ("node-add", ADDED | {"node": 0}),
        ("node-add", ADDED | {"value": -1}),
        ("node-add", ADDED | {"name": "n 4"}),
        ("node-add", ADDED | {"name": ""}),
        ("node-add", ADDED | {"name": 4}),
        ("node-add", ADDED | {"name": "n" * 256}),
        ("node-add", ADDED | {"addresses": []}),
        ("node-add", ADDED | {"addresses": "10.0.0.4"}),
        ("node-add", ADDED | {"addresses": ["10.0.0.4\nnodeid: 1"]}),
        ("node-add", ADDED | {"addresses": ["10.0.0.4"] * 9}),
        ("node-remove", {"node": 0}),
        ("conf-restore", {"former": FORMER | {"version": -1}}),
        ("conf-restore", {"former": FORMER | {"digest": "0a" * 33}}),
        ("conf-restore", {"former": FORMER | {"digest": "0a 0a"}}),
        ("conf-restore", {}),
        ("conf-adopt", {"node": -1}),
        ("machine-adopt", {}),
        ("machine-adopt", {"machine": "a", "node": 0}),
        ("machine-move", {"machine": "a/b"}),
        ("machine-move", {"machine": ""}),
        ("machine-move", {"machine": 4}),
        ("machine-move", {"machine": "a", "cold": 1}),
        ("machine-move", {"machine": "a", "cold": "false"}),
        ("machine-forget", {"machine": "ü" * 128}),
        ("machine-forget", {"machine": "a\nb"}),
        ("machine-forget", {"machine": "\ud800"}),
        ("confirm-dead", {"node": 0}),
        ("preflight", {"change": "snapshot"}),
    ],
)
async def test_arguments_that_make_no_sense_for_them(tmp_path: Path, verb: str, more: dict[str, object]) -> None:
    async with serving(tmp_path) as daemon, connected(daemon, "control.sock") as peer:
        assert (await peer.ask(verb=verb, **{**CHANGE, **more}))["error"]["code"] == "argument"
        assert daemon.asked.empty()


async def test_status_takes_no_changes(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        assert (await peer.ask(verb="promote", **CHANGE))["error"]["code"] == "denied"
        assert daemon.asked.empty()
        assert (await peer.ask(verb="snapshot"))["result"] == {"count": 0}


async def test_control_may_look_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon, "control.sock") as peer:
        assert (await peer.ask(verb="snapshot"))["result"] == {"count": 0}


async def test_a_change_goes_on_when_its_client_goes(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.may_answer.clear()
        async with connected(daemon, "control.sock") as peer:
            peer.say(verb="promote", **CHANGE)
            await asyncio.wait_for(daemon.asked.get(), DEADLINE_S)
        daemon.may_answer.set()
        await still_serves(daemon)


async def test_only_so_many_changes_under_way(tmp_path: Path) -> None:
    async with serving(tmp_path, Limits(unanswered=2)) as daemon, connected(daemon, "control.sock") as peer:
        daemon.may_answer.clear()
        for number in range(3):
            peer.say(id=str(number), verb="promote", **CHANGE)
        refused = await peer.hear()
        assert (refused["id"], refused["error"]["code"]) == ("2", "busy")
        daemon.may_answer.set()
        assert sorted([(await peer.hear())["id"] for _ in range(2)]) == ["0", "1"]
        assert (await peer.ask(verb="promote", **CHANGE))["result"]["verdict"] == "ok"


@pytest.mark.parametrize(
    "wrong",
    [
        {"node": 0},
        {"node": 1 << 32},
        {"node": "2"},
        {"node": True},
        {"node": None},
        {"value": -1},
        {"value": 1_000_001},
        {"value": 1.5},
        {"term": -1},
        {"term": 1 << 64},
        {"configuration": None},
        {"configuration": {"version": 7}},
        {"configuration": {"version": "7", "digest": "ab"}},
        {"configuration": {"version": 7, "digest": "a" * 65}},
        {"claimed": "root"},
        {"claimed": {"user": "x" * 129}},
        {"claimed": {"user": 0}},
    ],
)
async def test_an_argument_that_makes_no_sense_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async with serving(tmp_path) as daemon, connected(daemon, "control.sock") as peer:
        request = {**CHANGE, "value": 5, **wrong}
        assert (await peer.ask(verb="set-priority", **request))["error"]["code"] == "argument"
        assert daemon.asked.empty()
        assert (await peer.ask(verb="set-priority", value=5, **CHANGE))["result"]["verdict"] == "ok"


async def test_what_is_forced_reaches_the_desk(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon, "control.sock") as peer:
        await peer.ask(verb="suspend", force=["quorum", "successor"], **CHANGE)
        assert daemon.forced == {"quorum", "successor"}
        for wrong in ("quorum", [1], ["x" * 65], ["x"] * 17, None):
            assert (await peer.ask(verb="suspend", force=wrong, **CHANGE))["error"]["code"] == "argument"


# Preflights


async def test_a_preflight_is_answered_at_both_sockets(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        for name in ("status.sock", "control.sock"):
            async with connected(daemon, name) as peer:
                told = await peer.ask(verb="preflight", change="set-priority", node=2, value=50)
                assert told["result"] == {"edit": ["priority", 2, 50], "seen": None}
                seen = await peer.ask(verb="preflight", change="suspend", **CHANGE)
                assert seen["result"] == {"edit": ["suspend", 2, 0], "seen": [3, 7, "ab"]}
        assert daemon.asked.empty()


@pytest.mark.parametrize(
    "wrong",
    [{"change": None}, {"change": "snapshot"}, {"change": "preflight"}, {"node": 0}, {"value": -1}, {"node": NO_NODE}],
)
async def test_a_preflight_that_makes_no_sense(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        told = await peer.ask(verb="preflight", **{"change": "set-priority", "node": 2, "value": 5, **wrong})
        assert (told["id"], told["error"]["code"]) == ("r", "argument")


# Rights


async def test_who_may_only_look_and_asks_for_a_change_is_told_to_the_desk(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        claimed = {"user": "eve", "origin": "192.0.2.7"}
        answer = await peer.ask(verb="promote", claimed=claimed, **CHANGE)
        assert answer["error"] == {"code": "denied", "text": "promote is taken at control.sock only"}
        [(verb, actor)] = daemon.refused
        assert (verb, actor.uid, actor.claimed.user) == ("promote", os.getuid(), "eve")
        assert daemon.asked.empty()


async def test_rights_are_set(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        for name in ("status.sock", "control.sock"):
            found = (daemon.folder / name).stat()
            assert stat.S_ISSOCK(found.st_mode)
            assert stat.S_IMODE(found.st_mode) == 0o660
        assert stat.S_IMODE(daemon.folder.stat().st_mode) == 0o755
        assert stat.S_IMODE((daemon.folder / "refused.sock").stat().st_mode) == 0o666
        names = ["control.sock", "refused.sock", "status.sock"]
        assert sorted(path.name for path in daemon.folder.iterdir()) == names
    assert list(daemon.folder.iterdir()) == []


async def test_what_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "run/status.sock"))
    async with serving(tmp_path) as daemon:
        await still_serves(daemon)


async def test_the_sockets_of_a_successor_are_left_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as former, serving(tmp_path) as successor:
        await former.sockets.close()
        await still_serves(successor)


@pytest.mark.skipif(os.getuid() != 0, reason="becomes somebody else")
async def test_who_is_not_in_the_group_cannot_connect(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        tmp_path.chmod(0o755)
        tmp_path.parent.chmod(0o755)
        tmp_path.parent.parent.chmod(0o755)
        codes = []
        for name in ("status.sock", "control.sock"):
            child = os.fork()
            if child == 0:
                os._exit(_try_as_nobody(str(daemon.folder / name)))
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        assert codes == [13, 13]


def _try_as_nobody(path: str) -> int:
    """The errno of connecting as a user without any group."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path)


# Bad input (faults.md)


async def refused(peer: Peer, code: str) -> None:
    assert (await peer.hear())["error"]["code"] == code
    assert await peer.ends() == b""


async def test_connect_and_say_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, BRISK) as daemon, connected(daemon) as peer:
        await refused(peer, "timeout")


async def test_half_a_line(tmp_path: Path) -> None:
    async with serving(tmp_path, BRISK) as daemon, connected(daemon) as peer:
        peer.writer.write(b'{"v": 1, ')
        await refused(peer, "timeout")


async def test_half_a_line_that_grows_a_byte_at_a_time(tmp_path: Path) -> None:
    async with serving(tmp_path, BRISK) as daemon:
        begin = time.monotonic()
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            client.connect(str(daemon.folder / "status.sock"))
            told = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(client, 65536))
            while not told.done():
                with suppress(ConnectionError):
                    client.send(b"x")
                await asyncio.wait([told], timeout=0.01)
        assert json.loads(told.result())["error"]["code"] == "timeout"
        assert time.monotonic() - begin < DEADLINE_S


async def test_half_a_line_and_gone(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        async with connected(daemon) as peer:
            peer.writer.write(b'{"v": 1, ')
        await still_serves(daemon)


async def test_a_line_of_a_gibibyte(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        beat, sent = Beat(), 0
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            client.connect(str(daemon.folder / "status.sock"))
            with pytest.raises(ConnectionError):  # noqa: PT012 (how much it takes is the question)
                while sent < 1 << 30:
                    await asyncio.wait_for(loop.sock_sendall(client, b"x" * 65536), DEADLINE_S)
                    sent += 65536
            told = await asyncio.wait_for(loop.sock_recv(client, 65536), DEADLINE_S)
        assert sent < 2 << 20
        assert json.loads(told)["error"]["code"] == "line"
        assert await beat.worst() < STALL_S
        await still_serves(daemon)


async def test_the_longest_line_and_one_longer(tmp_path: Path) -> None:
    limits = Limits()
    async with serving(tmp_path, limits) as daemon, connected(daemon) as peer:
        fits = json.dumps({"v": 1, "id": "r", "verb": "snapshot"}).encode()
        peer.writer.write(fits.ljust(limits.line_bytes - 1) + b"\n")
        assert (await peer.hear())["result"] == {"count": 0}
        peer.writer.write(fits.ljust(limits.line_bytes) + b"\n")
        await refused(peer, "line")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"\xff\xfe", "encoding"),
        (b'{"v": 1, "id": "\xc3("}', "encoding"),
        pytest.param(b"[" * 60_000, "syntax", id="deep-list"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "syntax", id="deep-object"),
        pytest.param(b"9" * 60_000, "syntax", id="huge-number"),
        (b"nonsense", "syntax"),
        (b'{"v": 1, "id": "r", "verb": "snapshot"', "syntax"),
        (b'{"v": NaN}', "syntax"),
        (b"[]", "syntax"),
        (b"null", "syntax"),
        (b'"text"', "syntax"),
        (b"{}", "id"),
        (b'{"v": 1, "id": 7, "verb": "snapshot"}', "id"),
        (b'{"v": 1, "id": "", "verb": "snapshot"}', "id"),
        (b'{"v": 1, "id": "\\u001b[2J", "verb": "snapshot"}', "id"),
        (b'{"v": 1, "id": "\\ud800", "verb": "snapshot"}', "id"),
        (b'{"v": 1, "id": "' + b"x" * 65 + b'", "verb": "snapshot"}', "id"),
        (b'{"v": 2, "id": "r", "verb": "snapshot"}', "version"),
        (b'{"v": true, "id": "r", "verb": "snapshot"}', "version"),
        (b'{"v": "1", "id": "r", "verb": "snapshot"}', "version"),
        (b'{"id": "r", "verb": "snapshot"}', "version"),
        (b"\0", "syntax"),
    ],
)
async def test_who_does_not_speak_the_protocol_is_told_and_let_go(tmp_path: Path, line: bytes, code: str) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        peer.writer.write(line + b"\n")
        peer.say(verb="snapshot")
        await refused(peer, code)
        await still_serves(daemon)


@pytest.mark.parametrize("verb", ["dance", "", None, 5, [], {}, "SNAPSHOT", "snapshot\n"])
async def test_an_unknown_verb_is_an_error_and_no_more(tmp_path: Path, verb: object) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        assert (await peer.ask(id="x", verb=verb))["error"]["code"] == "verb"
        assert (await peer.ask(verb="snapshot"))["result"] == {"count": 0}


@pytest.mark.parametrize(
    "wrong",
    [{"since": -1}, {"since": "1"}, {"since": 1 << 64}, {"limit": 0}, {"limit": 201}, {"follow": 1}, {"follow": "yes"}],
)
async def test_events_with_wrong_arguments(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        assert (await peer.ask(verb="events", **wrong))["error"]["code"] == "argument"


async def test_a_thousand_clients(tmp_path: Path) -> None:
    limits = Limits(connections_a_user=1000, pulse_s=3600)
    before = open_files()
    async with serving(tmp_path, limits) as daemon:
        beat = Beat()
        async with AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(connected(daemon)) for _ in range(1000)]
            for peer in peers[: limits.connections]:
                peer.say(verb="watch")
            assert [(await peer.hear())["result"] for peer in peers[: limits.connections]]
            for peer in peers[limits.connections :]:
                await refused(peer, "busy")
            daemon.change()
            assert {(await peer.hear())["result"]["count"] for peer in peers[: limits.connections]} == {1}
            assert daemon.sockets.usage.connections == limits.connections
        while daemon.sockets.usage.connections:
            await asyncio.sleep(0)
        await still_serves(daemon)
        assert await beat.worst() < STALL_S
    assert open_files() <= before


async def test_one_user_cannot_take_every_place(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(connected(daemon)) for _ in range(33)]
        await refused(peers[32], "busy")
        assert (await peers[31].ask(verb="snapshot"))["result"] == {"count": 0}


async def test_without_file_descriptors_clients_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SHORT_OF_FILES_S", 0.05)
    loop = asyncio.get_running_loop()
    failures: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: failures.append(context))
    async with serving(tmp_path) as daemon:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno(), hard))
            try:
                client.connect(str(daemon.folder / "status.sock"))
                client.send(b'{"v": 1, "id": "r", "verb": "snapshot"}\n')
                told = asyncio.ensure_future(loop.sock_recv(client, 65536))
                await asyncio.wait([told], timeout=0.2)
                assert not told.done()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert json.loads(await asyncio.wait_for(told, DEADLINE_S))["result"] == {"count": 0}
    assert failures == []


async def test_a_flood_of_requests_waits_and_the_loop_does_not(tmp_path: Path) -> None:
    limits = Limits(requests_a_second=100, burst=10)
    async with serving(tmp_path, limits) as daemon, connected(daemon) as peer:
        beat, begin = Beat(), time.monotonic()
        peer.writer.write(b'{"v": 1, "id": "r", "verb": "snapshot"}\n' * 5000)
        for _ in range(40):
            await peer.hear()
        assert time.monotonic() - begin > 0.25
        assert await beat.worst() < STALL_S


async def test_a_watcher_that_does_not_read_is_dropped_in_the_end(tmp_path: Path) -> None:
    async with serving(tmp_path, BRISK) as daemon, connected(daemon) as peer:
        daemon.shown = {"count": 0, "filler": "x" * 100_000}
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        peer.say(verb="watch")
        while not daemon.sockets.usage.connections:
            await asyncio.sleep(0)
        async with asyncio.timeout(DEADLINE_S):
            while daemon.sockets.usage.connections:
                daemon.sockets.changed()
                await asyncio.sleep(0)


async def test_who_leaves_too_much_unread_is_dropped_at_once(tmp_path: Path) -> None:
    limits = Limits(unread_bytes=1 << 20, unread_s=3600)
    async with serving(tmp_path, limits) as daemon, connected(daemon) as peer:
        daemon.shown = {"filler": "x" * (2 << 20)}
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        peer.say(verb="snapshot")
        while not daemon.sockets.usage.connections:
            await asyncio.sleep(0)
        async with asyncio.timeout(DEADLINE_S):
            while daemon.sockets.usage.connections:
                await asyncio.sleep(0)


async def test_a_slow_reader_gets_the_newest_and_not_all(tmp_path: Path) -> None:
    limits = Limits(watch_s=0.001, pulse_s=0.01, unread_s=3600)
    async with serving(tmp_path, limits) as daemon, connected(daemon) as peer:
        daemon.shown = {"count": 0, "filler": "x" * 50_000}
        await peer.ask(verb="watch")
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        [connection] = daemon.sockets.connections
        async with asyncio.timeout(DEADLINE_S):
            while not connection.full:
                daemon.sockets.changed()
                await asyncio.sleep(0)
        daemon.shown = {"count": 7}
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        heard = await peer.hear()
        while heard["result"]["count"] != 7:
            heard = await peer.hear()
        assert daemon.sockets.usage.connections == 1


async def test_who_does_not_read_is_not_read_from_either(tmp_path: Path) -> None:
    limits = Limits(watch_s=0.001, pulse_s=0.01, unread_s=3600)
    async with serving(tmp_path, limits) as daemon, connected(daemon) as peer:
        daemon.shown = {"filler": "x" * 50_000}
        await peer.ask(verb="watch")
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        [connection] = daemon.sockets.connections
        async with asyncio.timeout(DEADLINE_S):
            while not connection.full:
                daemon.sockets.changed()
                await asyncio.sleep(0)
        peer.writer.write(b"x" * (16 << 20))
        for _ in range(1000):  # turns in which it could be read
            await asyncio.sleep(0)
        assert len(connection._buffer) < 1 << 20
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(DEADLINE_S):
            await peer.ends()  # the line is read on, and too long


async def test_a_follower_that_goes_leaves_nothing_behind(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        async with connected(daemon) as peer:
            await peer.ask(verb="events", follow=True)
            assert len(asyncio.all_tasks()) == 2
        async with asyncio.timeout(DEADLINE_S):
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0)


# Logs and machines


async def test_a_log_piece_by_piece_and_then_the_next_request(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        for node in (None, 2):
            peer.say(verb="log", name="corosync.log", node=node, grep="a")
            assert (await peer.hear())["result"] == {"lines": [[1.5, "a line"]]}
            assert (await peer.hear())["result"]["last"] is True
            assert "result" in await peer.ask(verb="snapshot")
        assert [(node, wanted.grep) for node, wanted in daemon.teller.wanted] == [(None, "a"), (2, "a")]


async def test_who_asks_for_a_log_and_hangs_up_half_way_gets_it_but_follows_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        async with connected(daemon) as peer:
            peer.say(verb="log", name="corosync.log")
            peer.writer.write_eof()
            assert (await peer.ends()).count(b"\n") == 2
        daemon.teller.goes_on.clear()
        async with connected(daemon) as peer:
            peer.say(verb="log", name="corosync.log", follow=True)
            peer.writer.write_eof()
            assert b'"last"' not in await peer.ends()
        await nothing_is_left(daemon)


async def nothing_is_left(daemon: Daemon) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while daemon.teller.under_way or len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)


async def test_a_log_ends_with_its_reader(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.teller.goes_on.clear()
        async with connected(daemon) as peer:
            await peer.ask(verb="log", name="corosync.log", follow=True)
            assert daemon.teller.under_way == 1
        await nothing_is_left(daemon)
        daemon.teller.pieces = [b'{"lines": []}'] * 10_000
        async with connected(daemon) as peer:
            await peer.ask(verb="log", name="corosync.log")
        await nothing_is_left(daemon)


async def test_one_log_a_connection(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        daemon.teller.goes_on.clear()
        await peer.ask(verb="log", name="corosync.log")
        for verb in ({"verb": "log", "name": "corosync.log"}, {"verb": "events", "follow": True}, {"verb": "watch"}):
            assert (await peer.ask(**verb))["error"]["code"] == "argument"
        assert "result" in await peer.ask(verb="snapshot")
        daemon.teller.goes_on.set()
        assert (await peer.hear())["result"]["last"] is True


async def test_a_log_waits_for_its_reader_and_the_loop_does_not(tmp_path: Path) -> None:
    async with serving(tmp_path, BRISK) as daemon, connected(daemon) as peer:
        piece = b'{"lines": [[null, "%s"]]}' % (b"x" * 30_000)
        daemon.teller.pieces = [piece] * 10_000
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        peer.say(verb="log", name="corosync.log")
        beat = Beat()
        while not daemon.teller.under_way:
            await asyncio.sleep(0)
        [connection] = daemon.sockets.connections
        async with asyncio.timeout(DEADLINE_S):
            while daemon.teller.under_way:  # dropped in the end
                transport = connection._transport
                assert transport is None or transport.get_write_buffer_size() < 4 * len(piece)
                await asyncio.sleep(0)
        assert await beat.worst() < STALL_S
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await peer.ends()) < 100 * len(piece)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "/etc/shadow"},
        {"name": "../corosync.log"},
        {"lines": -1},
        {"since": "noon"},
        {"grep": ["a"]},
        {"grep": "x" * 257},
        {"context": 1.5},
        {"follow": 1},
        {"node": 0},
        {"node": "n1"},
    ],
)
async def test_a_log_with_wrong_arguments(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        assert (await peer.ask(verb="log", **{"name": "corosync.log", **wrong}))["error"]["code"] == "argument"
        assert not daemon.teller.wanted


async def test_machines(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, connected(daemon) as peer:
        told = (await peer.ask(verb="host", nodes=[2, 3]))["result"]["hosts"]
        assert [row["node"] for row in told] == [2, 3]
        for wrong in (2, ["a"], [0], [1.5], list(range(1, 200))):
            assert (await peer.ask(verb="host", nodes=wrong))["error"]["code"] == "argument"
