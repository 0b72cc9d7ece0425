"""Searches in a process of their own: everything is found, in order, and cancelled whatever it computes."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from coroctl_widgets.logfile import lines
from coroctl_widgets.logfile.file import LogFile
from coroctl_widgets.logfile.matching import Pattern
from coroctl_widgets.logfile.search import Found, Search
from coroctl_widgets.logfile.seeker import CHUNK
from tests.logfile.files import append, corosync_log

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_S = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Longer than two chunks."""
    corosync_log(tmp_path / "a.log", 3 * CHUNK // 60)
    return tmp_path / "a.log"


class Told:
    """What a search said."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.changed = asyncio.Event()

    def __call__(self, found: Found) -> None:
        self.found.append(found)
        self.changed.set()

    async def ended(self, orders: int) -> list[int]:
        while sum(found.ended for found in self.found) < orders:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), DEADLINE_S)
        return [start for found in self.found for start in found.starts]


def wanted(path: Path, words: str) -> list[int]:
    with LogFile(str(path)) as file:
        return [line.start for line in lines.forward(file, 0) if words.encode() in line.data]


def opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY)


async def test_all_of_it_both_ways_and_orders_in_turn(path: Path) -> None:
    told = Told()
    search = Search([Pattern("failed")], told)
    size = path.stat().st_size
    search.ask(0, size, 1 << 40, up=True)
    await search.start(opened(path))
    found = await told.ended(1)
    assert found == wanted(path, "FAILED")[::-1]
    assert len({report.reached for report in told.found}) >= 3
    search.ask(0, size, 1 << 40, up=False)
    assert (await told.ended(2))[len(found) :] == found[::-1]
    await search.cancel()


async def test_both_patterns_must_match(path: Path) -> None:
    told = Told()
    search = Search([Pattern("failed"), Pattern(r"2\)$"), Pattern("31", inverse=True)], told)
    search.ask(0, path.stat().st_size, 1 << 40, up=False)
    await search.start(opened(path))
    found = await told.ended(1)
    await search.cancel()
    with LogFile(str(path)) as file:
        texts = [lines.after(file, start, 1)[0].data for start in found]
    assert texts
    assert all(b"FAILED" in text and text.endswith(b"2)") and b"31" not in text for text in texts)


async def test_the_nearest_match(path: Path) -> None:
    told = Told()
    search = Search([Pattern("failed")], told)
    starts = wanted(path, "FAILED")
    middle = starts[len(starts) // 2]
    search.ask(0, middle, 1, up=True)
    search.ask(path.read_bytes().index(b"\n", middle) + 1, path.stat().st_size, 1, up=False)
    await search.start(opened(path))
    at = starts.index(middle)
    assert await told.ended(2) == [starts[at - 1], starts[at + 1]]
    await search.cancel()


async def test_a_search_that_would_take_for_ever_is_cancelled(path: Path) -> None:
    append(path, "a" * 5000 + "!\n")
    told = Told()
    search = Search([Pattern("(a+)+$")], told)
    size = path.stat().st_size
    search.ask(0, size, 1, up=True)
    await search.start(opened(path))
    assert search.pid is not None
    await asyncio.wait_for(search.cancel(), DEADLINE_S)
    assert told.found == []
    with pytest.raises(ProcessLookupError):
        os.kill(search.pid, 0)


async def test_a_seeker_that_dies_ends_its_orders(path: Path) -> None:
    append(path, "a" * 5000 + "!\n")
    told = Told()
    search = Search([Pattern("(a+)+$")], told)
    search.ask(0, path.stat().st_size, 1, up=True)
    await search.start(opened(path))
    assert search.pid is not None
    os.kill(search.pid, 9)
    assert await told.ended(1) == []
    assert told.found[-1].failed
    await search.cancel()


OWNER = """
import asyncio, os, sys
from coroctl_widgets.logfile.matching import Pattern
from coroctl_widgets.logfile.search import Search

async def main():
    search = Search([Pattern("(a+)+$")], print)
    search.ask(0, os.path.getsize(sys.argv[1]), 1, up=True)
    await search.start(os.open(sys.argv[1], os.O_RDONLY))
    print(search.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_seeker_does_not_outlive_who_asked(path: Path) -> None:
    append(path, "a" * 5000 + "!\n")
    with subprocess.Popen([sys.executable, "-c", OWNER, str(path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        seeker = os.pidfd_open(int(owner.stdout.readline()))
        owner.kill()
    ended, _, _ = select.select([seeker], [], [], DEADLINE_S)
    os.close(seeker)
    assert ended


async def test_the_file_is_the_one_that_was_open(path: Path) -> None:
    told = Told()
    search = Search([Pattern("failed")], told)
    fd = opened(path)
    starts = wanted(path, "FAILED")
    path.unlink()
    search.ask(0, os.fstat(fd).st_size, 1 << 40, up=False)
    await search.start(fd)
    assert await told.ended(1) == starts
    await search.cancel()
