"""A search under way: starts the seeker's process, gives it orders, and hands on what it finds. Of asyncio's loop.

Cancelled by ending the process, whatever it is computing.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from coroctl_widgets.logfile.seeker import HEADER, Order

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl_widgets.logfile.matching import Pattern


class Found(NamedTuple):
    """What a search has to say."""

    order: Order
    starts: array[int]
    """Offsets of lines, in the order in which they were met."""
    reached: int
    """Everything between the order's beginning and this offset has been searched."""
    ended: bool
    failed: bool = False
    """It ended before its time: what was not found may be there."""


class Search:
    """One pattern (or several that must all match) in one open file. Orders are carried out one after the other."""

    def __init__(self, patterns: list[Pattern], tell: Callable[[Found], object]) -> None:
        self.patterns = patterns
        self._tell = tell
        self._orders: dict[int, Order] = {}
        self._count = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ended = False
        self._lifeline = -1

    @property
    def pid(self) -> int | None:
        """Of the process, once it was started."""
        return None if self._process is None else self._process.pid

    async def start(self, fd: int) -> None:
        """On the file of that descriptor, which is closed here."""
        words = [json.dumps(pattern) for pattern in self.patterns]
        lifeline, self._lifeline = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",  # nothing from the working directory
                "-m",
                "coroctl_widgets.logfile.seeker",
                str(fd),
                str(lifeline),
                *words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(fd, lifeline),
            )
        finally:
            os.close(fd)
            os.close(lifeline)
        self._process = process
        if self._ended:
            await self._end(process)
            return
        self._reading = asyncio.create_task(self._read(process))
        for order in self._orders.values():
            self._send(process, order)

    def ask(self, low: int, high: int, most: int, up: bool) -> None:
        """Search that part, after what was asked before."""
        self._count += 1
        order = self._orders[self._count] = Order(self._count, low, high, most, up)
        if self._process is not None:
            self._send(self._process, order)

    async def cancel(self) -> None:
        """End it; nothing more is told."""
        self._ended = True
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
        if self._process is not None:
            await self._end(self._process)
        self._let_go()

    def _let_go(self) -> None:
        if self._lifeline >= 0:
            fd, self._lifeline = self._lifeline, -1
            os.close(fd)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.kill()
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdin.close()
        await process.stdout.read()
        await process.wait()

    def _send(self, process: asyncio.subprocess.Process, order: Order) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps(order).encode() + b"\n")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with suppress(asyncio.IncompleteReadError, ConnectionResetError):
            while True:
                number, reached, count, ended = HEADER.unpack(await process.stdout.readexactly(HEADER.size))
                starts = array("Q")
                starts.frombytes(await process.stdout.readexactly(count * starts.itemsize))
                order = self._orders.pop(number) if ended else self._orders[number]
                self._tell(Found(order, starts, reached, ended))
        for order in list(self._orders.values()):  # it ended before its time
            self._tell(Found(order, array("Q"), order.high if order.up else order.low, True, failed=True))
        self._orders.clear()
