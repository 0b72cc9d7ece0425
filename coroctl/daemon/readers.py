"""Processes that read for the daemon (coroctl.reading), each for one who asks: started, listened to, and ended.

Only so many at a time, and none outlives who asked. Knows nothing of what they say but its lines.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

LINE_MAX = 64 * 1024
SILENCE_S = 15.0
"""A process speaks every few seconds, unless it hangs."""
END_S = 2.0
"""How long the end of a process that was killed is waited for."""


class ReaderError(CoroctlError):
    """A process that reads cannot be started, or has broken off."""


class Places:
    """How many may read at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    def __enter__(self) -> None:
        if self._taken >= self._most:
            raise ReaderError(f"{self._most} are reading here already: try again later")
        self._taken += 1

    def __exit__(self, *_: object) -> None:
        self._taken -= 1


async def read_by(module: str, argument: str, silence_s: float) -> AsyncGenerator[bytes, None]:
    """What the module says, line by line without their ends. ReaderError when it says nothing for too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",  # nothing from the working directory
            "-m",
            module,
            argument,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LINE_MAX,
        )
    except OSError as error:
        raise ReaderError(f"no process can be started to read it: {error.strerror}") from None
    assert process.stdout is not None
    try:
        while True:
            async with asyncio.timeout(silence_s):
                line = await process.stdout.readline()
            if not line.endswith(b"\n"):
                return
            yield line[:-1]
    except TimeoutError:
        raise ReaderError(f"reading it has led to nothing for {silence_s:g} s") from None
    except ValueError:
        raise ReaderError("what was read makes no sense") from None
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Whoever is cancelled waits for it all the same; but not for one that hangs in the kernel."""
    with suppress(ProcessLookupError):
        process.kill()
    ending = asyncio.ensure_future(process.communicate())
    try:
        await asyncio.wait({ending}, timeout=END_S)
    except asyncio.CancelledError:
        await asyncio.wait({ending}, timeout=END_S)
        raise
    finally:
        ending.cancel()
