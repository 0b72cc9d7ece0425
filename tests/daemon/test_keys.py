"""The key file: what is accepted, and what is said of what is not."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon.keys import KEYS_MAX, Key, KeyFileError, derive, generate, load_keys, make_key, write_new

if TYPE_CHECKING:
    from pathlib import Path

ONE = "coroctl-key-1:" + "a1" * 32
TWO = "coroctl-key-1:" + "b2" * 32

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="a key file is root's")


def written(folder: Path, content: bytes | str, mode: int = 0o600) -> Path:
    """A key file with that content."""
    path = folder / "authkey"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


@as_root
def test_a_generated_file_holds_one_key(tmp_path: Path) -> None:
    [key] = load_keys(written(tmp_path, generate()))
    assert len(key.secret) == 32
    assert len(key.id) == 4
    assert key.id.hex() == key.fingerprint


def test_every_generated_key_is_another_one() -> None:
    assert generate() != generate()


@as_root
def test_the_first_key_of_a_file_is_the_first(tmp_path: Path) -> None:
    keys = load_keys(written(tmp_path, f"# new\n{TWO}\r\n\n  # old\n{ONE}\n{ONE}\n"))
    assert [key.secret for key in keys] == [b"\xb2" * 32, b"\xa1" * 32]


@as_root
@pytest.mark.parametrize("size", [128, 256, 4096])
def test_corosyncs_own_key_is_one_key(tmp_path: Path, size: int) -> None:
    content = bytes([0x80, *(n % 256 for n in range(size - 1))])
    [key] = load_keys(written(tmp_path, content, 0o400))
    assert key.secret == content


@as_root
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no key in it"),
        (b"# only words\n", "no key in it"),
        (b"\x80" * 127, "127 binary bytes"),
        (b"\x80" * 4097, "4097 binary bytes"),
        (b"x" * 200, "line 1 is no key"),
        (ONE[:-1], "line 1 is no key"),
        (ONE.upper(), "line 1 is no key"),
        (f"# c\n{ONE} {TWO}", "line 2 is no key"),
        (ONE.replace("-1:", "-2:"), "line 1 is no key"),
        ("\n".join(f"coroctl-key-1:{n:064x}" for n in range(KEYS_MAX + 1)), "9 keys"),
        (b"#" * 70_000, "more than 65536 bytes"),
    ],
)
def test_what_is_no_key_is_refused_with_its_reason(tmp_path: Path, content: bytes | str, reason: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(KeyFileError, match=reason) as raised:
        load_keys(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@as_root
def test_a_damaged_key_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError) as raised:
        load_keys(written(tmp_path, ONE + "f"))
    assert "a1a1" not in str(raised.value)


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"there is no key; make one .*`coroctl keygen`"):
        load_keys(tmp_path / "authkey")


@as_root
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(KeyFileError, match=f"mode {mode:04o}.*chmod 0600"):
        load_keys(written(tmp_path, ONE, mode))


@as_root
def test_a_key_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ONE)
    os.chown(path, 1234, 0)
    with pytest.raises(KeyFileError, match=r"user 1234.*chown root"):
        load_keys(path)


@as_root
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    with pytest.raises(KeyFileError, match="not a regular file"):
        load_keys(fifo)
    with pytest.raises(KeyFileError):
        load_keys(tmp_path)


def test_labels_lengths_and_secrets_make_unrelated_keys() -> None:
    key, other = make_key(b"k" * 32), make_key(b"o" * 32)
    found = {derive(key, "a"), derive(key, "b"), derive(other, "a"), derive(key, ""), derive(key, "a\udcff")}
    assert len(found) == 5
    assert len(derive(key, "a", 16)) == 16
    assert derive(key, "a") == derive(key, "a")


def test_a_key_does_not_show_its_secret() -> None:
    key = make_key(b"\x41" * 32)
    assert "A" not in repr(key)
    assert "41414141" not in f"{key} {key!r} {[key]}"
    assert isinstance(key, Key)


@as_root
def test_a_new_file_is_roots_alone(tmp_path: Path) -> None:
    path = tmp_path / "made" / "authkey"
    mask = os.umask(0o777)
    try:
        path.parent.mkdir(mode=0o755)
        key = write_new(path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_keys(path) == (key,)
    assert [one.name for one in path.parent.iterdir()] == ["authkey"]


@as_root
def test_an_existing_key_is_replaced_only_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "authkey"
    first = write_new(path)
    with pytest.raises(KeyFileError, match="there is a key already"):
        write_new(path)
    assert load_keys(path) == (first,)
    second = write_new(path, replace=True)
    assert second != first
    assert load_keys(path) == (second,)
    assert [one.name for one in path.parent.iterdir()] == ["authkey"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError, match=r"file/authkey: "):
        write_new(tmp_path / "file" / "authkey")
