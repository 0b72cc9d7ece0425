"""The log: coalesced, bounded, held when scrolled up, and honest about a file that is not there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from coroctl_widgets import log_tail
from coroctl_widgets.follower import SIDEWAYS
from coroctl_widgets.lines import Tone
from coroctl_widgets.log_tail import MAX_LINE, LogTail
from tests.widgets.stage import Stage, Terminal, on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    Compare = Callable[..., bool]


class AtOnce(LogTail):
    """Waits for nothing."""

    PAINT_EVERY = 0.0


class Soon(LogTail):
    """Waits for as long as a timer needs."""

    PAINT_EVERY = 0.05


class Never(LogTail):
    """Waits longer than any test."""

    PAINT_EVERY = 3600.0


def numbered(first: int, last: int) -> list[str]:
    return [f"line {i}" for i in range(first, last + 1)]


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (120, 40)])
def test_picture(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Stage(*log_tail.demo()), terminal_size=size)


def test_picture_scrolled(snap_compare: Compare) -> None:
    assert snap_compare(Stage(*log_tail.demo()), terminal_size=(80, 24), press=["pageup", "right"])


async def test_lines_are_painted_together() -> None:
    log = Never("a.log")

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        log.append(["first"])
        await pilot.pause()
        assert terminal.lines[1] == " first"
        terminal.bytes_since_last()
        log.append(["second"])
        log.append(["third"])
        await pilot.pause()
        assert terminal.bytes_since_last() == 0

    await on_terminal(log, act)
    assert log.count() == 1


async def test_what_waits_is_painted_by_one_timer() -> None:
    log = Soon("a.log")

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        log.append(["first"])
        log.append(["second"])
        log.append(["third"])
        assert log.count() == 1
        while log.count() < 3:
            await pilot.pause()

    terminal = await on_terminal(log, act)
    assert terminal.lines[1:4] == [" first", " second", " third"]


async def test_it_is_bounded() -> None:
    log = AtOnce("a.log", bound=10)
    async with Stage(log).run_test():
        log.append(numbered(1, 5))
        log.append(numbered(6, 40))
        assert log.count() == 10
        log.clear()
        assert log.count() == 0


async def test_scrolled_up_it_holds_still() -> None:
    log = AtOnce("a.log", bound=12)

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        log.append(numbered(1, 12))
        await pilot.press("pageup")
        held = terminal.lines[1:4]
        assert terminal.lines[0].endswith("held")
        log.append(numbered(13, 15))
        await pilot.pause()
        assert terminal.lines[1:4] == held
        assert terminal.lines[4] == " ▼ 6 more below (G: newest)"
        await pilot.press("G")

    terminal = await on_terminal(log, act, size=(40, 5))
    assert terminal.lines[4] == " line 15"
    assert terminal.lines[0].endswith("following")


async def test_the_reason_why_there_is_no_log() -> None:
    log = AtOnce("a.log")

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        assert terminal.lines[1] == " no lines yet"
        log.set_source("b.log", "permission denied")

    terminal = await on_terminal(log, act, size=(40, 5))
    assert terminal.lines[0].split() == ["b.log", "no", "log"]
    assert terminal.lines[1] == " permission denied"


async def test_lines_outlive_their_file() -> None:
    log = AtOnce("a.log")

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        log.append(["last words"])
        log.set_source("a.log", "connection lost")

    terminal = await on_terminal(log, act, size=(40, 5))
    assert terminal.lines[0].split() == ["a.log", "connection", "lost"]
    assert terminal.lines[1] == " last words"


@pytest.mark.parametrize(
    ("text", "tone"),
    [
        ("error [TOTEM]", Tone.BAD),
        ("FAILED TO RECEIVE", Tone.BAD),
        ("warning [KNET]", Tone.WARN),
        ("terror of mirrors", Tone.NORMAL),
    ],
)
async def test_levels(text: str, tone: Tone) -> None:
    log = AtOnce("a.log")
    async with Stage(log).run_test():
        log.append([text])
        assert log.entry(0)[0].styles == (tone.value,)


async def test_the_owner_says_what_is_bad_and_lines_end_somewhere() -> None:
    log = AtOnce("a.log", bad=re.compile("PANIK"))
    async with Stage(log).run_test(size=(20, 5)):
        log.append(["PANIK " + "x" * 9999 + "\n"])
        assert log.entry(0)[0].styles == (Tone.BAD.value,)
        log.action_sideways(MAX_LINE // SIDEWAYS + 1)
        assert log.entry(0)[0].text.strip() == ""
