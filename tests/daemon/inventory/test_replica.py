"""The replica on the disk: every operation arrives as it was, survives, and a damaged file is known as damaged."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroctl.daemon.inventory import carriage, rows
from coroctl.daemon.inventory.database import Database
from coroctl.daemon.inventory.keeper import NOTES, REPLICA, Keeper
from coroctl.daemon.inventory.rows import RowError
from coroctl.decision.estate.actions import Notes, StoreNotes, StoreOperations, StoreWhole
from coroctl.decision.estate.events import Batch, DomainRead, Stored, StoreFailed
from coroctl.decision.estate.inventory import EMPTY, Inventory, apply, next_position
from coroctl.decision.estate.values import (
    Adopted,
    Asked,
    Domain,
    Forgotten,
    GivenUp,
    Granted,
    Machine,
    NodeFailed,
    Opened,
    Operation,
    Position,
    Reported,
    Seen,
    Wanted,
)
from coroctl.model import NodeId

if TYPE_CHECKING:
    from pathlib import Path

counts = st.integers(0, 2**63 - 1)
nodes = st.integers(0, 2**32 - 1).map(NodeId)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
positions = st.builds(Position, counts, counts)
machines = st.builds(
    Machine,
    texts,
    texts,
    texts,
    nodes,
    st.sampled_from(Wanted),
    st.sampled_from(Seen),
    nodes,
    counts,
    counts,
    positions,
    nodes,
    st.lists(nodes, max_size=3).map(tuple),
    positions,
    texts,
)
seen = st.sampled_from(Seen)
changes = st.one_of(
    st.builds(Opened, positions),
    st.builds(Adopted, machines),
    st.builds(Forgotten, texts),
    st.builds(Asked, texts, nodes, st.booleans(), texts),
    st.builds(GivenUp, texts, seen, texts),
    st.builds(NodeFailed, nodes, counts, texts),
    st.builds(Granted, texts, nodes, texts),
    st.builds(Reported, texts, seen),
)
operations = st.builds(Operation, positions, changes, counts, texts)


def machine(name: str, node: int = 1) -> Machine:
    """An ordinary one."""
    return Machine(name, f"uuid {name}", f"<domain>{name}\n</domain>", NodeId(node), memory_mib=512, priority=3)


def made(*done: object) -> list[Operation]:
    """Operations one after the other, the first of an epoch before them."""
    found = [Operation(Position(4, 1), Opened(Position(0, 0)), 1_700_000_000)]
    for change in done:
        found.append(Operation(next_position(found[-1].position), change, 1_700_000_000, "root"))  # type: ignore[arg-type]
    return found


def folded(done: list[Operation]) -> Inventory:
    """The inventory after them."""
    inventory = EMPTY
    for operation in done:
        inventory = apply(inventory, operation)
    return inventory


LIFE = made(
    Adopted(machine("a")),
    Adopted(machine("b", 2)),
    Granted("a", NodeId(3), "moved"),
    Reported("a", Seen.RUNNING),
    NodeFailed(NodeId(2), 7, "fenced"),
    Forgotten("a"),
)


@given(operations)
def test_an_operation_arrives_as_it_was(sent: Operation) -> None:
    assert rows.operation(rows.operation_line(sent)) == sent


@given(st.lists(operations, max_size=3).map(tuple), st.lists(machines, max_size=3, unique_by=lambda one: one.name))
def test_a_batch_arrives_as_it_was(sent: tuple[Operation, ...], known: list[Machine]) -> None:
    whole = Inventory(Position(3, 9), {one.name: one for one in known}, folded(LIFE).moves, 12)
    for batch in (Batch(sent), Batch(), Batch(whole=whole)):
        assert carriage.unpacked(carriage.packed(batch)) == batch


def test_a_machine_of_a_hypervisor_arrives_as_it_was() -> None:
    found = DomainRead(0, Domain("a", "u", Seen.PAUSED), "<domain/>", 512)
    assert carriage.unpacked_domain(carriage.packed_domain(found)) == found


def test_bytes_that_are_no_inventory_are_refused() -> None:
    good = carriage.packed(Batch(whole=folded(LIFE)))
    for bad in (b"", b"x", good[:-1], good + b"x", good[: len(good) // 2], zlib.compress(b"whole\n{}")):
        with pytest.raises(RowError):
            carriage.unpacked(bad)
    for line in ("", "[]", '["opened", [[1, 2]], 1, 1, -1, ""]', '["opened", [], 1, 1, 1, ""]', "{", '["x", [], 1, 1]'):
        with pytest.raises(RowError):
            rows.operation(line)


def test_a_whole_replaces_also_what_this_life_has_never_read(tmp_path: Path) -> None:
    """A row that cannot be read, or a commit whose end nobody heard of: neither may outlive the whole."""
    path = tmp_path / REPLICA
    Database(path).replace(folded(LIFE[:3]))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as found:
        found.execute("INSERT INTO machines VALUES ('broken', '[]')")
    database = Database(path)
    with pytest.raises(RowError):
        database.load()
    whole = folded(LIFE)
    assert whole.machines.keys() < folded(LIFE[:3]).machines.keys()
    database.replace(whole)
    assert Database(path).load() == whole


def test_what_was_written_is_there_for_the_next_life(tmp_path: Path) -> None:
    path = tmp_path / REPLICA
    database = Database(path)
    assert database.load() == EMPTY
    assert not path.exists()
    for number in range(len(LIFE)):
        database.append(LIFE[number : number + 1])
        assert Database(path).load() == folded(LIFE[: number + 1])
    database.replace(folded(LIFE[:3]))
    database.close()
    assert Database(path).load() == folded(LIFE[:3])
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "foreign"])
def test_a_damaged_file_is_no_replica_and_is_replaced(tmp_path: Path, damage: str) -> None:
    path = tmp_path / REPLICA
    database = Database(path)
    database.replace(folded(LIFE))
    database.close()
    data = path.read_bytes()
    path.write_bytes(
        {"truncated": data[: len(data) // 2], "overwritten": b"\xff" * len(data), "foreign": b"no database"}[damage]
    )
    keeper = Keeper(tmp_path, lambda _: None)
    kept = keeper.load()
    assert kept.inventory == EMPTY
    assert REPLICA in kept.problem
    again = Database(path)
    again.replace(folded(LIFE))
    assert Database(path).load() == folded(LIFE)


async def test_stores_end_in_their_order_on_the_loop(tmp_path: Path) -> None:
    told: list[Stored | StoreFailed] = []
    done = asyncio.Event()

    def tell(event: Stored | StoreFailed) -> None:
        told.append(event)
        if event.number == 3:
            done.set()

    keeper = Keeper(tmp_path, tell)
    assert keeper.load().inventory == EMPTY
    loop = asyncio.get_running_loop()
    notes = Notes(frozenset({"a"}), frozenset({"b"}))
    keeper.submit(loop, StoreWhole(1, folded(LIFE[:2])))
    keeper.submit(loop, StoreOperations(2, tuple(LIFE[2:])))
    keeper.submit(loop, StoreNotes(3, notes))
    await asyncio.wait_for(done.wait(), 10)
    keeper.close()
    assert told == [Stored(1), Stored(2), Stored(3)]
    kept = Keeper(tmp_path, tell).load()
    assert kept.inventory == folded(LIFE)
    assert kept.notes == notes


async def test_a_store_that_fails_says_so_and_the_next_one_may_succeed(tmp_path: Path) -> None:
    told: asyncio.Queue[Stored | StoreFailed] = asyncio.Queue()
    folder = tmp_path / "later"
    keeper = Keeper(folder, told.put_nowait)
    keeper.load()
    loop = asyncio.get_running_loop()
    keeper.submit(loop, StoreWhole(1, folded(LIFE)))
    assert isinstance(await asyncio.wait_for(told.get(), 10), StoreFailed)
    folder.mkdir()
    keeper.submit(loop, StoreWhole(2, folded(LIFE)))
    assert await asyncio.wait_for(told.get(), 10) == Stored(2)
    keeper.close()


def test_notes_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / NOTES).write_text("[]")
    kept = Keeper(tmp_path, lambda _: None).load()
    assert kept.notes == Notes()
    assert NOTES in kept.notes_problem
