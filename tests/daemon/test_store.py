"""The state file survives what disks do, or is refused: it is never half, and never guessed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroctl.daemon.durable import replace
from coroctl.daemon.record import MOST, MOST_NODE, Unreadable, decode, encode
from coroctl.daemon.store import Found, Store, load
from coroctl.decision.events import Stored, StoreFailed
from coroctl.decision.values import Record, Tenure
from coroctl.model import NodeId
from tests.daemon.disk import SmallDisk, needs_root, small_disk

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["small_disk"]

NODE = NodeId(7)
RECORD = Record(
    counter=12,
    vote=Tenure(41, NodeId(9), 1 << 62, 77),
    promise_us=2_200_000,
    given_up=Tenure(40, NODE, 5, 6),
    floor=3,
    lists=(((NODE, 1), (NodeId(9), 2)), ((NODE, 1),)),
)

numbers = st.integers(0, MOST)
nodes = st.integers(1, MOST_NODE).map(NodeId)
tenures = st.none() | st.builds(Tenure, st.integers(1, MOST), nodes, numbers, numbers)
weights = st.dictionaries(nodes, st.integers(0, 1000), max_size=5).map(lambda found: tuple(sorted(found.items())))
records = st.builds(Record, numbers, tenures, numbers, tenures, numbers, st.lists(weights, max_size=3).map(tuple))


@given(nodes, records)
def test_what_is_written_is_read(node: NodeId, record: Record) -> None:
    assert decode(encode(node, record)) == (node, record)


def test_every_flipped_bit_is_noticed() -> None:
    good = encode(NODE, RECORD)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unreadable):
            decode(bytes(bad))


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    path, good = tmp_path / "state.json", encode(NODE, RECORD)
    for length in range(len(good)):
        path.write_bytes(good[:length])
        loaded = load(path, NODE)
        assert (loaded.found, loaded.record) == (Found.DAMAGED, None)
        assert loaded.why.startswith(f"{path}: damaged: ")
    path.write_bytes(good)
    assert load(path, NODE) == (Found.GOOD, RECORD, "")


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda junk: encode(NODE, RECORD) + junk + b" "))
def test_junk_is_damaged_and_nothing_else(junk: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(junk)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"format":2}', "format 2 instead of 1"),
        (b'{"format":true}', "format True instead of 1"),
        (b'{"format":1,"node":7}', "damaged: 'record'"),
        (b'{"format":1,"node":true,"record":{}}', "True is not an integer"),
        (b"\0" * 512, "not JSON"),
        (b" " * ((1 << 20) + 1), "larger than 1048576 bytes"),
    ],
    ids=["deep", "list", "newer", "true", "no record", "node true", "zeros", "large"],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "state.json").write_bytes(content)
    loaded = load(tmp_path / "state.json", NODE)
    assert loaded.found is Found.DAMAGED
    assert why in loaded.why


def test_missing_and_foreign_are_told_apart_from_damaged(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert load(path, NODE)[:2] == (Found.MISSING, None)
    path.write_bytes(encode(NodeId(9), RECORD))
    loaded = load(path, NODE)
    assert loaded[:2] == (Found.FOREIGN, None)
    assert "is the state of node 9, and this is node 7" in loaded.why


def test_only_a_regular_file_counts(tmp_path: Path) -> None:
    good, link, fifo = tmp_path / "good", tmp_path / "link", tmp_path / "fifo"
    good.write_bytes(encode(NODE, RECORD))
    link.symlink_to(good)
    os.mkfifo(fifo)
    for path in (link, fifo, tmp_path):
        assert load(path, NODE)[:2] == (Found.DAMAGED, None)


async def told(events: asyncio.Queue[Stored | StoreFailed]) -> Stored | StoreFailed:
    """The next report of a store."""
    return await asyncio.wait_for(events.get(), 20)


async def test_each_number_ends_once_in_order_and_on_the_loop(tmp_path: Path) -> None:
    events: asyncio.Queue[tuple[Stored | StoreFailed, int]] = asyncio.Queue()
    store = Store(tmp_path / "state.json", NODE, lambda event: events.put_nowait((event, threading.get_ident())))
    for number in range(1, 31):
        store.submit(number, RECORD._replace(counter=number))
    assert await store.close()
    here = threading.get_ident()
    assert [events.get_nowait() for _ in range(30)] == [(Stored(number), here) for number in range(1, 31)]
    assert events.empty()
    loaded = load(tmp_path / "state.json", NODE)
    assert loaded.record == RECORD._replace(counter=30)
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    store.submit(31, RECORD)
    assert await asyncio.wait_for(events.get(), 5) == (StoreFailed(31, "the daemon is ending"), here)


async def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    events: asyncio.Queue[Stored | StoreFailed] = asyncio.Queue()
    store = Store(tmp_path / "state.json", NODE, events.put_nowait)
    for number, record in enumerate((Record(floor=1 << 63), Record(counter=-1), Record(lists=(((NODE, 1),) * 2,)))):
        store.submit(number, record)
        report = await told(events)
        assert isinstance(report, StoreFailed)
        assert report.number == number
        assert report.why.startswith("the record cannot be stored: ")
    await store.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_missing_directory_is_a_reason(tmp_path: Path) -> None:
    events: asyncio.Queue[Stored | StoreFailed] = asyncio.Queue()
    store = Store(tmp_path / "none" / "state.json", NODE, events.put_nowait)
    store.submit(1, RECORD)
    assert await told(events) == StoreFailed(1, f"{tmp_path}/none/state.json: No such file or directory")
    await store.close()


@needs_root
async def test_a_full_disk_fails_the_store_and_keeps_the_old_file(small_disk: SmallDisk) -> None:
    events: asyncio.Queue[Stored | StoreFailed] = asyncio.Queue()
    path = small_disk.path / "state.json"
    store = Store(path, NODE, events.put_nowait)
    store.submit(1, RECORD)
    assert await told(events) == Stored(1)
    small_disk.fill()
    store.submit(2, RECORD._replace(counter=13))
    assert await told(events) == StoreFailed(2, f"{path}: No space left on device")
    assert load(path, NODE).record == RECORD
    assert not path.with_name("state.json.new").exists()
    small_disk.free()
    store.submit(3, RECORD._replace(counter=14))
    assert await told(events) == Stored(3)
    assert load(path, NODE).record == RECORD._replace(counter=14)
    small_disk.read_only()
    store.submit(4, RECORD)
    assert await told(events) == StoreFailed(4, f"{path}: Read-only file system")
    assert load(path, NODE).record == RECORD._replace(counter=14)
    await store.close()


def thread_state(name: str) -> str:
    """Of a thread of this process, as the kernel sees it: D is a wait that only the disk can end."""
    [number] = [thread.native_id for thread in threading.enumerate() if thread.name == name]
    return Path(f"/proc/self/task/{number}/stat").read_text().rpartition(")")[2].split()[0]


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until that is so."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0)


@needs_root
async def test_a_hanging_disk_holds_up_neither_the_loop_nor_the_end(small_disk: SmallDisk) -> None:
    events: asyncio.Queue[Stored | StoreFailed] = asyncio.Queue()
    store = Store(small_disk.path / "state.json", NODE, events.put_nowait)
    with small_disk.frozen():
        store.submit(1, RECORD)
        await until(lambda: thread_state("store") == "D")
        store.submit(2, RECORD._replace(counter=13))
        assert not await store.close(within_s=0.05)
        assert events.empty()
    assert await store.close()
    assert [events.get_nowait(), events.get_nowait()] == [Stored(1), Stored(2)]
    assert load(small_disk.path / "state.json", NODE).record == RECORD._replace(counter=13)


@needs_root
def test_what_is_stored_survives_a_power_cut(small_disk: SmallDisk, tmp_path: Path) -> None:
    path = small_disk.path / "state.json"
    for counter in (1, 2):
        replace(path, encode(NODE, RECORD._replace(counter=counter)), durable=True)
    after = small_disk.pulled(tmp_path / "after")
    try:
        assert load(after.path / "state.json", NODE).record == RECORD._replace(counter=2)
    finally:
        after.close()
    # The same without fsync is lost, so this test would notice.
    replace(path, encode(NODE, RECORD._replace(counter=3)), durable=False)
    careless = small_disk.pulled(tmp_path / "careless")
    try:
        assert load(careless.path / "state.json", NODE).record == RECORD._replace(counter=2)
    finally:
        careless.close()


WRITER = """
import itertools, sys
from pathlib import Path
from coroctl.daemon.record import encode
from coroctl.daemon.durable import replace
from coroctl.decision.values import Record
from coroctl.model import NodeId
for counter in itertools.count(int(sys.argv[2])):
    print(counter, flush=True)
    replace(Path(sys.argv[1]), encode(NodeId(7), Record(counter=counter)), durable=True)
"""


def test_killed_while_writing_the_file_is_the_old_or_the_new(tmp_path: Path) -> None:
    path, counter, chance = tmp_path / "state.json", 0, random.Random(5)  # noqa: S311
    for _ in range(30):
        command = [sys.executable, "-c", WRITER, str(path), str(counter)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randrange(2, 12)):
                counter = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            counter = max([counter, *(int(line) for line in writer.stdout.read().splitlines() if line)])
        record = load(path, NODE).record
        assert record is not None
        assert record.counter in (counter - 1, counter)
