"""Times in lines, times that people type, and the way from one to the other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from coroctl_widgets.logfile import times
from coroctl_widgets.logfile.file import LogFile
from coroctl_widgets.logfile.lines import after
from tests.logfile.files import BEGIN, InMemory, append, corosync_line, corosync_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEWEST = 1_772_539_200.0
"""2026-03-03 12:00 UTC."""


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("2026-03-03T12:00:00.500+00:00 info node1 7 event", NEWEST + 0.5),
        ("2026-03-03T14:00:00+02:00 x", NEWEST),
        ("2026-03-03 12:00:00,250 x", NEWEST + 0.25),
        ("2026-03-03T12:00:00Z", NEWEST),
        ("[2026-03-03 12:00] x", NEWEST),
        ("Mar 03 12:00:00 [812] node1 corosync", NEWEST),
        ("Mar  3 12:00:00.125 node1", NEWEST + 0.125),
        ("<30>Mar  3 12:00:00 x", NEWEST),
        ("Dec 31 12:00:00 x", NEWEST - 62 * 86400),
        ("Mar 03 2026 12:00:00 x", NEWEST),
        ("node1  | 2026-03-03T12:00:00Z info of one log of many", NEWEST),
    ],
)
def test_of_a_line(line: str, wanted: float) -> None:
    assert times.of_line(line.encode(), NEWEST) == wanted


@pytest.mark.parametrize(
    "line", ["", "hello", "99-99-99", "2026-13-40T00:00:00Z", "\0\0\0", "Foo 31 12:00:00", "12:00"]
)
def test_lines_without_a_time(line: str) -> None:
    assert times.of_line(line.encode(), NEWEST) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("12:00", NEWEST),
        ("13:30", NEWEST - 86400 + 5400),
        ("11:59:30", NEWEST - 30),
        ("2026-03-03", NEWEST - 43200),
        ("2026-03-03 12:00", NEWEST),
        ("2026-03-03T12:00:00Z", NEWEST),
        ("mar 3 12:00", NEWEST),
        ("15m", NEWEST + 60 - 900),
        ("-2h", NEWEST + 60 - 7200),
        ("3 d ago", NEWEST + 60 - 3 * 86400),
        ("noon", None),
        ("", None),
        ("25:00", None),
        ("12:60", None),
    ],
)
def test_typed(text: str, wanted: float | None) -> None:
    assert times.typed(text, NEWEST + 60, NEWEST) == wanted


@pytest.mark.parametrize("number", [0, 1, 777, 19_998, 19_999])
def test_the_place_of_a_time(tmp_path: Path, number: int) -> None:
    corosync_log(tmp_path / "a.log", 20_000)
    with LogFile(str(tmp_path / "a.log")) as file:
        place = times.place_of(file, BEGIN + number - 0.5, file.changed_s)
        assert after(file, place, 1)[0].data.decode() == corosync_line(number)


def test_a_time_after_all_is_the_end(tmp_path: Path) -> None:
    corosync_log(tmp_path / "a.log", 5_000)
    with LogFile(str(tmp_path / "a.log")) as file:
        assert times.place_of(file, BEGIN + 9_000_000, file.changed_s) == file.size


def test_lines_without_a_time_belong_to_what_was_before(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    for number in range(0, 3000, 2):
        append(path, f"{corosync_line(number)}\n  a trace of it\n  and more\n")
    with LogFile(str(path)) as file:
        place = times.place_of(file, BEGIN + 1001, BEGIN + 3000)
        assert after(file, place, 1)[0].data.decode() == corosync_line(1002)


def test_time_that_goes_back_has_places_that_are_right_where_they_are() -> None:
    lines = [corosync_line(number) for number in (*range(2000), *range(500, 3000))]
    file = InMemory("".join(f"{line}\n" for line in lines).encode())
    place = times.place_of(file, BEGIN + 1500, BEGIN + 3000)
    assert after(file, place, 1)[0].data.decode() == corosync_line(1500)


def test_no_time_at_all() -> None:
    file = InMemory(b"junk\n" * 500_000)
    assert times.place_of(file, NEWEST, NEWEST) in range(file.size + 1)
