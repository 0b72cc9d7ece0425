"""The thread that keeps the replica and the notes: stores end in their order, each in one Stored or StoreFailed.

Loading happens before the thread is started, on whatever thread calls. Decides nothing.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.durable import read, replace
from coroctl.daemon.inventory.database import Database
from coroctl.daemon.inventory.rows import RowError
from coroctl.decision.estate.actions import Notes, StoreNotes, StoreOperations, StoreWhole
from coroctl.decision.estate.events import Stored, StoreFailed
from coroctl.decision.estate.inventory import EMPTY, Inventory

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

REPLICA = "inventory.db"
NOTES = "machines.json"

Write = StoreOperations | StoreWhole | StoreNotes


class Kept(NamedTuple):
    """What a former life has left."""

    inventory: Inventory = EMPTY
    notes: Notes = Notes()
    problem: str = ""
    """Why the replica cannot be used; it is fetched from another node."""
    notes_problem: str = ""


class Keeper:
    """Of one node. `load` first, then `submit`."""

    def __init__(self, folder: Path, tell: Callable[[Stored | StoreFailed], None]) -> None:
        self._folder = folder
        self._tell = tell
        self._database = Database(folder / REPLICA)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._jobs: SimpleQueue[Write | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def load(self) -> Kept:
        """Blocks; raises nothing: a node without its replica starts all the same."""
        kept = Kept()
        try:
            kept = kept._replace(inventory=self._database.load())
        except (sqlite3.Error, OSError, RowError) as error:
            kept = kept._replace(problem=f"{self._folder / REPLICA}: {error}")
        try:
            row = json.loads(read(self._folder / NOTES))
            kept = kept._replace(notes=Notes(frozenset(map(str, row["managed"])), frozenset(map(str, row["paused"]))))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = f"{self._folder / NOTES}: {error}; machines that were paused below quorum stay paused"
            kept = kept._replace(notes_problem=why)
        return kept

    def submit(self, loop: asyncio.AbstractEventLoop, what: Write) -> None:
        """Have it written and fsynced. Returns at once. The thread is started by the first one."""
        if self._thread is None:
            self._loop = loop
            self._thread = threading.Thread(target=self._work, name="inventory", daemon=True)
            self._thread.start()
        self._jobs.put(what)

    def close(self) -> None:
        """Nothing more is written. What is under way may end later."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            told = self._write(job)
            assert self._loop is not None
            try:
                self._loop.call_soon_threadsafe(partial(self._tell, told))
            except RuntimeError:
                # The loop was closed while the disk hung: nobody is left to be told.
                break
        self._database.close()

    def _write(self, job: Write) -> Stored | StoreFailed:
        try:
            match job:
                case StoreOperations(_, operations):
                    self._database.append(operations)
                case StoreWhole(_, inventory):
                    self._database.replace(inventory)
                case StoreNotes(_, notes):
                    row = {"managed": sorted(notes.managed), "paused": sorted(notes.paused)}
                    replace(self._folder / NOTES, json.dumps(row).encode(), durable=True)
        except (sqlite3.Error, OSError, RowError) as error:
            self._database.close()
            return StoreFailed(job.number, str(error))
        return Stored(job.number)
