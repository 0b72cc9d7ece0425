"""Logs of several nodes at once, from a real socket: what comes, what fails, and what is asked again."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.client import Client, NoDaemon
from coroctl.daemon.readers import ReaderError
from coroctl.model import NodeId
from coroctl.sources import gathering
from coroctl.sources.gathering import Gathering, Piece
from tests.daemon.control_sockets import DEADLINE_S, serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

    from coroctl.daemon.logs import LogWanted
    from tests.daemon.control_sockets import Daemon

WANTED = {"name": "corosync.log"}
FOLLOWED = {**WANTED, "follow": True}
FOUR = NodeId(4)


def pieces(source: Gathering, enough: Callable[[list[Piece]], bool]) -> list[Piece]:
    """Until that is enough."""
    found: list[Piece] = []
    end = time.monotonic() + DEADLINE_S
    while not source.over and not enough(found):
        assert time.monotonic() < end, found
        found += source.wait(0.1)
    return found


async def gathered(
    daemon: Daemon, nodes: list[int], wanted: dict[str, Any], enough: Callable[[list[Piece]], bool] = lambda _: False
) -> list[Piece]:
    def work() -> list[Piece]:
        with Gathering(Client(str(daemon.folder)), [NodeId(node) for node in nodes], wanted) as source:
            return pieces(source, enough)

    return await asyncio.wait_for(asyncio.to_thread(work), DEADLINE_S)


@asynccontextmanager
async def telling(
    folder: Path, log: Callable[[NodeId | None, LogWanted], AsyncGenerator[bytes, None]]
) -> AsyncIterator[Daemon]:
    async with serving(folder) as daemon:
        daemon.teller.log = log  # type: ignore[method-assign, assignment]
        yield daemon


async def test_more_nodes_than_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "AT_ONCE", 2)
    async with serving(tmp_path) as daemon:
        found = await gathered(daemon, [5, 3, 1, 2], WANTED)
        assert {piece.node: piece.lines for piece in found if piece.lines} == dict.fromkeys(
            (1, 2, 3, 5), ((1.5, "a line"),)
        )
        assert sorted(piece.node for piece in found if piece.whole) == [1, 2, 3, 5]


async def test_a_node_that_does_not_tell_holds_nobody_up(tmp_path: Path) -> None:
    async def log(node: NodeId | None, _: LogWanted) -> AsyncGenerator[bytes, None]:
        if node == FOUR:
            raise ReaderError("node 4: it is gone")
        yield b'{"lines": [[null, "x"]], "cut": true, "last": true}'

    async with telling(tmp_path, log) as daemon:
        found = await gathered(daemon, [1, 4], WANTED)
    assert {piece.node: piece.why for piece in found} == {1: "", 4: "node 4: it is gone"}
    assert all(piece.whole for piece in found)
    assert [piece.cut for piece in found if piece.node == 1] == [True]


async def test_who_follows_is_told_where_it_broke_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "AGAIN_S", 0.01)
    asked = []

    async def log(_: NodeId | None, wanted: LogWanted) -> AsyncGenerator[bytes, None]:
        asked.append(wanted.since)
        lines = [b'[1, "a"]', b'[2, "b"]', b'[null, "b, more"]', b'[2, "b"]', b'[3, "c"]', b'[2, "back"]']
        if len(asked) == 1:
            yield b'{"lines": [%s], "cut": false}' % b", ".join(lines[:3])
            raise ReaderError("gone")
        yield b'{"lines": [%s], "cut": false}' % b", ".join(lines[1:])
        await asyncio.Event().wait()

    async with telling(tmp_path, log) as daemon:
        found = await gathered(
            daemon, [1], FOLLOWED, lambda found: bool(found and found[-1].lines[-1:] == ((2, "back"),))
        )
    told = [text for piece in found for _, text in piece.lines]
    assert told == ["a", "b", "b, more", "b", "c", "back"]
    assert asked == [None, 2.0]
    assert [piece.why for piece in found if piece.why] == ["gone"]


async def test_a_daemon_that_ends_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "AGAIN_S", 0.05)
    source = Gathering(Client(str(tmp_path / "run")), [NodeId(1)], FOLLOWED)
    with pytest.raises(NoDaemon):
        source.wait(0)
    source = Gathering(Client(str(tmp_path / "run")), [NodeId(1)], FOLLOWED)
    for _ in range(2):
        async with serving(tmp_path) as daemon:
            daemon.teller.pieces = [b'{"lines": [[1.5, "a line"]], "cut": false}', b'{"lines": []}']
            daemon.teller.goes_on.clear()
            await asyncio.to_thread(pieces, source, lambda found: any(piece.whole and not piece.why for piece in found))
        broken = await asyncio.to_thread(pieces, source, lambda found: any(piece.why for piece in found))
        assert "ended the connection" in broken[-1].why
    source.close()
    assert source.over
