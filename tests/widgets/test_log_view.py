"""The log as a whole on a screen: pictures, keys, searches that end, and files that change under it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from textual.events import Key, Paste

from coroctl_widgets.log_lines import bytes_text
from coroctl_widgets.log_prompt import Editor
from coroctl_widgets.log_view import LogView
from tests.logfile.files import append, corosync_line, corosync_log
from tests.widgets.stage import Stage, Terminal, on_terminal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from textual.pilot import Pilot

    from coroctl_widgets.logfile.session import Frame

    Compare = Callable[..., bool]
    Play = Callable[[Pilot[Any], LogView], Awaitable[None]]

COUNT = 3000
SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """By a name, and with times, that are the same on every machine."""
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("TZ", "UTC")
        time.tzset()
        corosync_log(tmp_path / "corosync.log", COUNT)
        append(tmp_path / "corosync.log", b"\x1b[31mcolours\x1b[0m, \x00\xff junk, \x1b]0;title\x07 and no end")
        yield tmp_path / "corosync.log"
    time.tzset()


@pytest.fixture
def view(path: Path) -> LogView:
    return LogView(path.name)


async def until(pilot: Pilot[Any], view: LogView, wanted: Callable[[Frame], bool]) -> Frame:
    """Wait for a frame, and for the end of searches; the test's own time limit bounds it."""
    while view.busy or view.frame is None or not wanted(view.frame):
        await pilot.pause(0.01)
    await pilot.pause()
    return view.frame


async def opened(pilot: Pilot[Any], view: LogView) -> None:
    view.focus()
    await until(pilot, view, lambda frame: len(frame.rows) > 1)


async def answer(pilot: Pilot[Any], key: str, text: str) -> None:
    await pilot.press(key)
    await pilot.press(*text, "enter")


def texts(frame: Frame) -> list[str]:
    return [row.text for row in frame.rows]


def found(frame: Frame) -> list[str]:
    return [row.text for row in frame.rows if row.found]


async def at_the_end(pilot: Pilot[Any], view: LogView) -> None:
    await opened(pilot, view)


async def searched(pilot: Pilot[Any], view: LogView) -> None:
    await opened(pilot, view)
    await answer(pilot, "slash", "failed")
    await until(pilot, view, lambda frame: bool(found(frame)))
    await pilot.press("right")


