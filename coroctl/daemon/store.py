"""The state file: what must survive a power cut. Writes block, so they have one thread here, and nobody else's.

Decides nothing: whether a node without a trustworthy state may vote is the core's business.
"""

from __future__ import annotations

import asyncio
import threading
from enum import Enum
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.durable import read, replace
from coroctl.daemon.record import decode, encode
from coroctl.decision.events import Stored, StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from coroctl.decision.values import Record
    from coroctl.model import NodeId

STATE_FILE = "/var/lib/corolistener/state.json"


class Found(Enum):
    """What there was to load."""

    GOOD = "good"
    MISSING = "missing"
    """No file: this node is new, or its state is lost. Nothing on the node can tell the one from the other."""
    DAMAGED = "damaged"
    FOREIGN = "of another node"
    """A cloned disk, or the node's id has changed."""


class Loaded(NamedTuple):
    """The outcome of `load`."""

    found: Found
    record: Record | None
    """None unless GOOD: the core then learns from its peers before it votes (L9)."""
    why: str = ""
    """One line for the operator; empty if GOOD."""


def load(path: Path, node: NodeId) -> Loaded:
    """Read the state file of `node`. Blocks; raises nothing, since a node without its state starts all the same."""
    try:
        owner, record = decode(read(path))
    except FileNotFoundError:
        return Loaded(Found.MISSING, None, f"{path} does not exist: this node asks its peers before it votes")
    except OSError as error:
        return Loaded(Found.DAMAGED, None, f"{path} cannot be read: {error.strerror}")
    except ValueError as error:
        return Loaded(Found.DAMAGED, None, f"{path}: {error}; this node asks its peers before it votes")
    if owner != node:
        why = f"{path} is the state of node {owner}, and this is node {node}: was the disk cloned, or the id changed?"
        return Loaded(Found.FOREIGN, None, why)
    return Loaded(Found.GOOD, record)


class Store:
    """Writes records one after the other, each number ending in one Stored or StoreFailed on the loop's thread.

    To be made on a running loop. None is left out for a newer one: whoever asked waits for exactly that number.
    """

    def __init__(self, path: Path, node: NodeId, tell: Callable[[Stored | StoreFailed], None]) -> None:
        self._path = path
        self._node = node
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[tuple[int, bytes] | None] = SimpleQueue()
        self._closing = False
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    def submit(self, number: int, record: Record) -> None:
        """Have the record written and fsynced. Returns at once."""
        if self._closing:
            self._loop.call_soon(self._tell, StoreFailed(number, "the daemon is ending"))
            return
        try:
            data = encode(self._node, record)
        except ValueError as error:
            self._loop.call_soon(self._tell, StoreFailed(number, f"the record cannot be stored: {error}"))
            return
        self._jobs.put((number, data))

    async def close(self, within_s: float = 2.0) -> bool:
        """End the thread after what was submitted; False if the disk did not let it end in time."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        try:
            await asyncio.wait_for(self._ended.wait(), within_s)
        except TimeoutError:
            return False
        self._thread.join()
        return True

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            number, data = job
            self._call(partial(self._tell, self._write(number, data)))
        self._call(self._ended.set)

    def _write(self, number: int, data: bytes) -> Stored | StoreFailed:
        try:
            replace(self._path, data, durable=True)
        except OSError as error:
            return StoreFailed(number, f"{self._path}: {error.strerror}")
        return Stored(number)

    def _call(self, what: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:
            # The loop was closed while the disk hung: nobody is left to be told.
            if not self._loop.is_closed():
                raise
