"""The client on real sockets: answers, streams, and a clear error in time for every way that a daemon can fail."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from coroctl import client as module
from coroctl import dialogue
from coroctl.actions import Seen
from coroctl.client import Client, Denied, NoDaemon, Outcome, ProtocolError, Rejected, Silent
from coroctl.daemon import protocol, sockets
from coroctl.daemon.rendering import Level
from coroctl.decision.messages import Edit, Verb
from coroctl.model import NodeId
from tests.daemon.control_sockets import DEADLINE_S, Daemon, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
SEEN = Seen(3, 7, "ab")


def test_both_ends_agree() -> None:
    assert protocol.VERSION == dialogue.VERSION
    assert (sockets.STATUS, sockets.CONTROL) == (module.STATUS, module.CONTROL)
    assert {sockets.STATUS: sockets.GROUPS.status, sockets.CONTROL: sockets.GROUPS.control} == module.GROUPS


async def asked(daemon: Daemon, ask: Callable[[Client], T]) -> T:
    """What a client on a thread of its own gets."""
    return await asyncio.wait_for(asyncio.to_thread(ask, Client(str(daemon.folder))), DEADLINE_S)


async def test_a_snapshot(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        assert await asked(daemon, lambda client: client.snapshot()) == {"count": 0}


async def test_roles_without_json(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.shown = {"nodes": [{"nodeid": 1, "role": "master"}, {"nodeid": 4294967295, "role": None}]}
        assert await asked(daemon, lambda client: client.roles()) == {1: "master", 4294967295: "-"}
        probe = "import sys, coroctl.client as c; print(c.Client(sys.argv[1]).roles(), 'json' in sys.modules)"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", probe, str(daemon.folder), stdout=subprocess.PIPE
        )
        told, _ = await asyncio.wait_for(process.communicate(), DEADLINE_S)
        assert told.decode() == "{1: 'master', 4294967295: '-'} False\n"


async def test_a_snapshot_of_a_megabyte(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.shown = {"filler": "é" * 150_000}
        assert await asked(daemon, lambda client: client.snapshot()) == daemon.shown


async def test_events(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        ids = [daemon.journal.event(Level.INFO, f"e{number}", 1).id for number in range(5)]
        assert [event["id"] for event in await asked(daemon, lambda client: client.events(ids[2]))] == ids[3:]
        assert [event["id"] for event in await asked(daemon, lambda client: client.events(limit=1))] == ids[4:]


async def test_events_are_followed(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.journal.event(Level.INFO, "first", 1)

        def follow(client: Client) -> list[str]:
            names: list[str] = []
            with client.follow(0) as stream:
                for page in stream:
                    names += [event["event"] for event in page["events"]]
                    loop.call_soon_threadsafe(daemon.journal.event, Level.INFO, "next", 1)
                    if len(names) >= 3:
                        return names
            raise AssertionError

        loop = asyncio.get_running_loop()
        assert (await asked(daemon, follow))[:3] == ["first", "next", "next"]


async def test_watching_by_a_file_descriptor(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        loop = asyncio.get_running_loop()

        def watch(client: Client) -> list[Any]:
            with client.watch() as stream:
                select.select([stream], [], [], DEADLINE_S)
                first = stream.take()
                assert stream.take() == []
                loop.call_soon_threadsafe(daemon.change)
                select.select([stream], [], [], DEADLINE_S)
                return [*first, *stream.take()]

        assert await asked(daemon, watch) == [{"count": 0}, {"count": 1}]


async def test_a_stream_says_when_the_daemon_goes(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        stream = await asked(daemon, lambda client: client.watch())
        with stream:
            await asyncio.to_thread(lambda: next(iter(stream)))
            await daemon.sockets.close()
            with pytest.raises(Silent, match="ended"):
                await asyncio.to_thread(lambda: next(iter(stream)))
            with pytest.raises(Silent):
                stream.take()


@pytest.mark.parametrize(
    ("ask", "edit"),
    [
        (lambda client: client.change("set-priority", 2, SEEN, {"value": 50}), Edit(Verb.PRIORITY, NodeId(2), 50)),
        (lambda client: client.change("promote", 2, SEEN), Edit(Verb.PROMOTE, NodeId(2))),
        (lambda client: client.change("suspend", 2, SEEN), Edit(Verb.SUSPEND, NodeId(2))),
        (lambda client: client.change("resume", 2, SEEN), Edit(Verb.RESUME, NodeId(2))),
    ],
)
async def test_changes(tmp_path: Path, ask: Callable[[Client], Outcome], edit: Edit) -> None:
    async with serving(tmp_path) as daemon:
        assert await asked(daemon, ask) == Outcome("ok", "done")
        request, actor = daemon.asked.get_nowait()
        assert (request.edit, request.term, tuple(request.identity)) == (edit, 3, (7, "ab"))
        assert actor.uid == os.getuid()


async def test_a_change_carries_its_id_and_what_is_claimed(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        await asked(
            daemon, lambda client: client.change("resume", 2, SEEN, request="once", user="eve", origin="ssh 192.0.2.1")
        )
        request, actor = daemon.asked.get_nowait()
        assert (request.id, *actor.claimed) == ("once", "eve", "ssh 192.0.2.1")


async def test_a_change_without_an_answer_is_unknown(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.may_answer.clear()
        outcome = await asked(daemon, lambda client: client.change("promote", 2, SEEN, timeout_s=0.1))
        assert outcome.verdict == "unknown"
        daemon.may_answer.set()


@pytest.mark.parametrize(
    "told",
    [
        b'{"v": 1, "id": "-", "error": {"code": "internal", "text": "corolistener failed; its log says more"}}',
        b'{"v": 1, "id": "-", "error": {"code": "failed", "text": "the disk"}}',
        b'{"v": 1, "id": "-", "result": {"verdict": "ok"}}',
        b'{"v": 1, "id": "-", "result": []}',
        b"nonsense",
        b"",
    ],
)
def test_a_change_whose_answer_says_nothing_of_it_is_unknown(tmp_path: Path, told: bytes) -> None:
    with pretending(tmp_path, lambda connection: connection.sendall(told + b"\n"), module.CONTROL) as client:
        assert client.change("promote", 2, SEEN).verdict == "unknown"


@pytest.mark.parametrize("code", ["busy", "argument", "version"])
def test_a_change_that_was_not_taken_is_an_error(tmp_path: Path, code: str) -> None:
    told = b'{"v": 1, "id": "-", "error": {"code": "%s", "text": "not taken"}}\n' % code.encode()
    with (
        pretending(tmp_path, lambda connection: connection.sendall(told), module.CONTROL) as client,
        pytest.raises((Rejected, ProtocolError), match="not taken"),
    ):
        client.change("promote", 2, SEEN)


async def test_a_preflight(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        told = await asked(daemon, lambda client: client.preflight("set-priority", 2, {"value": 50}))
        assert told == {"edit": ["priority", 2, 50], "seen": None}
        with pytest.raises(Rejected, match="no node 99"):
            await asked(daemon, lambda client: client.preflight("promote", 99))


async def test_what_is_forced_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        await asked(daemon, lambda client: client.change("suspend", 2, SEEN, {"force": ["quorum"]}))
        assert daemon.forced == {"quorum"}


AS_NOBODY = """
import contextlib, json, os, socket, sys
from coroctl.actions import Seen
from coroctl.client import Client, Denied
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
client = Client(sys.argv[1])
try:
    print(client.snapshot() if sys.argv[2] == "look" else client.change("promote", 2, Seen(3, 7, "ab")))
