"""A file made beside another one, looking like it, and put in its place: on the disk when a function returns.

Blocks as long as the disk does; knows no content. (`replace` is for files of the daemon's own, mode 0600.)
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_NO_ATTRIBUTE = frozenset({errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA})
"""The file system has none, or this process may not read or set that one: the file is as good without it."""


class Look(NamedTuple):
    """What a file has beside its content."""

    owner: int
    group: int
    mode: int
    """Permission bits."""
    attributes: tuple[tuple[str, bytes], ...]
    """Extended ones: access lists, labels."""


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


def write(path: Path, data: bytes, look: Look) -> None:
    """Make `path` anew, its content fsynced; the name is durable only after `sync_directory`.

    Whatever stood there before is gone, also if this fails. Raises OSError.
    """
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb", buffering=0) as stream:  # noqa: PTH123 (a descriptor, not a path)
            _write_all(descriptor, data)
            dress(stream.fileno(), look)
            os.fsync(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise


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
