"""A reader's window: at the end at once, moved, filtered, and right whatever becomes of the file."""

from __future__ import annotations

import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from coroctl_widgets.logfile import lines
from coroctl_widgets.logfile.file import LogFile
from coroctl_widgets.logfile.levels import Weight
from coroctl_widgets.logfile.session import Session
from tests.logfile.files import append, corosync_line, corosync_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEIGHT = 10
COUNT = 5000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    corosync_log(tmp_path / "a.log", COUNT)
    return tmp_path / "a.log"


@pytest.fixture
def session(path: Path) -> Iterator[Session]:
    session = Session(str(path))
    session.height = HEIGHT
    yield session
    session.close()


def texts(session: Session) -> list[str]:
    return [row.text for row in session.frame().rows]


def numbered(*numbers: int) -> list[str]:
    return [corosync_line(number) for number in numbers]


def last(count: int = HEIGHT, end: int = COUNT) -> list[str]:
    return numbered(*range(end - count, end))


def test_it_opens_at_the_end_and_follows(session: Session, path: Path) -> None:
    assert texts(session) == last()
    assert not session.poll()
    append(path, "new\n")
    assert session.poll()
    assert texts(session) == [*last(HEIGHT - 1), "new"]


def test_up_holds_and_down_to_the_end_follows(session: Session, path: Path) -> None:
    session.frame()
    session.move(-3)
    assert texts(session) == last(end=COUNT - 3)
    assert not session.frame().follows
    append(path, "new\n")
    session.poll()
    assert texts(session) == last(end=COUNT - 3)
    session.move(2)
    assert (texts(session), session.frame().follows) == (last(end=COUNT - 1), False)
    session.move(99)
    assert session.frame().follows
    assert texts(session)[-1] == "new"


def test_first_and_follow(session: Session) -> None:
    session.first()
    assert texts(session) == numbered(*range(HEIGHT))
    session.move(-5)
    assert texts(session) == numbered(*range(HEIGHT))
    session.follow()
    assert texts(session) == last()


def test_a_short_file(tmp_path: Path) -> None:
    append(tmp_path / "b.log", "one\ntwo")
    session = Session(str(tmp_path / "b.log"))
    session.height = HEIGHT
    for move in (-1, 1, -9, 9):
        session.move(move)
        assert texts(session) == ["one", "two"]
        assert session.frame().follows
    session.close()


def test_levels_have_letters(session: Session) -> None:
    weights = [Weight.NORMAL, Weight.WARN, Weight.BAD, Weight.NORMAL]
    assert [row.weight for row in session.frame().rows] == [
        weights[number % 4] for number in range(COUNT - HEIGHT, COUNT)
    ]


