"""The staged file and its ballot: consistent whenever the process dies, and whatever is done to them by hand."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.daemon.identities import identity_of
from coroctl.daemon.staging import File, Found, Shelf
from coroctl.decision.values import Ballot, Staged
from tests.conf.samples import GOOD, changed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CALLS = ("open", "write", "fsync", "replace", "rename", "unlink", "fchmod")
"""What may leave a trace on the disk: the child dies just before its n-th such call."""
NAMES = ("replace", "rename", "unlink")
"""What changes which file has which name."""


def file(version: int, actor: str = "") -> File:
    data = changed("config_version: 7", f"config_version: {version}")
    return File(identity_of(data), data, actor)


V8, V9 = file(8, "anna"), file(9)
OTHER8 = File(identity_of(data := changed("prio: 40", "prio: 41", V8.data)), data)


def ballot(number: int) -> Ballot:
    return Ballot(3, 1, number)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "etc").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "etc/corosync.conf").write_bytes(GOOD)
    return Shelf(tmp_path / "etc/corosync.conf", tmp_path / "state")


def killed_at(call: int, work: Callable[[], None], calls: tuple[str, ...] = CALLS) -> bool:
    """Run it in a child that kills itself at its n-th call; whether it lived to the end instead."""
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
        return os.WIFEXITED(status)
    count = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **named)

        return called

    for name in calls:
        setattr(os, name, counted(getattr(os, name)))
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


def crashes(work: Callable[[], None], after: Callable[[], None]) -> int:
    """Die at every call in turn, and look at what is left each time. How many deaths there were."""
    call = 1
    while not killed_at(call, work):
        after()
        call += 1
    after()
    assert call > 5, "nothing was interrupted"
    return call - 1


def test_nothing_was_ever_staged(shelf: Shelf) -> None:
    assert shelf.staged() == Found(None)


def test_a_staged_file_comes_back(shelf: Shelf) -> None:
    staged = Staged(ballot(1), V8.identity)
    shelf.stage(staged, V8)
    assert shelf.staged() == Found(staged)
    assert shelf.find(V8.identity) == V8
    assert shelf.new.read_bytes() == V8.data
    assert shelf.own().data == GOOD
    assert not shelf.next.exists()


def test_nothing_is_staged_under_a_ballot(shelf: Shelf) -> None:
    shelf.stage(Staged(ballot(1), V8.identity), V8)
    nothing = Staged(ballot(2), None)
    shelf.stage(nothing, None)
    assert shelf.staged() == Found(nothing)
    assert not shelf.new.exists()


def test_the_same_file_under_a_higher_ballot(shelf: Shelf) -> None:
    shelf.stage(Staged(ballot(1), V8.identity), V8)
    again = Staged(ballot(2), V8.identity)
    shelf.stage(again, V8)
    assert shelf.staged() == Found(again)


def test_owner_mode_and_symlink_stay(tmp_path: Path, shelf: Shelf) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "etc/corosync.conf").rename(real / "cluster.conf")
    (real / "cluster.conf").chmod(0o640)
    if os.geteuid() == 0:
        os.chown(real / "cluster.conf", 4711, 4712)
    os.setxattr(real / "cluster.conf", "user.note", b"ours")
    before = (real / "cluster.conf").stat()
    (tmp_path / "etc/corosync.conf").symlink_to(real / "cluster.conf")
    for version in (V8, V9):
        shelf.stage(Staged(ballot(version.identity.version), version.identity), version)
        assert shelf.new == real / "cluster.conf.new"
        (real / "cluster.conf").chmod(0o600 if version is V9 else 0o640)
        before = (real / "cluster.conf").stat()
        shelf.install(version)
        after = (real / "cluster.conf").stat()
        assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
        assert os.getxattr(real / "cluster.conf", "user.note") == b"ours"
        assert after.st_ino != before.st_ino
    assert (tmp_path / "etc/corosync.conf").is_symlink()
    assert (tmp_path / "etc/corosync.conf").read_bytes() == V9.data
    assert sorted(path.name for path in real.iterdir()) == ["cluster.conf"]


def test_a_file_that_was_not_staged_is_installed_too(shelf: Shelf) -> None:
    shelf.stage(Staged(ballot(1), V8.identity), V8)
    shelf.install(V9)
    assert shelf.own().data == V9.data
    assert shelf.find(V8.identity) == V8


def test_a_loaded_file_still_counts_as_staged(shelf: Shelf) -> None:
    staged = Staged(ballot(1), V8.identity)
    shelf.stage(staged, V8)
    shelf.install(V8)
    assert not shelf.new.exists()
    assert shelf.staged() == Found(staged)
    shelf.conf.write_bytes(V9.data)
    assert shelf.staged() == Found(staged), "somebody has gone on by hand from what was staged and loaded"


def test_a_staged_file_that_is_gone_or_another_one(shelf: Shelf) -> None:
    shelf.stage(Staged(ballot(1), V8.identity), V8)
    shelf.new.write_bytes(OTHER8.data)
    assert shelf.staged().staged is None
    assert "is another file, or none" in shelf.staged().problem
    shelf.new.unlink()
    assert "is another file, or none" in shelf.staged().problem


def test_every_damaged_byte_of_a_ballot_is_noticed(tmp_path: Path, shelf: Shelf) -> None:
    staged = Staged(ballot(1), V8.identity)
    shelf.stage(staged, V8)
    path = tmp_path / "state/staged.json"
    good = path.read_bytes()
    for at in range(len(good) - 1):
        for damaged in (good[:at], good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]):
            path.write_bytes(damaged)
            found = shelf.staged()
            assert found.staged is None, damaged
            assert found.problem
    path.write_bytes(good)
    assert shelf.staged() == Found(staged)


@pytest.mark.parametrize("junk", [b"[]", b"null", b"7", b"[" * 100_000, b"\xff", b"{}", b'{"sha256": []}'])
def test_junk_is_no_ballot(tmp_path: Path, shelf: Shelf, junk: bytes) -> None:
    (tmp_path / "state/staged.json").write_bytes(junk)
    assert shelf.staged().staged is None
    assert shelf.staged().problem


def test_what_is_staged_is_the_old_or_the_new_whenever_the_process_dies(shelf: Shelf) -> None:
    old, new = Staged(ballot(1), V8.identity), Staged(ballot(2), OTHER8.identity)
    seen = set()

    def begin() -> None:
        shelf.stage(new, OTHER8)

    def look() -> None:
        found = shelf.staged()
        assert found.staged in (old, new)
        assert found.staged is not None
        assert found.staged.identity is not None
        seen.add(found.staged)
        assert shelf.find(found.staged.identity) is not None
        shelf.stage(old, V8)
        assert shelf.staged() == Found(old)

    shelf.stage(old, V8)
    crashes(begin, look)
    assert seen == {old, new}


def test_dying_twice_in_a_row_loses_nothing(shelf: Shelf) -> None:
    """The second life stages a third file, and dies too, at every step, from every state that the first has left."""
    old, new, third = (Staged(ballot(n), f.identity) for n, f in ((1, V8), (2, OTHER8), (3, V9)))
    first, lived = 1, False
    while not lived:
        second, finished = 1, False
        while not finished:
            shelf.stage(old, V8)
            lived = killed_at(first, lambda: shelf.stage(new, OTHER8), NAMES)
            between = shelf.staged().staged
            finished = killed_at(second, lambda: shelf.stage(third, V9), NAMES)
            found = shelf.staged()
            assert found.staged in (between, third), (first, second, found)
            second += 1
        first += 1
    assert first > 3


def test_withdrawing_is_the_old_or_the_new(shelf: Shelf) -> None:
    old, nothing = Staged(ballot(1), V8.identity), Staged(ballot(2), None)

    def look() -> None:
        assert shelf.staged().staged in (old, nothing)
        shelf.stage(old, V8)

    shelf.stage(old, V8)
    crashes(lambda: shelf.stage(nothing, None), look)


@pytest.mark.parametrize("installed", [V8, V9], ids=["staged", "fetched"])
def test_corosync_conf_is_the_old_or_the_new(shelf: Shelf, installed: File) -> None:
    staged = Staged(ballot(1), V8.identity)
    seen = set()

    def look() -> None:
        own = shelf.own()
        assert own.data in (GOOD, installed.data)
        seen.add(own.data)
        assert shelf.staged() == Found(staged)
        shelf.conf.write_bytes(GOOD)
        shelf.stage(staged, V8)

    shelf.stage(staged, V8)
    crashes(lambda: shelf.install(installed), look)
    assert seen == {GOOD, installed.data}


def test_a_full_disk_changes_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Staged(ballot(1), V8.identity)
    shelf.stage(old, V8)

    def full(*_: object) -> int:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            shelf.stage(Staged(ballot(2), V9.identity), V9)
        shelf.install(V8)
    assert shelf.staged() == Found(old)
    assert shelf.own().data == V8.data, "what is staged can be loaded without room on the disk"
