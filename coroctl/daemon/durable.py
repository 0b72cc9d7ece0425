"""Files written as a whole: whoever reads one sees the old content or the new and nothing between, also after a crash.

`replace` and `read` are for small files of the daemon's own (mode 0600); the rest is for files that look like another
one. Blocks as long as the disk does; knows no content.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_NO_ATTRIBUTE = frozenset({errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA})
"""The file system has none, or this process may not read or set that one: the file is as good without it."""


MODE = 0o600
MOST_BYTES = 1 << 20
"""Of a file of the daemon's own."""


class Look(NamedTuple):
    """What a file has beside its content."""

    owner: int
    group: int
    mode: int
    """Permission bits."""
    attributes: tuple[tuple[str, bytes], ...]
    """Extended ones: access lists, labels."""


def replace(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a new file beside `path` (mode 0600) and rename it over it; with `durable` both are on the disk then.

    OSError: the old file is still in place, unless the directory's own fsync failed after the rename; nothing of the
    new one is left beside it.
    """
    beside = _beside(path)
    write(beside, data, durable=durable)
    try:
        os.replace(beside, path)  # noqa: PTH105 (Path.replace returns a path that nobody needs)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    if durable:
        sync_directory(path.parent)


@lru_cache(16)
def _beside(path: Path) -> Path:
    """/run is written with every heartbeat of a master."""
    return path.with_name(path.name + ".new")


def read(path: Path) -> bytes:
    """The whole file. OSError if it cannot be read; ValueError if it is no regular file, or over 1 MiB."""
    # O_NONBLOCK: a FIFO in its place must not hold anybody up.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES} bytes")
    return data


def look_of(path: Path) -> Look:
    """Of the file that `path` leads to. Raises OSError."""
    status = path.stat()
    return Look(status.st_uid, status.st_gid, status.st_mode & 0o7777, tuple(_attributes(path)))


def _attributes(path: Path) -> list[tuple[str, bytes]]:
    found = []
    with _tolerant():
        names = os.listxattr(path)
        for name in names:
            with _tolerant():
                found.append((name, os.getxattr(path, name)))
    return found


class _tolerant(suppress):  # noqa: N801 (a context manager, used like suppress)
    """Leaves out what the file system or our rights do not allow; any other OSError is raised."""

    def __init__(self) -> None:
        super().__init__(OSError)

    def __exit__(self, kind: object, error: object, traceback: object) -> bool:
        return isinstance(error, OSError) and error.errno in _NO_ATTRIBUTE


def write(path: Path, data: bytes, look: Look | None = None, *, durable: bool = True) -> None:
    """Make `path` anew, its content fsynced if `durable`; its name is durable only after `sync_directory`.

    Whatever stood there before is gone, also if this fails. Raises OSError.
    """
    descriptor = _created(path)
    try:
        try:
            _write_all(descriptor, data)
            if look is not None:
                dress(descriptor, look)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise


def _created(path: Path) -> int:
    """A new file at this name; what a crash has left there goes."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, MODE)
    except FileExistsError:
        path.unlink()
        return os.open(path, flags, MODE)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def dress(descriptor: int, look: Look) -> None:
    """Give an open file this owner, mode and attributes."""
    status = os.fstat(descriptor)
    if (status.st_uid, status.st_gid) != (look.owner, look.group):
        os.fchown(descriptor, look.owner, look.group)
    os.fchmod(descriptor, look.mode)
    for name, value in look.attributes:
        with _tolerant():
            os.setxattr(descriptor, name, value)


def rename(source: Path, target: Path) -> None:
    """Rename within a directory, durably: after a crash there is the old file or the new one."""
    os.replace(source, target)  # noqa: PTH105 (Path.replace returns a path that nobody needs)
    sync_directory(target.parent)


def sync_directory(directory: Path) -> None:
    """Make names in it durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
