"""The replica of the inventory in SQLite: read as a whole at the start, then written operation by operation.

Every commit is fsynced (synchronous = FULL, a rollback journal). Blocks: the keeper's thread owns the connection.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from coroctl.daemon.eventdb import Unusable, is_damage
from coroctl.daemon.inventory import rows
from coroctl.daemon.inventory.rows import RowError
from coroctl.decision.estate.inventory import EMPTY, Inventory, apply
from coroctl.decision.estate.values import NOTHING, Position

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from coroctl.decision.estate.values import Operation

SCHEMA = 1
CREATE = """
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER, seq INTEGER, wall_s INTEGER);
CREATE TABLE machines (name TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE moves (id INTEGER PRIMARY KEY, row TEXT NOT NULL);
INSERT INTO head VALUES (1, 0, 0, 0);
"""


class Database:
    """One file. `load` first. After any error of the others (sqlite3.Error, OSError, RowError) close it and go on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._inventory = EMPTY
        """As the file has it."""

    def load(self) -> Inventory:
        """What the file has; EMPTY if there is none. sqlite3.Error, OSError or RowError if it is damaged."""
        if not self._path.exists():
            return EMPTY
        found = self._open()
        (verdict,) = found.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise RowError(f"the file is damaged: {verdict}")
        self._inventory = read(found)
        return self._inventory

    def append(self, operations: Sequence[Operation]) -> None:
        """Apply them, in one transaction."""
        after = self._inventory
        for operation in operations:
            after = apply(after, operation)
        self._write(self._inventory, after)

    def replace(self, inventory: Inventory) -> None:
        """Another whole in the place of whatever was there: also of what was never read, or written and not confirmed.

        A damaged file is made anew.
        """
        try:
            self._write(None, inventory)
        except (sqlite3.Error, RowError) as error:
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                raise
            self.close()
            self._path.unlink(missing_ok=True)
            self._write(None, inventory)

    def close(self) -> None:
        """Nothing is lost by it: every write was committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            new = not self._path.exists()
            found = sqlite3.connect(self._path, isolation_level=None, timeout=1.0, check_same_thread=False)
            self._connection = found
            found.execute("PRAGMA synchronous = FULL")
            if new:
                self._path.chmod(0o600)
                found.executescript(f"BEGIN; {CREATE} PRAGMA user_version = {SCHEMA}; COMMIT;")
            (schema,) = found.execute("PRAGMA user_version").fetchone()
            if schema != SCHEMA:
                raise Unusable(f"schema {schema}; this program knows {SCHEMA}")
        return self._connection

    def _write(self, known: Inventory | None, after: Inventory) -> None:
        """The difference to what the file is known to have, all or nothing; to None, everything."""
        connection, before = self._open(), known or EMPTY
        gone = [(name,) for name in before.machines.keys() - after.machines.keys()]
        changed = [
            (one.name, rows.machine_line(one))
            for one in after.machines.values()
            if before.machines.get(one.name) is not one
        ]
        try:
            connection.execute("BEGIN IMMEDIATE")
            if known is None:
                connection.execute("DELETE FROM machines")
            connection.executemany("DELETE FROM machines WHERE name = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO machines VALUES (?, ?)", changed)
            if known is None or after.moves is not before.moves:
                connection.execute("DELETE FROM moves")
                moves = [(rows.move_line(one),) for one in after.moves]
                connection.executemany("INSERT INTO moves (row) VALUES (?)", moves)
            head = (*after.position, after.wall_s)
            connection.execute("UPDATE head SET epoch = ?, seq = ?, wall_s = ?", head)
            connection.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._inventory = after


def read(connection: sqlite3.Connection) -> Inventory:
    """The whole."""
    head = connection.execute("SELECT epoch, seq, wall_s FROM head").fetchone()
    if head is None:
        raise RowError("it has no head")
    machines = [rows.read_machine(row) for (row,) in connection.execute("SELECT row FROM machines ORDER BY name")]
    moves = tuple(rows.read_move(row) for (row,) in connection.execute("SELECT row FROM moves ORDER BY id"))
    at = Position(head[0], head[1])
    if at == NOTHING and machines:
        raise RowError("machines without a position")
    return Inventory(at, {one.name: one for one in machines}, moves, head[2])
