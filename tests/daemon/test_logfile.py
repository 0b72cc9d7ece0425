"""The log file and standard error: rotated, shared with the group, and never written through a link."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from coroctl.daemon.echo import echo
from coroctl.daemon.journal import Journal
from coroctl.daemon.logfile import LogFile
from coroctl.daemon.rendering import Level, line
from tests.daemon.disk import needs_root
from tests.daemon.journals import journal_in, named, row, rows_in

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_log_is_created_anew_after_rotation(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log", group="daemon")
    log.append(["one"])
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.append(["two", "three"])
    os.truncate(tmp_path / "log", 0)
    log.append(["four"])
    log.close()
    assert (tmp_path / "log.1").read_text() == "one\n"
    assert (tmp_path / "log").read_text() == "four\n"
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o640


def test_half_a_line_of_a_killed_life_stays_alone(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\nhal")
    log = LogFile(tmp_path / "log")
    log.append(["two"])
    log.append(["three"])
    log.close()
    assert (tmp_path / "log").read_text() == "one\nhal\ntwo\nthree\n"


@needs_root
def test_the_group_may_read_the_log(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log", group="daemon")
    log.append(["one"])
    log.close()
    assert (tmp_path / "log").group() == "daemon"
    # What is there already keeps what its owner gave it.
    (tmp_path / "log").chmod(0o600)
    log.append(["two"])
    log.close()
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


async def test_what_somebody_put_in_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "log").symlink_to("victim")
    async with journal_in(tmp_path) as journal:
        journal.event(Level.INFO, "first")
        fails = await named(journal, "record-fails", "log")
        assert "Too many levels of symbolic links" in str(fails.details["why"])
        (tmp_path / "log").unlink()
        works = await named(journal, "record-works", "log")
        assert works.details["lost"] == 0
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "fifo").rename(tmp_path / "log")
        journal.event(Level.INFO, "second")
        async with asyncio.timeout(20):
            while [one.event for one in journal.tail()].count("record-fails") < 2:
                await asyncio.sleep(0)
        (tmp_path / "log").unlink()
    assert (tmp_path / "victim").read_text() == "precious"
    events = [one.event for one in rows_in(tmp_path)]
    assert events[:5] == ["first", "record-fails", "record-works", "second", "record-fails"]
    assert "second" in (tmp_path / "log").read_text()


async def test_standard_error_gets_what_the_log_gets(tmp_path: Path) -> None:
    read, write = os.pipe()
    with os.fdopen(read) as reader, os.fdopen(write, "wb") as writer:
        journal = await Journal.opened(tmp_path / "events.db", tmp_path / "log", "n7", echo(writer.fileno()))
        made = journal.event(Level.ALERT, "x", 5, why="two words")
        assert await journal.close()
        assert reader.readline() == f"{line(made)}\n"


def test_journald_gets_levels_and_no_second_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with os.fdopen(read) as reader, os.fdopen(write, "wb") as writer:
        status = os.fstat(write)
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        echo(writer.fileno())([row(1)._replace(level=Level.ALERT), row(2, "y", text="two words")])
        assert reader.readline() == "<1>n7 12 x\n"
        assert reader.readline() == '<6>n7 12 y text="two words"\n'


async def test_nobody_at_standard_error_is_said_in_the_log(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    journal = await Journal.opened(tmp_path / "events.db", tmp_path / "log", "n7", echo(write))
    journal.event(Level.INFO, "x")
    fails = await named(journal, "record-fails", "stderr")
    assert "Broken pipe" in str(fails.details["why"])
    assert await journal.close()
    os.close(write)
    assert [one.event for one in rows_in(tmp_path)] == ["x", "record-fails"]
