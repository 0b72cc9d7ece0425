"""corosync.conf on this node's disk, and the file that is staged beside it with its ballot.

Owns corosync.conf, corosync.conf.new (both beside the symlink's target, if it is one) and staged.json in the state
directory. Blocks. Knows neither corosync nor who wants what; every method raises OSError or ConfigError, and then
what was on the disk before still is.

The staged file has two possible names, because it and its ballot cannot be replaced in one instant: a new one is
written as `.corosync.conf.next`, then the ballot that names it replaces the former ballot (this is the moment), then
the file gets its real name. Wherever that is interrupted, the ballot on the disk names a file that is there.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.conf.files import load
from coroctl.daemon.durable import dress, look_of, read, rename, replace, sync_directory, write
from coroctl.daemon.identities import identity_of
from coroctl.decision.values import Ballot, Identity, Staged
from coroctl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FORMAT = 1
_U64 = 1 << 64


class File(NamedTuple):
    """A configuration file's bytes, and who made them."""

    identity: Identity
    data: bytes
    actor: str = ""


class Found(NamedTuple):
    """What was staged when the daemon started."""

    staged: Staged | None
    problem: str = ""
    """Why nothing can be believed that may have been staged; empty if nothing ever was, or all is well. A node that
    has lost this has lost a promise: it must start as if its state file were lost (L9)."""


class Shelf:
    """The files of one node."""

    def __init__(self, conf: Path, state: Path) -> None:
        self._conf = conf
        self._ballot = state / "staged.json"

    @property
    def conf(self) -> Path:
        """corosync.conf itself, whatever symlink leads to it."""
        return self._conf.resolve()

    @property
    def new(self) -> Path:
        """The staged file."""
        return self.conf.with_name(f"{self.conf.name}.new")

    @property
    def next(self) -> Path:
        """The file that is to become the staged one, or corosync.conf."""
        return self.conf.with_name(f".{self.conf.name}.next")

    def own(self) -> File:
        """corosync.conf as it is now."""
        data = load(self._conf)
        return File(identity_of(data), data)

    def is_own(self, identity: Identity) -> bool:
        """Whether corosync.conf is that very file."""
        return _intact(self.conf, identity) is not None

    def find(self, identity: Identity) -> File | None:
        """A file by its identity, wherever it is."""
        actor = self._actor()
        for path in (self.conf, self.new, self.next):
            data = _intact(path, identity)
            if data is not None:
                return File(identity, data, "" if path == self.conf else actor)
        return None

    def staged(self) -> Found:
        """What is staged. A file that was loaded since need not be staged any more; its ballot still counts."""
        try:
            staged, _ = _decoded(read(self._ballot))
        except FileNotFoundError:
            return Found(None)
        except (OSError, ValueError) as error:
            return Found(None, f"{self._ballot} is damaged: {error}")
        if staged.identity is None or self.find(staged.identity) is not None or self._behind(staged.identity):
            return Found(staged)
        return Found(None, f"{self._ballot} names {staged.identity}, and {self.new} is another file, or none")

    def stage(self, staged: Staged, file: File | None) -> None:
        """Store a file (None: the proposal of that ballot is "nothing") and its ballot, durably."""
        self._settle()
        if file is not None and _intact(self.new, file.identity) is None:
            write(self.next, file.data, look_of(self.conf))
            sync_directory(self.next.parent)
        replace(self._ballot, _encoded(staged, file.actor if file else ""), durable=True)
        if file is None:
            self._forget()
        else:
            self._settle()

    def install(self, file: File) -> None:
        """Make it corosync.conf, durably and in one instant; owner, mode and attributes stay."""
        self._settle()
        look = look_of(self.conf)
        if _intact(self.new, file.identity) is None:
            write(self.next, file.data, look)
            rename(self.next, self.conf)
            return
        # The staged file needs no more room on the disk: that it can be loaded was promised when it was staged.
        with self.new.open("rb+") as stream:
            dress(stream.fileno(), look)
            os.fsync(stream.fileno())
        rename(self.new, self.conf)

    def _behind(self, identity: Identity) -> bool:
        """Whether corosync.conf has come as far by itself: nobody needs the staged file from here any more."""
        try:
            return identity.version <= self.own().identity.version
        except ConfigError:
            return False

    def _settle(self) -> None:
        """Finish what a crash has interrupted, or it would be overwritten: give the staged file its name."""
        try:
            identity = _decoded(read(self._ballot))[0].identity
        except (FileNotFoundError, ValueError):
            return
        if identity is None or _intact(self.new, identity) is not None or _intact(self.next, identity) is None:
            return
        rename(self.next, self.new)

    def _forget(self) -> None:
        self.new.unlink(missing_ok=True)
        self.next.unlink(missing_ok=True)
        sync_directory(self.new.parent)

    def _actor(self) -> str:
        try:
            return _decoded(read(self._ballot))[1]
        except (OSError, ValueError):
            return ""


def _intact(path: Path, identity: Identity) -> bytes | None:
    """The file's bytes, if it is there and is exactly that one."""
    try:
        data = load(path)
        same = sha256(data).hexdigest() == identity.digest and identity_of(data) == identity
    except ConfigError:
        return None
    return data if same else None


def _encoded(staged: Staged, actor: str) -> bytes:
    row = {
        "format": _FORMAT,
        "ballot": list(staged.ballot),
        "identity": None if staged.identity is None else list(staged.identity),
        "actor": actor,
    }
    return json.dumps({**row, "sha256": _checksum(row)}).encode() + b"\n"


def _checksum(row: dict[str, Any]) -> str:
    return sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


def _decoded(data: bytes) -> tuple[Staged, str]:
    """Raises ValueError, also for what is well formed and makes no sense."""
    try:
        row = json.loads(data)
        given = row.pop("sha256")
        if given != _checksum(row) or row["format"] != _FORMAT:
            raise ValueError("its checksum is wrong")
        identity = None if row["identity"] is None else Identity(int(row["identity"][0]), str(row["identity"][1]))
        return Staged(Ballot(*_numbers(row["ballot"])), identity), str(row["actor"])
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError("it is no ballot") from error


def _numbers(values: object) -> Iterator[int]:
    if not isinstance(values, list) or len(values) != len(Ballot._fields):
        raise ValueError("it has no ballot")
    for value in values:
        if not isinstance(value, int) or not 0 <= value < _U64:
            raise ValueError("its ballot is no three numbers")
        yield value
