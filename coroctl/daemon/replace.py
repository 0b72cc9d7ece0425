"""Replacing a small file as a whole, so that whoever reads it sees the old content or the new and nothing between.

Blocks: with `durable` for as long as the disk takes. Knows nothing of what is in the file.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MODE = 0o600
MOST_BYTES = 1 << 20


def replace(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a new file beside `path` (mode 0600) and rename it over it; with `durable` both are on the disk then.

    OSError: the old file is still in place, unless the directory's own fsync failed after the rename; nothing of the
    new one is left beside it.
    """
    beside = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        beside.unlink()
    try:
        _write(beside, data, durable=durable)
        beside.rename(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    if durable:
        _sync_directory(path.parent)


def read(path: Path) -> bytes:
    """The whole file. OSError if it cannot be read; ValueError if it is no regular file, or over 1 MiB."""
    # O_NONBLOCK: a FIFO in its place must not hold anybody up.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("not a regular file")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES} bytes")
    return data


def _write(path: Path, data: bytes, *, durable: bool) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