async def filtered(pilot: Pilot[Any], view: LogView) -> None:
    await opened(pilot, view)
    await pilot.press("C")
    await answer(pilot, "ampersand", "failed")
    await until(pilot, view, lambda frame: frame.hits == COUNT // 4)


async def asked(pilot: Pilot[Any], view: LogView) -> None:
    await opened(pilot, view)
    await pilot.press("t")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("play", [at_the_end, searched, filtered, asked], ids=lambda play: str(play.__name__))
def test_picture(snap_compare: Compare, view: LogView, size: tuple[int, int], play: Play) -> None:
    async def run(pilot: Pilot[Any]) -> None:
        await play(pilot, view)

    assert snap_compare(Stage(view), terminal_size=size, run_before=run)


def test_picture_without_a_file(snap_compare: Compare) -> None:
    view = LogView("nowhere.log")

    async def run(pilot: Pilot[Any]) -> None:
        await until(pilot, view, lambda frame: bool(frame.reason))

    assert snap_compare(Stage(view), terminal_size=(80, 24), run_before=run)


async def test_search_there_and_back(view: LogView) -> None:
    async with Stage(view).run_test(size=(100, 12)) as pilot:
        await opened(pilot, view)
        await answer(pilot, "slash", "failed")
        for key, number in (("", COUNT - 2), ("n", COUNT - 6), ("n", COUNT - 10), ("N", COUNT - 6)):
            if key:
                await pilot.press(key)
            await until(pilot, view, lambda frame, number=number: found(frame) == [corosync_line(number)])  # type: ignore[misc]
        await pilot.press("g")
        await until(pilot, view, lambda frame: texts(frame)[0] == corosync_line(0))
        await answer(pilot, "slash", r"\(1000\)")
        await until(pilot, view, lambda frame: found(frame) == [corosync_line(1000)])
        await pilot.press("n")
        while "no match below" not in status(view):
            await pilot.pause(0.01)


def status(view: LogView) -> str:
    return "".join(piece.text for piece in view.query_one("StatusLine").line(0))  # type: ignore[attr-defined]


async def test_a_filter_and_back_with_escape(view: LogView, path: Path) -> None:
    async with Stage(view).run_test(size=(100, 12)) as pilot:
        await opened(pilot, view)
        await answer(pilot, "ampersand", "!corosync")
        await until(pilot, view, lambda frame: frame.hits == 1)
        append(path, "\nanother line\nwhat corosync says\nand a third\n")
        frame = await until(pilot, view, lambda frame: frame.hits == 3)
        assert texts(frame)[1:] == ["another line", "and a third"]
        assert "& !corosync (3 lines)" in status(view)
        await answer(pilot, "slash", "th")
        await until(pilot, view, lambda frame: found(frame) == ["and a third"])
        await pilot.press("n")
        await until(pilot, view, lambda frame: found(frame) == ["another line"])
        await pilot.press("escape")
        await until(pilot, view, lambda frame: frame.hits is None)


async def test_a_filter_outlives_rotation(view: LogView, path: Path) -> None:
    async with Stage(view).run_test(size=(100, 12)) as pilot:
        await opened(pilot, view)
        await answer(pilot, "ampersand", "failed")
        await until(pilot, view, lambda frame: frame.hits == COUNT // 4)
        path.rename(path.with_suffix(".1"))
        append(path, "one FAILED\nand one did not\n")
        frame = await until(pilot, view, lambda frame: frame.hits == 1)
        assert texts(frame) == ["one FAILED"]
        append(path, "two FAILED\n")
        await until(pilot, view, lambda frame: frame.hits == 2)


async def test_an_expression_that_takes_for_ever_holds_nothing_up(view: LogView, path: Path) -> None:
    append(path, "a" * 5000 + "!\n")
    async with Stage(view).run_test(size=(100, 12)) as pilot:
        await opened(pilot, view)
        await answer(pilot, "slash", "(a+)+$")
        while not view.busy:
            await pilot.pause(0.01)
        await pilot.press("g")
        while view.frame is None or texts(view.frame)[0] != corosync_line(0):
            await pilot.pause(0.01)
        assert view.busy
        await pilot.press("escape")
        while "cancelled" not in status(view):
            await pilot.pause(0.01)


async def test_a_bad_expression_and_a_bad_time_are_said(view: LogView) -> None:
    async with Stage(view).run_test(size=(100, 12)) as pilot:
        await opened(pilot, view)
        for key, text, said in (("slash", "(", "not a regular expression"), ("t", "noon", "not a time: noon")):
            await answer(pilot, key, text)
            while said not in status(view):
                await pilot.pause(0.01)


async def test_go_to_time_and_to_another_file(view: LogView, path: Path) -> None:
    append(path.with_name("other.log"), "another file\n")
    async with Stage(view).run_test(size=(100, 12)) as pilot:
        await opened(pilot, view)
        await answer(pilot, "t", corosync_line(1234)[:15])
        await until(pilot, view, lambda frame: corosync_line(1234) in texts(frame))
        await answer(pilot, "o", "other.log")
        await until(pilot, view, lambda frame: texts(frame) == ["another file"])


class Never(LogView):
    """Looks for news later than any test."""

    POLL_EVERY = 3600.0


async def test_a_page_is_painted_once_and_growth_only_with_a_poll(path: Path) -> None:
    view = Never(path.name)

    async def act(pilot: Pilot[Any], terminal: Terminal) -> None:
        await opened(pilot, view)
        terminal.bytes_since_last()
        await pilot.press("pageup")
        await until(pilot, view, lambda frame: not frame.follows)
        assert 0 < terminal.bytes_since_last() < 15_000
        append(path, "\nnot yet\n")
        await pilot.press("g")
        await until(pilot, view, lambda frame: texts(frame)[0] == corosync_line(0))
        before, _ = view.frame, terminal.bytes_since_last()
        await pilot.press("g")
        await until(pilot, view, lambda frame: frame is not before)
        assert terminal.bytes_since_last() == 0

    terminal = await on_terminal(view, act, size=(120, 40))
    assert terminal.lines[0].endswith("held")


async def test_keys_that_come_all_at_once_are_taken_in_their_order(view: LogView) -> None:
    async with Stage(view).run_test(size=(100, 12)) as pilot:
        await opened(pilot, view)
        keys = [("ampersand", "&"), *((letter, letter) for letter in "nottqgGN"), ("ctrl+w", "\x17")]
        keys += [*((letter, letter) for letter in "failed"), ("enter", "\r"), ("g", "g")]
        for key, character in keys:
            pilot.app.post_message(Key(key, character))
        frame = await until(pilot, view, lambda frame: frame.hits == COUNT // 4 and not frame.follows)
        assert texts(frame)[0] == corosync_line(2)


async def test_what_is_pasted_and_asked_again(view: LogView) -> None:
    async with Stage(view).run_test(size=(100, 12)) as pilot:
        await opened(pilot, view)
        await pilot.press("ampersand")
        pilot.app.post_message(Paste("fai\x1bled\n"))
        await pilot.press("enter")
        await until(pilot, view, lambda frame: frame.hits == COUNT // 4)
        await answer(pilot, "ampersand", "")
        await until(pilot, view, lambda frame: frame.hits is None)
        await answer(pilot, "ampersand", "warning")
        await until(pilot, view, lambda frame: frame.hits == COUNT // 4)
        await pilot.press("ampersand", "up", "backspace", "enter")
        await until(pilot, view, lambda frame: frame.hits == COUNT // 4)
        assert "& warnin (" in status(view)


def test_editing() -> None:
    editor = Editor("one two")
    for key in ("ctrl+w", "left", "backspace", "ctrl+a", "delete", "ctrl+e"):
        editor.press(key, None)
    assert (editor.text, editor.at) == ("n ", 2)
    for key, character in (("x", "x"), ("left", None), ("ctrl+k", None), ("f5", None), ("tab", "\t")):
        editor.press(key, character)
    assert editor.text == "n "
    editor.press("ctrl+u", None)
    assert (editor.text, editor.at) == ("", 0)
    editor.press("backspace", None)
    editor.press("right", None)
    assert (editor.text, editor.at) == ("", 0)


def test_sizes() -> None:
    assert [bytes_text(size) for size in (0, 999, 4300, 1 << 30, 10 << 40)] == [
        "0 B",
        "999 B",
        "4.2 KiB",
        "1.0 GiB",
        "10.0 TiB",
    ]
