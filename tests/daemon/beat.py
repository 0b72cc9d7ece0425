"""The lease's loop beside what is tested: how long it was ever held up, by us and not by a busy machine."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

STALL_S = 0.25
"""More than this would be felt by a lease."""
EVERY_S = 0.005


class Beat:
    """From now on; of the time by which the loop was late, what it was ready in and had no processor is left out."""

    def __init__(self) -> None:
        self.latest = 0.0
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while True:
            before, waited = time.monotonic(), waited_s()
            try:
                await asyncio.sleep(EVERY_S)
            finally:  # what held the end up counts, too
                late = time.monotonic() - before - EVERY_S
                self.latest = max(self.latest, late - (waited_s() - waited))

    async def worst(self) -> float:
        """Seconds; ends the beat."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self.latest


def waited_s() -> float:
    """How long this thread has ever waited for a processor."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