except Denied as error:
    print(error)
"""


async def as_nobody(daemon: Daemon, what: str) -> str:
    """What a user without any group gets."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AS_NOBODY, str(daemon.folder), what, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    return output.decode().strip()


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else")
async def test_rights_of_a_user_without_groups(public: Path) -> None:
    async with serving(public) as daemon:
        assert await as_nobody(daemon, "look") == "corolistener answers root and members of group coroctl only"
        assert await as_nobody(daemon, "change") == "corolistener answers root and members of group coroctl-admin only"
        assert daemon.refused == []  # nobody can know of it


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else")
async def test_a_refusal_is_told_to_the_daemon_by_who_may_look(public: Path) -> None:
    async with serving(public) as daemon:
        (daemon.folder / "status.sock").chmod(0o666)
        assert await as_nobody(daemon, "look") == "{'count': 0}"
        assert await as_nobody(daemon, "change") == "corolistener answers root and members of group coroctl-admin only"
        assert [(verb, actor.uid) for verb, actor in daemon.refused] == [("promote", 65534)]
        assert daemon.asked.empty()


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else")
async def test_who_may_change_may_look(public: Path) -> None:
    async with serving(public) as daemon:
        (daemon.folder / "control.sock").chmod(0o666)
        assert await as_nobody(daemon, "look") == "{'count': 0}"
        assert "verdict='ok'" in await as_nobody(daemon, "change")


