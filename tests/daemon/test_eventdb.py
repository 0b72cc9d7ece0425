"""The database of events: bounded, numbered through all lives, and replaced when it is damaged."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from coroctl.daemon.eventdb import EventDatabase, is_damage
from coroctl.daemon.rendering import Level
from tests.daemon.journals import journal_in, lines_in, named, row, rows_in


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    database = EventDatabase(tmp_path / "events.db", keep=100)
    for number in range(1, 1001, 7):
        database.insert([row(number)])
    database.insert([row(number) for number in range(5001, 5101)])
    database.close()
    assert [one.id for one in rows_in(tmp_path)] == list(range(5001, 5101))


def test_a_number_that_is_taken_is_moved_behind(tmp_path: Path) -> None:
    database = EventDatabase(tmp_path / "events.db")
    database.insert([row(1), row(2)])
    database.close()
    late = EventDatabase(tmp_path / "events.db")
    late.insert([row(1), row(2)])
    assert late.newest == 4
    late.close()
    assert [one.id for one in rows_in(tmp_path)] == [1, 2, 3, 4]


async def test_a_removed_database_is_begun_anew(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        journal.event(Level.INFO, "before")
        async with asyncio.timeout(20):
            while not (tmp_path / "events.db").exists() or not rows_in(tmp_path):
                await asyncio.sleep(0)
        for path in tmp_path.glob("events.db*"):
            path.unlink()
        journal.event(Level.INFO, "after")
    assert [(one.id, one.event) for one in rows_in(tmp_path)] == [(2, "after")]
    assert len(lines_in(tmp_path)) == 2


def good_database(folder: Path) -> bytes:
    """Three hundred rows, closed cleanly."""
    database = EventDatabase(folder / "events.db")
    database.insert([row(number, text="z" * 50) for number in range(1, 301)])
    database.close()
    return (folder / "events.db").read_bytes()


def damaged(good: bytes) -> list[bytes]:
    """Truncated anywhere, zeroed anywhere, not a database at all, a foreign one, a newer one."""
    chance = random.Random(7)  # noqa: S311
    cuts = [good[: chance.randrange(1, len(good))] for _ in range(20)]
    holes = [good[:at] + bytes(512) + good[at + 512 :] for at in range(0, len(good) - 512, 3000)]
    return [*cuts, *holes, b"\0" * 8192, b"junk" * 5000, b"x"]


async def test_a_damaged_database_is_moved_aside_and_nothing_stops(tmp_path: Path) -> None:
    moved = 0
    for number, content in enumerate(damaged(good_database(tmp_path))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "events.db").write_bytes(content)
        async with journal_in(folder) as journal:
            journal.event(Level.INFO, "after")
        rows = rows_in(folder)
        assert "after" in [one.event for one in rows[-2:]]
        asides = [path for path in folder.iterdir() if ".damaged-" in path.name]
        if asides:
            moved += 1
            assert [path.read_bytes() for path in asides if not path.name.endswith(("wal", "shm"))] == [content]
            [alarm] = [one for one in rows if one.event == "database-damaged"]
            assert alarm.level is Level.ALERT
            assert alarm.details["moved_to"] == str(min(asides))
            # Numbers go on above whatever was there.
            assert rows[0].id > 10**12
    assert moved > 20


def test_another_schema_is_not_written_into(tmp_path: Path) -> None:
    for number, program in enumerate(("CREATE TABLE foreign_one (x)", "PRAGMA user_version = 2")):
        path = tmp_path / f"{number}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(program)
            connection.commit()
        database = EventDatabase(path)
        with pytest.raises(sqlite3.DatabaseError, match="instead of 1") as caught:
            database.insert([row(1)])
        assert is_damage(caught.value)


async def test_damage_that_shows_while_running(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        for _ in range(200):
            journal.event(Level.INFO, "before", text="z" * 100)
        async with asyncio.timeout(20):
            while len(rows_in(tmp_path)) < 200:
                await asyncio.sleep(0)
        # The log of the database is played in and emptied; then every page but the first is overwritten.
        with closing(sqlite3.connect(tmp_path / "events.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with (tmp_path / "events.db").open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(4096)
            file.write(b"\xff" * (size - 4096))
        # SQLite reads the pages again when somebody else has written.
        with closing(sqlite3.connect(tmp_path / "events.db")) as connection:
            connection.execute("PRAGMA application_id = 5")
        journal.event(Level.INFO, "after")
        moved = await named(journal, "database-damaged")
    assert Path(str(moved.details["moved_to"])).exists()
    assert [one.event for one in rows_in(tmp_path)] == ["after", "database-damaged"]
