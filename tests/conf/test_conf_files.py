"""Whatever a path leads to, reading it ends soon, with the file and the reason."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from coroctl.conf.files import SIZE_MAX, load, load_document
from coroctl.errors import ConfigError
from tests.conf.samples import GOOD

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 65534


def _refusal(path: str | Path) -> str:
    start = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert time.monotonic() - start < 1
    assert caught.value.line == 0
    assert str(caught.value).startswith(f"{path}: ")
    return caught.value.reason


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "corosync.conf"
    path.write_bytes(GOOD)
    assert load(path) == GOOD
    assert load_document(str(path)).file == str(path)


def test_missing(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "none.conf") == "there is no such file"


def test_directory(tmp_path: Path) -> None:
    assert "directory" in _refusal(tmp_path)


def test_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "FIFO" in _refusal(tmp_path / "fifo")


def test_device() -> None:
    assert "device" in _refusal("/dev/zero")


def test_100_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "large.conf"
    with path.open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    assert "104857600 bytes" in _refusal(path)


def test_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "limit.conf"
    path.write_bytes(b"#" * SIZE_MAX)
    assert len(load(path)) == SIZE_MAX
    path.write_bytes(b"#" * (SIZE_MAX + 1))
    assert str(SIZE_MAX) in _refusal(path)


def test_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert "symbolic links" in _refusal(tmp_path / "loop")


def test_no_path_at_all() -> None:
    with pytest.raises(ConfigError, match="no path"):
        load("a\0b")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "secret.conf"
    path.write_bytes(GOOD)
    path.chmod(0o600)
    program = "import os, sys; from coroctl.conf.files import load; os.setuid(int(sys.argv[2])); load(sys.argv[1])"
    # The directories above must let the other user reach the file.
    for above in (tmp_path, *tmp_path.parents[:2]):
        above.chmod(0o755)
    command = [sys.executable, "-c", program, str(path), str(NOBODY)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert "permission denied: this user may not read it" in ran.stderr
