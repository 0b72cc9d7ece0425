"""The list of events: what it follows, what it forgets, what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.events import MouseScrollDown, MouseScrollUp

from coroctl_widgets import event_list
from coroctl_widgets.event_list import Event, EventList, Level
from tests.widgets.stage import Stage, Terminal, on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    Compare = Callable[..., bool]


def numbered(first: int, last: int) -> list[Event]:
    return [Event("03:12:00", Level.INFO, f"event {i}") for i in range(first, last + 1)]


@pytest.mark.parametrize("size", [(40, 5), (80, 24), (120, 40)])
def test_picture(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Stage(*event_list.demo()), terminal_size=size)


def test_picture_scrolled_up(snap_compare: Compare) -> None:
    assert snap_compare(Stage(*event_list.demo()), terminal_size=(80, 12), press=["k", "pageup"])


def test_picture_of_nothing(snap_compare: Compare) -> None:
    assert snap_compare(Stage(EventList(empty="no events: corosync is not running")), terminal_size=(40, 5))


async def test_it_follows_the_end() -> None:
    events = EventList(numbered(1, 3))

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        events.append(numbered(4, 9))
        await pilot.pause()

    terminal = await on_terminal(events, act, size=(40, 5))
    assert [line.split()[-1] for line in terminal.lines] == ["5", "6", "7", "8", "9"]
    assert events.follows


async def test_scrolled_up_it_holds_still_and_counts() -> None:
    events = EventList(numbered(1, 9))

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        await pilot.press("k", "k")
        held = terminal.lines[:4]
        assert terminal.lines[4] == " ▼ 3 more below (G: newest)"
        events.append(numbered(10, 12))
        await pilot.pause()
        assert terminal.lines[:4] == held
        assert terminal.lines[4] == " ▼ 6 more below (G: newest)"
        await pilot.press("G")

    terminal = await on_terminal(events, act, size=(40, 5))
    assert events.follows
    assert terminal.lines[4].endswith("event 12")


async def test_it_is_bounded_and_what_is_read_stays() -> None:
    events = EventList(numbered(1, 20), bound=20)

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        await pilot.press("pageup")
        held = terminal.lines[:4]
        events.append(numbered(21, 23))
        await pilot.pause()
        assert terminal.lines[:4] == held
        events.append(numbered(24, 60))
        await pilot.press("g")

    terminal = await on_terminal(events, act, size=(40, 5))
    assert events.count() == 20
    assert terminal.lines[0].endswith("event 41")
    assert not events.follows


async def test_sideways() -> None:
    events = EventList([Event("03:12:00", Level.ERROR, "0123456789abcdef" + "x" * 40)])

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        assert terminal.lines[0].endswith("…")
        await pilot.press("right")
        assert terminal.lines[0].split()[-1].startswith("xxx")
        await pilot.press("left", "left")
        events.clear()

    terminal = await on_terminal(events, act, size=(40, 5))
    assert terminal.lines[0] == " no events yet"


async def test_the_wheel_scrolls() -> None:
    events = EventList(numbered(1, 30))
    async with Stage(events).run_test(size=(40, 5)):
        events.on_mouse_scroll_up(MouseScrollUp(events, 0, 0, 0, 0, 0, shift=False, meta=False, ctrl=False))
        assert (events.follows, events.below) == (False, 4)
        events.on_mouse_scroll_down(MouseScrollDown(events, 0, 0, 0, 0, 0, shift=False, meta=False, ctrl=False))
        assert (events.follows, events.below) == (True, 0)
