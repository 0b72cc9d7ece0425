"""This node's machine, for whoever looks at it: one process looks for all of them, and ends when nobody does."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.daemon.readers import SILENCE_S, ReaderError, read_by

if TYPE_CHECKING:
    from collections.abc import Callable

MODULE = "coroctl.reading.host"
FIRST_S = 3.0
"""How long the first look may take, the process's start included."""
STALE_S = 6.0
"""A look that is older says nothing: something on the machine hangs."""
LINGER_S = 6.0
"""It goes on looking so long after somebody asked: rates need two looks."""


class Subject(NamedTuple):
    """What of the machine is of interest beside what every machine has."""

    addresses: tuple[str, ...]
    """Whose devices' traffic is counted."""
    manager: str
    """The manager's unit; empty for none."""


class Machine:
    """Asked on the loop."""

    def __init__(self, subject: Callable[[], Subject]) -> None:
        self._subject = subject
        self._latest: dict[str, Any] | None = None
        self._latest_at = 0.0
        self._looked = asyncio.Event()
        """There is something, or there will be nothing."""
        self._asked_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._why = ""

    async def now(self) -> dict[str, Any]:
        """A Host (docs/control-sockets.md), at most STALE_S old. ReaderError if the machine cannot be looked at."""
        loop = asyncio.get_running_loop()
        self._asked_at = loop.time()
        if self._task is None or self._task.done():
            self._latest, self._why = None, ""
            self._looked.clear()
            self._task = loop.create_task(self._look())
        try:
            await asyncio.wait_for(self._looked.wait(), FIRST_S)
        except TimeoutError:
            raise ReaderError(f"a look at the machine has led to nothing for {FIRST_S:g} s") from None
        if self._latest is None:
            raise ReaderError(self._why or "the machine cannot be looked at")
        if loop.time() - self._latest_at > STALE_S:
            raise ReaderError("looking at the machine hangs: a disk, or systemd")
        return self._latest

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> None:
        loop, subject = asyncio.get_running_loop(), self._subject()
        try:
            async with aclosing(read_by(MODULE, json.dumps(subject._asdict()), SILENCE_S)) as lines:
                async for line in lines:
                    self._latest, self._latest_at = json.loads(line), loop.time()
                    self._looked.set()
                    if loop.time() - self._asked_at > LINGER_S:
                        return
        except ReaderError as error:
            self._why = str(error)
        finally:
            self._latest = None
            self._looked.set()
