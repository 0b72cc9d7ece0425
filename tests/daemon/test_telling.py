"""Logs and machines, told by two nodes to each other: real connections, real processes that read real files."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from contextlib import aclosing, asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from coroctl.daemon import machine, pull, pull_server, telling
from coroctl.daemon.configuration import parsed
from coroctl.daemon.keys import make_key
from coroctl.daemon.logs import LogError, LogName, LogWanted, as_row, log_wanted
from coroctl.daemon.machine import Machine, Subject
from coroctl.daemon.pull import About, PullClient, Pulled, PullError, Question, Told
from coroctl.daemon.pull_server import CONNECTIONS, PullServer
from coroctl.daemon.readers import ReaderError
from coroctl.daemon.telling import Telling
from coroctl.model import NodeId
from coroctl.sources.machine import from_json
from tests.conf.samples import GOOD
from tests.daemon.beat import STALL_S, Beat

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from coroctl.daemon.pull import Reply

KEY = make_key(b"k" * 32)
HERE, THERE, NOBODY = NodeId(1), NodeId(2), NodeId(3)
LOG = LogName.COROLISTENER
DEADLINE_S = 20

pytestmark = pytest.mark.timeout(60)


class Neighbour(NamedTuple):
    """What a node knows of the others."""

    pull: PullClient

    def heard(self) -> tuple[NodeId, ...]:
        return (THERE, NOBODY)


class Pair(NamedTuple):
    """Two nodes, of which this one asks that one."""

    here: Telling
    there: Telling
    server: PullServer
    log: Path
    """That one's."""
    watched: list[bool]


async def no_file(_: Question) -> Reply:
    return None


