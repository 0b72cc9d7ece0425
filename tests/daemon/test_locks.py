"""Whatever strangers put into /tmp, the lock is ours in the end, nothing of theirs is followed, and it is told."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon.locks import (
    RELOCATED,
    SERVICE_LOCK,
    AlreadyRunning,
    LockError,
    Stranger,
    create_lock,
    mark_relocated,
    relocated,
    remove_locks,
    single_instance,
)
from tests.daemon.disk import needs_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOBODY = 65534
pytestmark = needs_root


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder like /tmp: everybody may write, and remove only what is theirs."""
    with TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder)
        path.chmod(0o1777)
        yield path


def ours(path: Path) -> bool:
    """A regular file of root's, that nobody else may open."""
    status = path.lstat()
    return stat.S_ISREG(status.st_mode) and status.st_uid == 0 and stat.S_IMODE(status.st_mode) == 0o600


def test_created_marked_and_removed(public: Path) -> None:
    assert create_lock(public) == ()
    assert ours(public / SERVICE_LOCK)
    assert not relocated(public)
    assert mark_relocated(public) == ()
    assert ours(public / RELOCATED)
    assert relocated(public)
    assert remove_locks(public) == ()
    assert list(public.iterdir()) == []
    assert remove_locks(public) == ()


def test_a_leftover_of_ours_is_no_stranger(public: Path) -> None:
    create_lock(public)
    before = (public / SERVICE_LOCK).stat().st_ino
    assert create_lock(public) == ()
    assert ours(public / SERVICE_LOCK)
    assert (public / SERVICE_LOCK).stat().st_ino != before
    assert [path.name for path in public.iterdir()] == [SERVICE_LOCK]


def put_file(path: Path) -> None:
    path.touch()
    os.chown(path, NOBODY, NOBODY)


def put_link(path: Path) -> None:
    path.symlink_to(path.parent / "victim")
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def put_root_link(path: Path) -> None:
    path.symlink_to(path.parent / "victim")


def put_fifo(path: Path) -> None:
    os.mkfifo(path)
    os.chown(path, NOBODY, NOBODY)


def put_directory(path: Path) -> None:
    path.mkdir()
    (path / "content").touch()
    os.chown(path, NOBODY, NOBODY)


def put_hard_link(path: Path) -> None:
    path.hardlink_to(path.parent / "victim")


STRANGERS = [
    (put_file, "regular file", NOBODY),
    (put_link, "symbolic link", NOBODY),
    (put_root_link, "symbolic link", 0),
    (put_fifo, "FIFO", NOBODY),
    (put_directory, "directory", NOBODY),
    (put_hard_link, "regular file", 0),
]


@pytest.mark.parametrize(("put", "kind", "uid"), STRANGERS)
def test_a_stranger_blocks_nothing_and_is_told(public: Path, put: Callable[[Path], None], kind: str, uid: int) -> None:
    victim = public / "victim"
    victim.write_text("precious")
    for name, take, path in (
        (SERVICE_LOCK, create_lock, public / SERVICE_LOCK),
        (RELOCATED, mark_relocated, public / RELOCATED),
    ):
        put(path)
        assert not relocated(public)
        assert take(public) == (Stranger(name, kind, uid),)
        assert ours(path)
    assert remove_locks(public) == ()
    put(public / SERVICE_LOCK)
    assert remove_locks(public) == (Stranger(SERVICE_LOCK, kind, uid),)
    assert not os.path.lexists(public / SERVICE_LOCK)
    assert victim.read_text() == "precious"
    # What was in a directory is not ours to delete.
    aside = [path for path in public.iterdir() if path != victim]
    assert len(aside) == (3 if kind == "directory" else 0)
    assert all((path / "content").exists() for path in aside)


def test_a_stranger_reads_well() -> None:
    assert str(Stranger(RELOCATED, "FIFO", 1000)) == ".lock.vmmgr.relocated: a FIFO of user 1000"


def test_a_missing_directory_is_one_line(public: Path) -> None:
    for call in (create_lock, mark_relocated, relocated, remove_locks):
        with pytest.raises(LockError, match="lock_dir /none: No such file or directory"):
            call(Path("/none"))


RACER = """
import os, random, sys
os.chdir(sys.argv[1])
os.setuid(65534)
print("racing", flush=True)
while True:
    name = random.choice((".lock.vmmgr.service", ".lock.vmmgr.relocated"))
    try:
        match random.randrange(5):
            case 0: os.symlink("victim", name)
            case 1: os.mkdir(name)
            case 2: os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            case 3: os.mkfifo(name)
            # And away again, so that what was looked at is not what is there.
            case 4: os.rename(name, "away")
    except OSError:
        pass
"""


def test_a_race_with_a_stranger_is_won(public: Path) -> None:
    (public / "victim").write_text("precious")
    met: set[Stranger] = set()
    with subprocess.Popen([sys.executable, "-c", RACER, str(public)], stdout=subprocess.PIPE, text=True) as racer:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "racing\n"
        try:
            rounds = 0
            while rounds < 500 or len({one.kind for one in met}) < 4:
                rounds += 1
                met.update(create_lock(public), mark_relocated(public))
                assert ours(public / SERVICE_LOCK)
                assert ours(public / RELOCATED)
                assert relocated(public)
                remove_locks(public)
        finally:
            racer.send_signal(signal.SIGKILL)
    assert {one.uid for one in met} == {NOBODY}
    assert (public / "victim").read_text() == "precious"


HOLDER = """
import sys
from pathlib import Path
from coroctl.daemon.locks import single_instance
with single_instance(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_only_one_instance_and_the_other_is_named(tmp_path: Path) -> None:
    path = tmp_path / "daemon.lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning, match=rf"already runs on this node \(process {holder.pid}\)$"):
            single_instance(path)
        holder.send_signal(signal.SIGKILL)
    with single_instance(path) as mine:
        assert path.read_text() == f"{os.getpid()}\n"
        with pytest.raises(AlreadyRunning):
            single_instance(path)
        mine.close()
        single_instance(path).close()


def test_a_child_does_not_inherit_the_instance(tmp_path: Path) -> None:
    with (
        single_instance(tmp_path / "daemon.lock") as mine,
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child,
    ):
        mine.close()
        single_instance(tmp_path / "daemon.lock").close()
        child.communicate()


def test_an_instance_lock_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("victim")
    with pytest.raises(LockError, match=r"link: Too many levels of symbolic links$"):
        single_instance(tmp_path / "link")
    assert not (tmp_path / "victim").exists()
