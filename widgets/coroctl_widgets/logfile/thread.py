"""The one thread on which a log is read: a disk that hangs holds up nobody else, and not the program's end either."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Reader:
    """Does one thing after the other, elsewhere."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="reads a log", daemon=True)
        self._thread.start()

    def do(self, job: Callable[[], object]) -> None:
        """After all that was asked for before. What the job raises is a bug, and reported as every thread's."""
        self._jobs.put(job)

    def stop(self) -> None:
        """No more after what was asked for."""
        self._jobs.put(None)

    def join(self, seconds: float) -> None:
        """Wait for the end of a stopped one, but not longer."""
        self._thread.join(seconds)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
