"""Reading a configuration file without being blocked, flooded or surprised by what the path leads to."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from coroctl.conf.document import Document
from coroctl.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_FILE = "/etc/corosync/corosync.conf"
SIZE_MAX = 256 * 1024
"""A file of 1000 nodes has 100 KB. Of this size, even the worst junk is judged within a second."""


def load(path: str | Path = DEFAULT_FILE) -> bytes:
    """Bytes of a regular file of sane size; ConfigError says why not."""
    name = os.fspath(path)
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for somebody to write to it.
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        raise ConfigError(ascii(name)[1:-1], 0, _reason(error)) from error
    try:
        with open(descriptor, "rb") as stream:  # noqa: PTH123 (a descriptor, not a path)
            _check(os.fstat(descriptor), name)
            data = stream.read(SIZE_MAX + 1)
    except OSError as error:
        raise ConfigError(name, 0, _reason(error)) from error
    if len(data) > SIZE_MAX:
        raise ConfigError(name, 0, f"the file grew beyond {SIZE_MAX} bytes while it was read")
    return data


def load_document(path: str | Path = DEFAULT_FILE) -> Document:
    """Load and parse."""
    return Document.parse(load(path), os.fspath(path))


def _check(status: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(name, 0, f"this is a {_kind(status.st_mode)}, not a file")
    if status.st_size > SIZE_MAX:
        raise ConfigError(name, 0, f"the file has {status.st_size} bytes; no corosync.conf has more than {SIZE_MAX}")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "directory", stat.S_IFIFO: "FIFO", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
    return kinds.get(stat.S_IFMT(mode), "special file")


def _reason(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case PermissionError():
            return "permission denied: this user may not read it"
        case OSError():
            return error.strerror or str(error)
        case _:
            return "this is no path that could exist"