async def test_a_change_that_makes_no_sense(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        with pytest.raises(Rejected, match="value must be") as caught:
            await asked(daemon, lambda client: client.change("set-priority", 2, SEEN, {"value": -1}))
        assert caught.value.code == "argument"


# Without a daemon that works


@contextmanager
def pretending(folder: Path, answer: Callable[[socket.socket], object], name: str = module.STATUS) -> Iterator[Client]:
    """A client of something that listens at one of the sockets and treats one connection so."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / name))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                answer(connection)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield Client(str(folder))
        finally:
            thread.join(DEADLINE_S)


def test_no_daemon(tmp_path: Path) -> None:
    with pytest.raises(NoDaemon, match="no corolistener runs"):
        Client(str(tmp_path)).snapshot()


def test_a_socket_that_a_killed_daemon_left(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "status.sock"))
    with pytest.raises(NoDaemon):
        Client(str(tmp_path)).snapshot()


def test_a_frozen_daemon_takes_no_longer_than_was_granted(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(str(tmp_path / "status.sock"))
        frozen.listen(1)
        for _ in range(4):  # until its queue is full, too
            begin = time.monotonic()
            with pytest.raises(Silent, match="frozen"):
                Client(str(tmp_path)).snapshot(0.1)
            assert time.monotonic() - begin < 0.4


def test_an_answer_that_drips_takes_no_longer_either(tmp_path: Path) -> None:
    ended = time.monotonic() + 0.4

    def drip(connection: socket.socket) -> None:
        try:
            while time.monotonic() < ended:
                connection.send(b" ")
                select.select([], [], [], 0.01)
        except BrokenPipeError:
            return

    with pretending(tmp_path, drip) as client, pytest.raises(Silent):
        client.snapshot(0.1)
    assert time.monotonic() < ended + 1


def test_a_daemon_that_breaks_off(tmp_path: Path) -> None:
    with (
        pretending(tmp_path, lambda connection: connection.send(b'{"v": 1, "resu')) as client,
        pytest.raises(Silent, match="ended the connection"),
    ):
        client.snapshot()


def test_what_came_before_an_error_is_not_lost_with_it(tmp_path: Path) -> None:
    told = b'{"v": 1, "id": "-", "result": {"n": %d}}\n'
    gone = b'{"v": 1, "id": "-", "error": {"code": "failed", "text": "it is gone"}}\n'
    with pretending(tmp_path, lambda connection: connection.sendall(told % 1 + told % 2 + gone)) as client:
        stream = client.watch()
        select.select([stream], [], [], DEADLINE_S)
        assert stream.take() == [{"n": 1}, {"n": 2}]
        with pytest.raises(Rejected, match="it is gone"):
            stream.take()
        stream.close()


@pytest.mark.parametrize(
    "line",
    [b"nonsense", b"[]", b"{}", b'{"error": 5}', b"\xff", b'{"result"}', pytest.param(b"[" * 100_000, id="deep")],
)
def test_nonsense(tmp_path: Path, line: bytes) -> None:
    with (
        pretending(tmp_path, lambda connection: connection.sendall(line + b"\n")) as client,
        pytest.raises(ProtocolError),
    ):
        client.snapshot()


def test_another_version(tmp_path: Path) -> None:
    told = b'{"v": 2, "id": "", "error": {"code": "version", "text": "this corolistener speaks version 2"}}\n'
    with (
        pretending(tmp_path, lambda connection: connection.sendall(told)) as client,
        pytest.raises(ProtocolError, match="speaks version 2, and this coroctl version 1"),
    ):
        client.snapshot()


def test_an_endless_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "MOST_BYTES", 1 << 20)

    def pour(connection: socket.socket) -> None:
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            return

    with pretending(tmp_path, pour) as client, pytest.raises(ProtocolError, match="without an end"):
        client.snapshot()


@pytest.mark.skipif(os.getuid() != 0, reason="becomes somebody else")
def test_denied_names_the_group(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "status.sock"))
        (tmp_path / "status.sock").chmod(0o660)
        listener.listen()
        child = os.fork()
        if child == 0:
            os._exit(_denied_as_nobody(str(tmp_path)))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def _denied_as_nobody(folder: str) -> int:
    """7 if the error is the one that is wanted."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    try:
        Client(folder).snapshot()
    except Denied as error:
        return 7 if "group coroctl " in str(error) else 1
    return 0


def test_it_costs_little_to_import() -> None:
    probe = "import sys, coroctl.client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()
    assert not {"json", "socket", "asyncio", "dataclasses", "pathlib", "coroctl.model"} & set(loaded)