def test_go_to_a_time(session: Session) -> None:
    session.go_to_time(corosync_line(1234)[:15])
    frame = session.frame()
    assert [row.text for row in frame.rows][HEIGHT // 3] == corosync_line(1234)
    session.go_to_time("yesteryear")
    assert session.frame().notice.startswith("not a time: yesteryear (for example")
    session.move(1)
    assert session.frame().notice == ""


def test_junk_is_neutral(session: Session, path: Path) -> None:
    append(path, b"\x1b[31mred\x1b[0m \x1b]0;title\x07 \x00\xff \x9b2J \xe2\x80\xae\n")
    session.poll()
    text = texts(session)[-1]
    assert text.startswith("red ")
    assert text.isprintable()


def test_rotation_while_following(session: Session, path: Path) -> None:
    session.frame()
    path.rename(path.with_suffix(".1"))
    assert session.poll()
    assert session.frame().reason == "the file has no name any more"
    assert texts(session) == last()
    append(path, "new\n")
    assert session.poll()
    frame = session.frame()
    assert (texts(session), frame.notice, frame.reason) == (["new"], "rotated: this is the new file", "")


def test_rotation_while_held(session: Session, path: Path) -> None:
    session.frame()
    session.move(-3)
    generation = session.frame().generation
    path.rename(path.with_suffix(".1"))
    append(path, "new\n")
    assert session.poll()
    assert session.frame().reason.startswith("rotated: this is the old file")
    assert texts(session) == last(end=COUNT - 3)
    session.follow()
    assert texts(session) == ["new"]
    assert session.frame().generation > generation


def test_truncation(session: Session, path: Path) -> None:
    session.move(-3)
    path.write_text("again\n")
    assert session.poll()
    assert (texts(session), session.frame().notice) == (["again"], "the file was truncated")


def test_a_file_that_cannot_be_read_says_why_until_it_can(tmp_path: Path) -> None:
    session = Session(str(tmp_path / "c.log"))
    assert session.frame().reason == "No such file or directory"
    for act in (session.first, session.follow, session.select, session.unselect, lambda: session.move(1)):
        act()
    session.go_to_time("12:00")
    assert not session.poll()
    assert session.lend() is None
    append(tmp_path / "c.log", "there\n")
    assert session.poll()
    assert (texts(session), session.frame().reason) == (["there"], "")
    session.close()


def test_a_filter(session: Session, path: Path) -> None:
    starts = starts_of(path, lambda number: number % 4 == 2)
    session.select()
    assert (texts(session), session.frame().hits) == ([], 0)
    session.take_older(reversed(starts))
    wanted = [number for number in range(COUNT) if number % 4 == 2]
    assert texts(session) == numbered(*wanted[-HEIGHT:])
    session.move(-4)
    assert texts(session) == numbered(*wanted[-HEIGHT - 4 : -4])
    session.first()
    assert texts(session) == numbered(*wanted[:HEIGHT])
    session.unselect()
    assert texts(session) == numbered(*range(2, HEIGHT + 2))


def test_a_filter_with_context(session: Session, path: Path) -> None:
    session.set_context(1)
    session.select()
    starts = starts_of(path, lambda number: number in {0, 7, 9, 100, COUNT - 1})
    session.take_older(reversed(starts))
    session.first()
    assert texts(session) == numbered(0, 1, 6, 7, 8, 9, 10, 99, 100, 101)
    assert [row.context for row in session.frame().rows] == [row not in (0, 3, 5, 8) for row in range(HEIGHT)]
    session.follow()
    assert texts(session) == numbered(6, 7, 8, 9, 10, 99, 100, 101, COUNT - 2, COUNT - 1)
    session.move(-1)
    assert texts(session) == numbered(1, 6, 7, 8, 9, 10, 99, 100, 101, COUNT - 2)


def test_a_filter_learns_what_comes(session: Session, path: Path) -> None:
    session.select()
    assert session.unselected() is None
    append(path, "one\nhalf")
    session.poll()
    low, high = session.unselected() or (0, 0)
    session.take_newer([low, low + 4])
    assert texts(session) == ["one", "half"]
    append(path, " of it\n")
    session.poll()
    assert session.unselected() == (low + 4, high + 7)
    session.take_newer([low + 4])
    assert texts(session) == ["one", "half of it"]


def starts_of(path: Path, wanted: Callable[[int], bool]) -> list[int]:
    with LogFile(str(path)) as file:
        return [line.start for number, line in enumerate(lines.forward(file, 0)) if wanted(number)]


@pytest.mark.parametrize("kind", ["sparse", "lines"])
def test_ten_gigabytes_cost_as_little_as_a_page(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "huge.log"
    append(path, "the first line\n")
    os.truncate(path, 10 << 30)  # a hole: NULs without any newline
    if kind == "lines":
        append(path, "\n" + "".join(f"{corosync_line(number)}\n" for number in range(COUNT)))
    tracemalloc.start()
    session = Session(str(path))
    session.height = HEIGHT
    frame = session.frame()
    assert len(frame.rows) == HEIGHT
    assert frame.rows[-1].text == (corosync_line(COUNT - 1) if kind == "lines" else frame.rows[0].text)
    for _ in range(20):
        session.move(-HEIGHT)
        assert len(session.frame().rows) == HEIGHT
    session.first()
    assert session.frame().rows[0].text.startswith("the first line")
    session.go_to_time("12:00")
    session.frame()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    session.close()
    assert peak < 10 << 20