@asynccontextmanager
async def paired(folder: Path) -> AsyncIterator[Pair]:
    data = GOOD.replace(b"}", b"}\nlogging {\n  logfile: %s/corosync.log\n}" % os.fsencode(folder), 1)
    loaded = parsed(data, "corosync.conf")
    watched = [True]
    made = [
        Telling(node, folder / f"{node}.log", lambda: loaded, Neighbour(client), no_file, lambda: watched[0])
        for node in (HERE, THERE)
        for client in [PullClient([KEY], "cluster")]
    ]
    server = PullServer([KEY], "cluster", made[1].answer)
    server.configure({HERE: ("127.0.0.1",)})
    await server.start(("127.0.0.1",), 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refusing = taken.getsockname()[1]
    assert refusing
    client = made[0]._pull
    assert isinstance(client, PullClient)
    client.configure({THERE: ("127.0.0.1",)}, int(server.listening[0].getsockname()[1]))
    try:
        yield Pair(made[0], made[1], server, folder / "2.log", watched)
    finally:
        for one in made:
            await one.close()
        await server.close()


async def told(pair: Pair, wanted: LogWanted, node: NodeId = THERE) -> list[list[Any]]:
    """The lines, with their times."""
    lines = []
    async with asyncio.timeout(DEADLINE_S), aclosing(pair.here.log(node, wanted)) as pieces:
        async for piece in pieces:
            assert len(piece) < 1 << 16
            lines += json.loads(piece)["lines"]
    return lines


def written(path: Path, count: int) -> None:
    path.write_text("".join(f"2026-11-22T12:00:{n % 60:02}.5+00:00 notice n {n} event\n" for n in range(count)))


async def test_the_newest_lines_with_their_times_from_here_and_there(tmp_path: Path) -> None:
    written(tmp_path / "1.log", 3)
    written(tmp_path / "2.log", 30_000)
    async with paired(tmp_path) as pair:
        assert [text.split()[3] for _, text in await told(pair, LogWanted(LOG, lines=2), HERE)] == ["1", "2"]
        lines = await told(pair, LogWanted(LOG))
    assert [text.split()[3] for _, text in lines] == [str(n) for n in range(20_000, 30_000)]
    assert lines[-1][0] == 1795348859.5


async def test_what_matches_since_a_time(tmp_path: Path) -> None:
    written(tmp_path / "2.log", 60)
    async with paired(tmp_path) as pair:
        found = await told(pair, LogWanted(LOG, since=1795348850.0, grep="n 5[0-9]*5 ", context=1))
    assert [text.split()[3] for _, text in found] == ["54", "55", "56"]


async def test_corosyncs_log_is_the_one_that_its_file_names_and_junk_is_text(tmp_path: Path) -> None:
    (tmp_path / "corosync.log").write_bytes(b"\xff\x00\x1b[2J\n" + b"x" * 50_000 + b"\nno end")
    async with paired(tmp_path) as pair:
        lines = await told(pair, LogWanted(LogName.COROSYNC))
    assert lines[0] == [None, "\ufffd\x00\x1b[2J"]
    assert {len(text) for _, text in lines[1:-1]} == {4096, 848} or max(len(text) for _, text in lines) == 4096
    assert lines[-1] == [None, "no end"]


async def test_following_through_a_rotation(tmp_path: Path) -> None:
    written(tmp_path / "2.log", 2)
    wanted = LogWanted(LOG, lines=1, follow=True)
    async with (
        asyncio.timeout(DEADLINE_S),
        paired(tmp_path) as pair,
        aclosing(pair.here.log(THERE, wanted)) as pieces,
    ):
        seen: list[str] = []
        async for piece in pieces:
            said = json.loads(piece)
            seen += [text for _, text in said["lines"]]
            if "cut" in said:
                with pair.log.open("a") as log:
                    log.write("one more\n")
            if seen[-1:] == ["one more"]:
                pair.log.rename(tmp_path / "2.log.1")
                pair.log.write_text("in the new file\n")
            if seen[-1:] == ["in the new file"]:
                break
    assert seen[1:] == ["one more", "in the new file"]


async def test_a_link_a_fifo_and_nothing_are_no_logs(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    async with paired(tmp_path) as pair:
        with pytest.raises(ReaderError, match="No such file"):
            await told(pair, LogWanted(LOG))
        pair.log.symlink_to(tmp_path / "secret")
        with pytest.raises(ReaderError, match="symbolic links"):
            await told(pair, LogWanted(LOG))
        pair.log.unlink()
        os.mkfifo(pair.log)
        with pytest.raises(ReaderError, match="not a regular file"):
            await told(pair, LogWanted(LOG))


async def test_an_expression_that_is_none_and_one_that_takes_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1.log").write_text("a" * 64 + "!\n")
    monkeypatch.setattr(telling, "SILENCE_S", 1.0)
    async with paired(tmp_path) as pair:
        with pytest.raises(ReaderError, match="not a regular expression"):
            await told(pair, LogWanted(LOG, grep="("), HERE)
        beat = Beat()
        with pytest.raises(ReaderError, match=r"has led to nothing for 1 s"):
            await told(pair, LogWanted(LOG, grep="(a+)+$"), HERE)
        assert await beat.worst() < STALL_S
    assert children() == []


def children() -> list[str]:
    """Processes that were started here and not ended."""
    with open(f"/proc/self/task/{os.getpid()}/children") as told:  # noqa: PTH123
        return told.read().split()


async def test_only_so_many_read_at_a_time_and_who_goes_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "OWN_READERS", 1)
    written(tmp_path / "1.log", 1)
    async with paired(tmp_path) as pair:
        follower = pair.here.log(HERE, LogWanted(LOG, follow=True))
        await anext(follower)
        with pytest.raises(ReaderError, match="1 are reading here already"):
            await told(pair, LogWanted(LOG), HERE)
        await follower.aclose()
        assert len(await told(pair, LogWanted(LOG), HERE)) == 1
    assert children() == []


async def test_logs_under_way_leave_room_for_files(tmp_path: Path) -> None:
    written(tmp_path / "2.log", 1)
    async with paired(tmp_path) as pair:
        followers = [pair.here.log(THERE, LogWanted(LOG, follow=True)) for _ in range(CONNECTIONS)]
        for one in followers:
            await anext(one)
        assert (await pair.here._pull.look(THERE, About.LOAD, pair.here._identity(), 5.0)).row["cores"] > 0
        with pytest.raises(ReaderError, match="8 are reading here already"):
            await told(pair, LogWanted(LOG))
        for one in followers:
            await one.aclose()


async def test_who_does_not_read_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for end in (pull, pull_server):
        monkeypatch.setattr(end, "SILENCE_S", 0.5)
    (tmp_path / "2.log").write_text(("x" * 4000 + "\n") * 9000)
    async with paired(tmp_path) as pair:
        pair.server.listening[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        lazy = pair.here.log(THERE, LogWanted(LOG))
        await anext(lazy)
        async with asyncio.timeout(DEADLINE_S):
            while pair.server.refused < 1:
                assert (await pair.here._pull.look(THERE, About.LOAD, pair.here._identity(), 5.0)).row["cores"] > 0
        await lazy.aclose()


async def test_a_node_that_is_not_there(tmp_path: Path) -> None:
    async with paired(tmp_path) as pair:
        with pytest.raises(PullError, match="node 3: it has no address"):
            await told(pair, LogWanted(LOG), NOBODY)
        [found] = await pair.here.hosts([NOBODY])
        assert found == {"node": NOBODY, "why": "it has no address in the node list"}
        await pair.server.close()
        with pytest.raises(PullError, match=r"node 2: no corolistener answers there .127"):
            await told(pair, LogWanted(LOG))


async def test_what_is_no_log_is_not_passed_on(tmp_path: Path) -> None:
    async def lies(_: Question) -> Reply:
        async def flow() -> AsyncGenerator[bytes, None]:
            yield b'{"lines": []}'
            yield b'{"lines": [],\n "last": true}'

        return flow()

    async with paired(tmp_path) as pair:
        pair.server._serve = lies
        with pytest.raises(ReaderError, match="no part of a log"):
            await told(pair, LogWanted(LOG))


async def test_machines_from_here_and_there(tmp_path: Path) -> None:
    async with paired(tmp_path) as pair:
        mine, its = await pair.here.hosts([HERE, THERE])
        assert [mine["node"], its["node"]] == [HERE, THERE]
        for row in (mine, its):
            host = from_json(row["host"])
            assert host.memory_total > host.memory_used > 0
            assert host.cores == os.cpu_count()
            assert host.uptime > 0
        [again] = await pair.here.hosts([])
        assert again == mine
    assert children() == []


async def test_the_loaded_file_from_here_and_there(tmp_path: Path) -> None:
    async def serve(question: Question) -> Reply:
        there = parsed(GOOD.replace(b"prio: ", b"prio: 1"), "corosync.conf")
        return Told(there.identity, True, True) if question.wanted is None else Pulled(there.data, True, "")

    async with paired(tmp_path) as pair:
        pair.there._serve = serve
        mine, its = await pair.here.conf(None), await pair.here.conf(THERE)
        assert [mine["node"], its["node"]] == [HERE, THERE]
        assert sha256(mine["text"].encode()).hexdigest() == mine["digest"]
        assert its["text"].encode() == GOOD.replace(b"prio: ", b"prio: 1")
        with pytest.raises(PullError, match="no address"):
            await pair.here.conf(NOBODY)


async def test_a_file_that_is_not_the_loaded_one_is_not_passed_on(tmp_path: Path) -> None:
    async def lies(question: Question) -> Reply:
        loaded = parsed(GOOD, "corosync.conf").identity
        return Told(loaded, True, True) if question.wanted is None else Pulled(GOOD + b"\n", True, "")

    async with paired(tmp_path) as pair:
        pair.there._serve = lies
        with pytest.raises(PullError, match="another file"):
            await pair.here.conf(THERE)


async def test_nobody_looks_at_a_machine_that_nobody_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LINGER_S", 0.0)
    here = Machine(lambda: Subject((), ""))
    await here.now()
    assert here._task is not None
    async with asyncio.timeout(DEADLINE_S):
        await here._task
    assert children() == []


async def test_loads_are_asked_for_only_while_somebody_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coroctl.daemon.loads.EVERY_S", 0.01)
    async with paired(tmp_path) as pair, asyncio.timeout(DEADLINE_S):
        pair.watched[0] = False
        asking = asyncio.create_task(pair.here.loads.ask_on())
        for _ in range(10):
            await asyncio.sleep(0.01)
        assert set(pair.here.loads.told(HERE)) == {HERE}
        pair.watched[0] = True
        while set(pair.here.loads.told(HERE)) != {HERE, THERE}:
            await asyncio.sleep(0)
        asking.cancel()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../../etc/shadow"},
        {"name": None},
        {"lines": -1},
        {"lines": 10_001},
        {"lines": True},
        {"since": float("inf")},
        {"since": "noon"},
        {"grep": ""},
        {"grep": "x" * 257},
        {"grep": "\x1b"},
        {"invert": 1},
        {"context": 101},
        {"follow": "yes"},
    ],
)
def test_what_makes_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(LogError):
        log_wanted({"name": "corosync.log", **wrong})


def test_there_and_back() -> None:
    wanted = LogWanted(LogName.COROSYNC, 7, 1.5, "a|b", invert=True, context=2, follow=True)
    assert log_wanted(json.loads(json.dumps(as_row(wanted)))) == wanted
    assert log_wanted({"name": "corosync.log"}) == LogWanted(LogName.COROSYNC)
