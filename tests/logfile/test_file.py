"""What becomes of a log while it is open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from coroctl_widgets.logfile.file import Fate, LogFile
from coroctl_widgets.logfile.growth import Growth
from tests.logfile.files import append

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "a.log"
    append(found, "one\n")
    return found


@pytest.fixture
def growth(path: Path) -> Iterator[Growth]:
    growth = Growth(LogFile(str(path)), 4)
    yield growth
    growth.close()


def texts(growth: Growth) -> list[bytes]:
    return [line.data for line in growth.read()]


def test_fates(path: Path) -> None:
    with LogFile(str(path)) as file:
        assert file.look() is Fate.SAME
        append(path, "two\n")
        assert file.look() is Fate.GROWN
        assert file.read(4, 99) == b"two\n"
        path.write_text("x\n")
        assert file.look() is Fate.TRUNCATED
        path.rename(path.with_suffix(".1"))
        assert file.look() is Fate.GONE
        append(path, "new\n")
        assert file.look() is Fate.ROTATED
        append(path.with_suffix(".1"), "late\n")
        assert file.look() is Fate.GROWN
        assert file.look() is Fate.ROTATED


def test_a_file_written_anew_that_outgrew_the_old_one_was_truncated(path: Path) -> None:
    with LogFile(str(path)) as file:
        path.write_text("something longer\n")
        assert file.look() is Fate.TRUNCATED
        assert file.look() is Fate.SAME


@pytest.mark.parametrize("kind", ["directory", "fifo", "nothing"])
def test_what_is_no_log_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file" if kind != "nothing" else "No such file"):
        LogFile(str(path))


def test_growth_is_whole_lines(path: Path, growth: Growth) -> None:
    append(path, "tw")
    assert texts(growth) == []
    append(path, "o\nthree\nfo")
    assert texts(growth) == [b"two", b"three"]


def test_rotation_loses_nothing(path: Path, growth: Growth) -> None:
    path.rename(path.with_suffix(".1"))
    append(path.with_suffix(".1"), "after the rename\nhalf")
    assert texts(growth) == [b"after the rename"]
    append(path, "new\n")
    assert texts(growth) == [b"half", b"new"]
    assert texts(growth) == []


def test_truncation_begins_again(path: Path, growth: Growth) -> None:
    path.write_text("")
    assert texts(growth) == []
    append(path, "new\n")
    assert texts(growth) == [b"new"]
