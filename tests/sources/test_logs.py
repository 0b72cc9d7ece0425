"""Following a log file through everything that happens to log files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from coroctl.sources import logs
from coroctl.sources.logs import BLOCK_BYTES, FIRST_BYTES, MAX_LINE, LogFollower, choose_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "corosync.log"


@pytest.fixture
def log(path: Path) -> Iterator[LogFollower]:
    follower = LogFollower(str(path))
    yield follower
    follower.close()


def append(path: Path, text: str | bytes) -> None:
    with path.open("ab") as stream:
        stream.write(text.encode() if isinstance(text, str) else text)


def test_new_lines_and_only_whole_ones(path: Path, log: LogFollower) -> None:
    append(path, "one\ntw")
    assert log.read().lines == ("one",)
    append(path, "o\n")
    assert log.read().lines == ("two",)
    assert log.read().lines == ()


def test_a_long_file_begins_with_its_end(path: Path, log: LogFollower) -> None:
    append(path, "".join(f"line {number}\n" for number in range(FIRST_BYTES // 4)))
    lines = log.read().lines
    assert lines[-1] == f"line {FIRST_BYTES // 4 - 1}"
    assert 0 < len("\n".join(lines)) <= FIRST_BYTES
    assert lines[0].startswith("line ")


def test_a_file_that_is_not_there_yet(path: Path, log: LogFollower) -> None:
    assert log.read().reason == "No such file or directory"
    append(path, "first\n")
    assert log.read() == (("first",), "")


def test_rotation_loses_nothing(path: Path, log: LogFollower) -> None:
    append(path, "old\n")
    log.read()
    append(path, "last of the old\n")
    path.rename(path.with_suffix(".1"))
    append(path.with_suffix(".1"), "written after the rename\n")
    append(path, "first of the new\n")
    assert log.read().lines == ("last of the old", "written after the rename", "first of the new")


def test_truncation_is_said(path: Path, log: LogFollower) -> None:
    append(path, "a long line that goes\n")
    log.read()
    path.write_text("new\n")
    assert log.read().lines == ("--- the file was truncated ---", "new")


def test_a_flood_is_bounded_and_said(path: Path, log: LogFollower) -> None:
    append(path, "begin\n")
    log.read()
    append(path, b"x" * 99 + b"\n" + b"y" * (3 * BLOCK_BYTES) + b"\nend\n")
    lines = log.read().lines
    assert lines[0].endswith("bytes left out ---")
    assert lines[-1] == "end"
    assert all(len(line) <= MAX_LINE for line in lines)


def test_binary_junk_is_text_in_the_end(path: Path, log: LogFollower) -> None:
    append(path, b"\xff\x00\xfe junk\n")
    assert log.read().lines == ("\ufffd\x00\ufffd junk",)


@pytest.mark.parametrize("kind", ["directory", "fifo"])
def test_what_is_no_file_is_refused_at_once(path: Path, log: LogFollower, kind: str) -> None:
    if kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    assert log.read().reason == "not a regular file"


def test_corolisteners_log_comes_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = path.with_name("corosync.conf")
    conf.write_text("logging {\n  logfile: /var/log/somewhere.log\n}\n")
    assert choose_log(str(conf)) == "/var/log/somewhere.log"
    append(path, "here\n")
    monkeypatch.setattr(logs, "COROLISTENER_LOGS", (str(path),))
    assert choose_log(str(conf)) == str(path)


def test_without_a_configuration_the_usual_log_is_taken(path: Path) -> None:
    assert choose_log(str(path)) == "/var/log/corosync/corosync.log"
