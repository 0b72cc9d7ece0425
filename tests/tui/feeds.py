"""Feeds whose moments the test decides, and a log that holds what the test wrote."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.sources.feed import Update
from coroctl.sources.schema import from_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.model import Snapshot


def recorded() -> list[Snapshot]:
    """What corosync said on a real lab whose first node died and came back (``make recording``)."""
    lines = (Path(__file__).parents[1] / "data/failover.jsonl").read_text().splitlines()
    return [from_json(json.loads(line)["snapshot"]) for line in lines]


class ByHand:
    """A feed that says what it is told to say, on the caller's thread."""

    def __init__(self) -> None:
        self.publish: Callable[[Update], object] | None = None
        self.stopped = False
        self._latest: Update | None = None

    def start(self, publish: Callable[[Update], object]) -> None:
        self.publish = publish

    def stop(self) -> None:
        self.stopped = True

    def latest(self) -> Update | None:
        return self._latest

    def say(self, snapshot: Snapshot, age: float = 0) -> None:
        """Publish a snapshot that is so old."""
        self._latest = Update(snapshot, time.monotonic() - age)
        assert self.publish is not None
        self.publish(self._latest)

    def fall_silent(self, snapshot: Snapshot, age: float) -> None:
        """From now on `latest` says this, and nobody is told."""
        self._latest = Update(snapshot, time.monotonic() - age)
