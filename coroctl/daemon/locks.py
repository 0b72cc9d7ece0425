"""The manager's lock files in a directory that everybody may write to (/tmp), and the daemon's own lock.

What a stranger has put in their place is never followed and never waited for: it is taken away and reported.
Everything here blocks for as long as the file system does. Knows neither roles nor the manager.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

SERVICE_LOCK = ".lock.vmmgr.service"
RELOCATED = ".lock.vmmgr.relocated"
INSTANCE_LOCK = "/run/corolistener/daemon.lock"
ROOT = 0
MODE = 0o600
INSTANCE_MODE = 0o644
ATTEMPTS = 100
"""How often a stranger may put something back before we give up."""
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class LockError(CoroctlError):
    """A lock file could not be created or removed."""


class AlreadyRunning(CoroctlError):
    """Another corolistener runs on this node."""


class Stranger(NamedTuple):
    """What somebody else had put where a lock file belongs."""

    name: str
    kind: str
    """regular file, symbolic link, directory, FIFO ..."""
    uid: int

    def __str__(self) -> str:
        return f"{self.name}: a {self.kind} of user {self.uid}"


def create_lock(lock_dir: Path) -> tuple[Stranger, ...]:
    """Create `.lock.vmmgr.service` anew (root, 0600). What was in its place comes back. LockError if it cannot be."""
    with _opened(lock_dir) as directory:
        return _create(directory, SERVICE_LOCK)


def mark_relocated(lock_dir: Path) -> tuple[Stranger, ...]:
    """Create `.lock.vmmgr.relocated` anew: from now on the manager counts as at home here."""
    with _opened(lock_dir) as directory:
        return _create(directory, RELOCATED)


def relocated(lock_dir: Path) -> bool:
    """Whether `.lock.vmmgr.relocated` is there; only a regular file of root's counts. LockError if none can tell."""
    with _opened(lock_dir) as directory:
        found = _look(directory, RELOCATED)
        return found is not None and _is_ours(found)


def remove_locks(lock_dir: Path) -> tuple[Stranger, ...]:
    """Remove both lock files. What strangers had put there comes back, and is gone too."""
    with _opened(lock_dir) as directory:
        # First the one that says that nothing has to be brought up: a crash in between must not leave it alone.
        return (*_remove(directory, RELOCATED), *_remove(directory, SERVICE_LOCK))


@contextmanager
def _opened(lock_dir: Path) -> Iterator[int]:
    """A descriptor of the directory: whatever is renamed meanwhile, all is done in that one."""
    try:
        directory = os.open(lock_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield directory
        finally:
            os.close(directory)
    except OSError as error:
        raise LockError(f"lock_dir {lock_dir}: {error.strerror}") from error


def _create(directory: int, name: str) -> tuple[Stranger, ...]:
    try:
        os.close(os.open(name, CREATE, MODE, dir_fd=directory))
    except FileExistsError:
        return _supplant(directory, name)
    return ()


def _supplant(directory: int, name: str) -> tuple[Stranger, ...]:
    """Rename a new file of ours over whatever is there: unlike unlink and create, it leaves nobody a moment between."""
    fresh = _free_name(name)
    os.close(os.open(fresh, CREATE, MODE, dir_fd=directory))
    found: set[Stranger] = set()
    try:
        for _ in range(ATTEMPTS):
            found |= _strange(directory, name)
            try:
                os.rename(fresh, name, src_dir_fd=directory, dst_dir_fd=directory)
            except IsADirectoryError:
                _shove_away(directory, name)
            else:
                return tuple(sorted(found))
    except OSError:
        _unlink(directory, fresh)
        raise
    _unlink(directory, fresh)
    raise OSError(errno.EBUSY, f"somebody keeps putting a directory at {name}")


def _remove(directory: int, name: str) -> tuple[Stranger, ...]:
    found: set[Stranger] = set()
    for _ in range(ATTEMPTS):
        found |= _strange(directory, name)
        try:
            _unlink(directory, name)
        except IsADirectoryError:
            _shove_away(directory, name)
        else:
            return tuple(sorted(found))
    raise OSError(errno.EBUSY, f"somebody keeps putting a directory at {name}")


def _shove_away(directory: int, name: str) -> None:
    """A directory may have content, which is not ours to delete."""
    with suppress(FileNotFoundError):
        os.rename(name, _free_name(name), src_dir_fd=directory, dst_dir_fd=directory)


def _unlink(directory: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def _free_name(name: str) -> str:
    """Not to be guessed, so that nobody can be there first."""
    return f"{name}.{secrets.token_hex(8)}"


def _strange(directory: int, name: str) -> set[Stranger]:
    found = _look(directory, name)
    if found is None or _is_ours(found):
        return set()
    return {Stranger(name, _kind(found.st_mode), found.st_uid)}


def _look(directory: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _is_ours(found: os.stat_result) -> bool:
    """One name only: another file of root's, linked here by a stranger, is not our lock."""
    return stat.S_ISREG(found.st_mode) and found.st_uid == ROOT and found.st_nlink == 1


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFREG: "regular file",
        stat.S_IFLNK: "symbolic link",
        stat.S_IFDIR: "directory",
        stat.S_IFIFO: "FIFO",
        stat.S_IFSOCK: "socket",
    }
    return kinds.get(stat.S_IFMT(mode), "device")


class Instance:
    """The right to be the only corolistener here, until it is closed or the process ends, however it ends."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def close(self) -> None:
        """Let another one start. The file stays: removing it would let two lock two files of one name."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def single_instance(path: Path) -> Instance:
    """Take the daemon's lock. AlreadyRunning, with the other's process id, if it is taken; LockError otherwise."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, INSTANCE_MODE)
    except OSError as error:
        raise LockError(f"{path}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        pid = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
        os.close(fd)
        raise AlreadyRunning(f"corolistener already runs on this node (process {pid or 'unknown'})") from error
    except OSError as error:
        os.close(fd)
        raise LockError(f"{path}: {error.strerror}") from error
    return Instance(fd)
