"""The last files that were in force on this node: when, which, by whom.

Owns the folder `conf` below the state directory. Blocks; knows neither the cluster nor what is loaded.
"""

from __future__ import annotations

import json
import re
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from coroctl.conf.files import load
from coroctl.daemon.authors import TEXT_MAX
from coroctl.daemon.durable import replace
from coroctl.daemon.identities import identity_of
from coroctl.decision.values import Identity
from coroctl.errors import ConfigError, CoroctlError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEPT = 20
ACTOR_MAX = TEXT_MAX
"""Characters of an actor's name."""
_NUMBER = re.compile(r"(\d{1,9})\.json")


class HistoryError(CoroctlError):
    """A former file that was asked for is not there, or damaged."""


class Entry(NamedTuple):
    """One file of the history."""

    number: int
    """Rises with each file; never used again."""
    time: float
    """Seconds since 1970, by this node's wall clock."""
    identity: Identity
    actor: str
    """Who made it; `FOUND` for one that was there before corolistener changed anything."""


FOUND = "found on this node"


_KEEPING = threading.Lock()
"""What is loaded by hand is kept by another thread than what is distributed."""


class History:
    """The entries in a folder, which is made when the first one is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, data: bytes, actor: str) -> Entry | None:
        """Add a file, and drop those beyond the last 20. None if the newest entry is that very file already.

        Raises OSError, and ConfigError for a file that corosync could not parse.
        """
        with _KEEPING:
            return self._keep(data, actor)

    def _keep(self, data: bytes, actor: str) -> Entry | None:
        identity = identity_of(data)
        entries = self.entries()
        if entries and entries[-1].identity == identity:
            return None
        number = max((number for number, _ in self._numbers()), default=0) + 1
        entry = Entry(number, time.time(), identity, actor[:ACTOR_MAX])
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What describes it comes last: an entry that can be seen is whole.
        replace(self._file(number), data, durable=True)
        replace(self._folder / f"{number}.json", _encoded(entry), durable=True)
        self._drop(keep=number - KEPT)
        return entry

    def entries(self) -> tuple[Entry, ...]:
        """Oldest first; what is damaged is left out."""
        found = (_decoded(number, path) for number, path in sorted(self._numbers()))
        return tuple(entry for entry in found if entry is not None)

    def read(self, number: int) -> bytes:
        """The bytes of an entry. HistoryError if there is none, or if it is not what was kept."""
        entry = next((one for one in self.entries() if one.number == number), None)
        if entry is None:
            raise HistoryError(f"there is no file {number} in the history (coroctl conf history)")
        try:
            data = load(self._file(number))
            intact = identity_of(data) == entry.identity
        except ConfigError as error:
            raise HistoryError(f"file {number} of the history cannot be read: {error}") from error
        if not intact:
            raise HistoryError(f"file {number} of the history is damaged: it is not what was kept")
        return data

    def find(self, identity: Identity) -> bytes | None:
        """The bytes of a former file, if they are here and intact."""
        entry = next((one for one in reversed(self.entries()) if one.identity == identity), None)
        if entry is None:
            return None
        try:
            return self.read(entry.number)
        except HistoryError:
            return None

    def _file(self, number: int) -> Path:
        return self._folder / f"{number}.conf"

    def _numbers(self) -> Iterator[tuple[int, Path]]:
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            match = _NUMBER.fullmatch(path.name)
            if match:
                yield int(match[1]), path

    def _drop(self, keep: int) -> None:
        for number, path in list(self._numbers()):
            if number <= keep:
                path.unlink(missing_ok=True)
                self._file(number).unlink(missing_ok=True)


def _encoded(entry: Entry) -> bytes:
    row = {
        "time": entry.time,
        "version": entry.identity.version,
        "sha256": entry.identity.digest,
        "actor": entry.actor,
    }
    return json.dumps(row).encode() + b"\n"


def _decoded(number: int, path: Path) -> Entry | None:
    """None for what is damaged: the other entries are worth showing without it."""
    try:
        row = json.loads(path.read_bytes())
        return Entry(number, float(row["time"]), Identity(int(row["version"]), str(row["sha256"])), str(row["actor"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
