"""The daemon's socket files with their rights: nobody reaches one before it has them, and who made it removes it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Doors:
    """The socket files of one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._paths: list[tuple[Path, int]] = []

    def open(self, name: str, kind: socket.SocketKind, mode: int, gid: int) -> socket.socket:
        """A bound socket that does not block; under its name only when it has its rights. OSError if that fails."""
        if not self._directory.exists():
            self._directory.mkdir(parents=True)
            self._directory.chmod(0o755)
        path, private = self._directory / name, self._directory / f".{name}.{os.getpid()}"
        private.unlink(missing_ok=True)
        made = socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK)
        try:
            made.bind(str(private))
            private.chmod(mode)
            os.chown(private, -1, gid)
            self._paths.append((path, private.lstat().st_ino))
            private.replace(path)
        except OSError:
            made.close()
            private.unlink(missing_ok=True)
            raise
        return made

    def remove(self) -> None:
        """Each file, unless another daemon has put its own there."""
        for path, inode in self._paths:
            if path.exists() and path.lstat().st_ino == inode:
                path.unlink()
        self._paths.clear()
