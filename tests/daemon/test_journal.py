"""Events reach the database, the log and whoever listens; a disk that fails costs history at most, and says so."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon.eventdb import read_since
from coroctl.daemon.journal import TAIL, Journal
from coroctl.daemon.logfile import LogFile
from coroctl.daemon.rendering import Level, Row, describe, line
from coroctl.daemon.sink import Sink, Turned
from coroctl.decision.actions import Event, Log
from coroctl.decision.values import Tenure
from coroctl.model import NodeId
from tests.daemon.disk import SmallDisk, needs_root, small_disk
from tests.daemon.journals import journal_in, lines_in, row, rows_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["small_disk"]


async def test_an_event_reaches_all_places(tmp_path: Path) -> None:
    heard: asyncio.Queue[Row] = asyncio.Queue()
    async with journal_in(tmp_path) as journal:
        end = journal.subscribe(heard.put_nowait)
        journal.event(Level.NOTICE, "priority", 12, actor="root", origin="ssh", node="n9", value=40)
        journal.enter(describe(Log(Event.LEASE, 12, Tenure(12, NodeId(7), 1, 2), 3140)))
        kept = journal.tail()
        # Not within the call: a listener must not come in between two actions of one step.
        assert heard.empty()
        assert (await heard.get(), await heard.get()) == kept
        end()
        journal.event(Level.INFO, "unheard", 12)
    assert heard.empty()
    rows = rows_in(tmp_path)
    assert rows[:2] == list(kept)
    assert [one.id for one in rows] == [1, 2, 3]
    assert rows[0].details == {"node": "n9", "value": 40}
    assert (rows[0].actor, rows[0].origin) == ("root", "ssh")
    assert lines_in(tmp_path) == [line(one) for one in rows]


async def test_numbers_go_on_in_the_next_life(tmp_path: Path) -> None:
    for life in range(3):
        async with journal_in(tmp_path) as journal:
            assert journal.tail() == ()
            assert [journal.event(Level.INFO, "x").id for _ in range(2)] == [life * 2 + 1, life * 2 + 2]
    assert [one.id for one in rows_in(tmp_path)] == [1, 2, 3, 4, 5, 6]


async def test_since_goes_on_from_a_number(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        for _ in range(1000):
            journal.event(Level.INFO, "x")
        assert [one.id for one in await journal.since(990, 5)] == [991, 992, 993, 994, 995]
        # Whether they are in the database yet or not.
        assert [one.id for one in await journal.since(990, 100)] == list(range(991, 1001))
        assert await journal.since(1000, 100) == []
        assert len(journal.tail()) == TAIL
        async with asyncio.timeout(20):
            while not read_since(tmp_path / "events.db", 999, 1):  # else the rest begins a new one
                await asyncio.sleep(0)
        # The newest are in memory, where there is no database to ask.
        (tmp_path / "events.db").rename(tmp_path / "elsewhere")
        assert [one.id for one in await journal.since(0, 1000)] == list(range(801, 1001))
        (tmp_path / "elsewhere").rename(tmp_path / "events.db")


async def test_odd_texts_are_kept_and_stay_one_line(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        journal.event(Level.INFO, "x", 1 << 70, actor="a\udcff", text="\x1b[31m\n\0\udc80", long="y" * 9999)
    [kept] = rows_in(tmp_path)
    assert kept.details["text"] == "\x1b[31m\n\0\\udc80"
    assert len(str(kept.details["long"])) == 512
    assert len(lines_in(tmp_path)) == 1


def test_a_place_that_fails_loses_the_oldest_and_says_how_many() -> None:
    written: list[Row] = []
    told: list[Turned] = []
    full = True

    def write(rows: Sequence[Row]) -> None:
        if full:
            raise OSError(28, "No space left on device")
        written.extend(rows)

    sink = Sink("log", write, told.append, most=10)
    for number in range(1, 26):
        sink.put(row(number))
        sink.drain()
    assert told == [Turned("log", "[Errno 28] No space left on device", 0)]
    assert sink.failing
    full = False
    sink.drain()
    assert [one.id for one in written] == list(range(16, 26))
    assert told[1:] == [Turned("log", "", 15)]
    assert not sink.failing


@needs_root
@pytest.mark.parametrize("log_too", [False, True], ids=["database", "both"])
def test_a_full_disk_is_said_and_what_waited_is_written_later(
    small_disk: SmallDisk, tmp_path: Path, log_too: bool
) -> None:
    log = small_disk.inside / "log" if log_too else tmp_path / "log"
    module = [sys.executable, "-m", "tests.daemon.full_journal", str(small_disk.inside), str(log)]
    command = [*small_disk.command, *module]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdin is not None
        assert daemon.stdout is not None

        def note(name: str) -> None:
            assert daemon.stdin is not None
            daemon.stdin.write(f"{name}\n")
            daemon.stdin.flush()

        def wait_for(text: str) -> None:
            assert daemon.stdout is not None
            assert any(text in shown for shown in iter(daemon.stdout.readline, "")), text

        note("before")
        wait_for("before")
        small_disk.fill()
        note("begin")
        failing: set[str] = set()
        for number, shown in enumerate(iter(daemon.stdout.readline, "")):
            if "record-fails" in shown:
                assert "No space left on device" in shown or "disk is full" in shown
                failing |= {place for place in ("log", "database") if f"place={place}" in shown}
            if failing == ({"log", "database"} if log_too else {"database"}):
                break
            # The pages and blocks that are there already take some more.
            note(f"more-{number}{'x' * 400}")
        note("while-full")
        wait_for("while-full")
        small_disk.free()
        wait_for("record-works place=database lost=0")
        daemon.stdin.close()
        assert daemon.wait(20) == 0
    rows = events_inside(small_disk)
    texts = ((small_disk.path / "log") if log_too else log).read_text().splitlines()
    names = [text.split()[4].split("=")[0] for text in texts]
    assert {"before", "begin", "while-full", "record-fails"} <= set(names)
    assert [name for _, name in rows] == names
    assert [number for number, _ in rows] == list(range(1, len(rows) + 1))


def events_inside(disk: SmallDisk) -> list[tuple[int, str]]:
    """Numbers and names in its database; SQLite resolves paths by itself, so it has to be asked inside."""
    program = (
        "import sys; from pathlib import Path; from coroctl.daemon.eventdb import read_since\n"
        "for row in read_since(Path(sys.argv[1]), 0, 10**6): print(row.id, row.event)"
    )
    command = [*disk.command, sys.executable, "-c", program, str(disk.inside / "events.db")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [(int(text.split()[0]), text.split()[1]) for text in shown.splitlines()]


@needs_root
async def test_a_hanging_disk_holds_up_neither_the_loop_nor_the_end(small_disk: SmallDisk) -> None:
    log = LogFile(small_disk.path / "log")
    log.append(["x"])
    log.close()
    journal = await Journal.opened(small_disk.inside.parent / "events.db", small_disk.path / "log", "n7")
    with small_disk.frozen():
        for number in range(20_000):
            journal.event(Level.INFO, "x", number)
        assert not await journal.close(within_s=0.05)
        assert (small_disk.path / "log").read_text() == "x\n"
    assert await journal.close(20)
    rows = rows_in(small_disk.inside.parent)
    noted = [one.term for one in rows if one.event == "x"]
    assert noted == sorted(noted)
    assert noted[-1] == 19_999
    # As many as may wait, and what was being written; each of the others is counted.
    assert 4990 <= len(noted) < 6000
    lost = Counter[object]()
    for one in rows:
        if one.event == "record-works":
            lost[one.details["place"]] += int(one.details["lost"])
    assert lost["database"] == 20_000 - len(noted)
    assert lost["log"] == 20_000 - sum(" info n7 " in one for one in lines_in(small_disk.path))


WRITER = """
import asyncio, sys
from pathlib import Path
from coroctl.daemon.journal import Journal
from coroctl.daemon.rendering import Level
async def main():
    folder = Path(sys.argv[1])
    journal = await Journal.opened(folder / "events.db", folder / "log", "n7")
    while True:
        print(journal.event(Level.INFO, "x", text="y" * 80).id, flush=True)
        await asyncio.sleep(0)
asyncio.run(main())
"""


def test_killed_while_writing_it_goes_on(tmp_path: Path) -> None:
    chance = random.Random(3)  # noqa: S311
    for _ in range(10):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randrange(20, 400)):
                number = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
        rows = rows_in(tmp_path)
        assert [one.id for one in rows] == list(range(1, len(rows) + 1))
        assert len(rows) <= number + 5000
    assert not [path for path in tmp_path.iterdir() if "damaged" in path.name]
    # A line may have been cut, and none is glued to it.
    assert max(one.count(" x text=") for one in lines_in(tmp_path)) == 1
