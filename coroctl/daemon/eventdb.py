"""The events of this node in SQLite: schema, order, retention, and what to do with a damaged file.

Blocks: the journal's thread owns the one writing connection, readers have their own. Knows rows, not the core.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from coroctl.daemon.rendering import Level, Row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCHEMA = 1
KEEP = 100_000
"""Newest events kept. By number only: an age would empty the database when the wall clock jumps ahead."""
PRUNE_EVERY = 1000
BUSY_S = 5.0
CREATE = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    time_us INTEGER NOT NULL,
    boot_us INTEGER NOT NULL,
    node TEXT NOT NULL,
    term INTEGER NOT NULL,
    level INTEGER NOT NULL,
    event TEXT NOT NULL,
    details TEXT NOT NULL,
    actor TEXT,
    origin TEXT
)
"""
COLUMNS = "id, time_us, boot_us, node, term, level, event, details, actor, origin"
DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
PASSING = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY}
"""The same connection may succeed later."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is damaged, rather than the disk full, read-only or busy."""
    return _primary(error) in DAMAGE or isinstance(error, Unusable)


class Unusable(sqlite3.DatabaseError):
    """Not a database of ours, or one of a newer version."""


class EventDatabase:
    """The writing side. Opened by the first `insert`, and again after a failure."""

    def __init__(self, path: Path, keep: int = KEEP) -> None:
        self._path = path
        self._keep = keep
        self._connection: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None
        self._unpruned = 0
        self.newest = 0
        """The highest id in it."""

    def open(self) -> None:
        """Check it, or create it. sqlite3.Error if it is damaged (`is_damage`) or cannot be opened."""
        if self._connection is not None:
            if self._in_place():
                return
            self.close()
        connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection)
            self.newest = max(self.newest, _newest(connection))
            self._file = self._path.stat()
        except BaseException:  # whatever it is goes on; only the file is let go of
            connection.close()
            raise
        self._connection = connection

    def insert(self, rows: Sequence[Row]) -> None:
        """All rows or none. Ids that are taken already are moved behind the newest one. sqlite3.Error if it fails."""
        self.open()
        assert self._connection is not None
        shift = max(0, self.newest + 1 - rows[0].id)
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(
                    f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                    [_values(row, row.id + shift) for row in rows],
                )
                self._prune(len(rows))
        except sqlite3.Error as error:
            if _primary(error) not in PASSING:
                self.close()
            raise
        self.newest = rows[-1].id + shift

    def move_aside(self) -> Path:
        """Give a damaged database another name, and its sidecar files with it, so that a fresh one can begin."""
        self.close()
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        aside = self._path.with_name(f"{self._path.name}.damaged-{stamp}")
        count = 1
        while aside.exists():
            count += 1
            aside = self._path.with_name(f"{self._path.name}.damaged-{stamp}-{count}")
        # The database itself goes last: a log left alone beside a fresh database would be played into that one.
        for end in ("-shm", "-wal", ""):
            with suppress(FileNotFoundError):
                self._path.with_name(self._path.name + end).rename(aside.with_name(aside.name + end))
        return aside

    def close(self) -> None:
        """Let go of the file; the next `insert` opens it again."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _in_place(self) -> bool:
        """Whether the name still means the open file, or somebody has removed it."""
        try:
            return self._file is not None and os.path.samestat(self._path.stat(), self._file)
        except FileNotFoundError:
            return False

    def _prune(self, added: int) -> None:
        assert self._connection is not None
        self._unpruned += added
        if self._unpruned >= min(PRUNE_EVERY, self._keep):
            # By place and not by id: ids may have gaps.
            self._connection.execute(
                "DELETE FROM events WHERE id <= (SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (self._keep,),
            )
            self._unpruned = 0


def read_since(path: Path, after: int, limit: int) -> list[Row]:
    """Rows with a greater id than `after`, oldest first, at most `limit`. sqlite3.Error if they cannot be read."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)) as connection:
        found = connection.execute(
            f"SELECT {COLUMNS} FROM events WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608
            (after, limit),
        )
        return [_row(values) for values in found]


def _primary(error: sqlite3.Error) -> int:
    """The low byte of SQLite's code; errors that Python raises by itself have none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # No fsync for each event: they must not make the store of a vote wait. A crash of the daemon loses none.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA journal_size_limit = 1048576")
    [version] = connection.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if version == 0 and not tables:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(CREATE)
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
    elif version != SCHEMA or "events" not in tables:
        raise Unusable(f"schema {version} instead of {SCHEMA}")
    [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Unusable(verdict)


def _newest(connection: sqlite3.Connection) -> int:
    [newest] = connection.execute("SELECT max(id) FROM events").fetchone()
    return newest or 0


def _values(row: Row, number: int) -> tuple[str | int | None, ...]:
    details = json.dumps(row.details)
    return (
        number,
        row.time_us,
        row.boot_us,
        row.node,
        row.term,
        row.level.value,
        row.event,
        details,
        row.actor,
        row.origin,
    )


def _row(values: tuple[int, int, int, str, int, int, str, str, str | None, str | None]) -> Row:
    number, time_us, boot_us, node, term, level, event, details, actor, origin = values
    return Row(number, time_us, boot_us, node, term, Level(level), event, json.loads(details), actor, origin)
