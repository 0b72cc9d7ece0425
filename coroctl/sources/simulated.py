"""A recorded scenario played as a feed, in a loop: for people without a cluster, and for pictures.

The recording was made on a real lab (``make recording``); only the roles in it are acted, by the
rule that the largest priority among the joined nodes is the master.
"""

from __future__ import annotations

import json
import threading
import time
from importlib.resources import files
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple

from coroctl.model import Source
from coroctl.sources.feed import Update
from coroctl.sources.schema import from_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.model import Snapshot

FAILOVER = "failover.jsonl"


class Moment(NamedTuple):
    """A snapshot and its time in the recording, seconds from the beginning."""

    at: float
    snapshot: Snapshot


def recording(name: str = FAILOVER) -> tuple[Moment, ...]:
    """A recording that comes with the package, in order of time."""
    lines = files("coroctl.sources").joinpath("recordings", name).read_text("utf-8").splitlines()
    stored = (json.loads(line) for line in lines)
    return tuple(Moment(line["at"], from_json(line["snapshot"])._replace(source=Source.SIMULATION)) for line in stored)


class Player:
    """A feed that plays a recording again and again, in its own time."""

    def __init__(self, moments: tuple[Moment, ...]) -> None:
        self._moments = moments
        self._publish: Callable[[Update], object] = lambda _update: None
        self._latest: Update | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plays a recording", daemon=True)

    def start(self, publish: Callable[[Update], object]) -> None:
        """Begin with the first moment, at once."""
        self._publish = publish
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()

    def latest(self) -> Update | None:
        """The moment that is being played; it is never old."""
        return self._latest and self._latest._replace(at=time.monotonic())

    def _run(self) -> None:
        before = 0.0
        for moment in cycle(self._moments):
            if self._stopping.wait(max(moment.at - before, 0)):
                return
            before = moment.at
            self._latest = Update(moment.snapshot, time.monotonic())
            self._publish(self._latest)
