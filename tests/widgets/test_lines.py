"""What is compared with what was painted: it must hold wherever else Textual paints or does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.geometry import Size
from textual.screen import ModalScreen

import coroctl_widgets
from coroctl_widgets.event_list import Event, EventList, Level
from coroctl_widgets.lines import STRONG, LineWidget, Piece, changed
from tests.widgets.stage import Terminal, on_terminal

if TYPE_CHECKING:
    from textual.pilot import Pilot


@pytest.mark.parametrize(
    ("old", "new", "span"),
    [
        ("same", "same", None),
        ("abc", "abd", (2, 3)),
        ("abc   ", "abc", None),
        ("日本", "日木", (2, 4)),
        ("日x", "ab", (0, 3)),
        ("e\u0301x", "e\u0301y", (0, 3)),
        ("", "ab", (0, 2)),
    ],
)
def test_what_differs(old: str, new: str, span: tuple[int, int] | None) -> None:
    assert changed((Piece(old),), (Piece(new),)) == span


def test_a_style_differs_too() -> None:
    assert changed((Piece("ab"), Piece("cd")), (Piece("ab"), Piece("cd", (STRONG,)))) == (2, 4)


def event(text: str) -> Event:
    return Event("03:12:00", Level.INFO, text)


async def assert_painted(widget: LineWidget, pilot: Pilot[object], terminal: Terminal) -> None:
    await pilot.pause()
    shown = terminal.lines
    widget.refresh()
    await pilot.pause()
    assert shown == terminal.lines


async def test_what_changes_under_a_modal_screen_is_seen_afterwards() -> None:
    events = EventList([event("before")])

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        await pilot.app.push_screen(ModalScreen[None]())
        events.append([event("meanwhile")])
        await pilot.pause()
        events.append([event("and more")])
        pilot.app.pop_screen()
        await assert_painted(events, pilot, terminal)

    terminal = await on_terminal(events, act, size=(40, 5))
    assert [line.split()[-1] for line in terminal.lines[:3]] == ["before", "meanwhile", "more"]


async def test_what_changes_while_hidden_is_seen_afterwards() -> None:
    events = EventList([event("before")])

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        events.display = False
        await pilot.pause()
        events.append([event("meanwhile")])
        await pilot.pause()
        events.display = True
        await assert_painted(events, pilot, terminal)

    terminal = await on_terminal(events, act, size=(40, 5))
    assert terminal.lines[1].endswith("meanwhile")


async def test_a_smaller_window_is_painted_anew() -> None:
    events = EventList([event(f"event {i} with a long text") for i in range(9)])

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        await pilot.resize_terminal(30, 3)
        assert events.size == Size(30, 3)
        events.append([event("at the end")])
        await assert_painted(events, pilot, terminal)

    terminal = await on_terminal(events, act, size=(40, 5))
    assert terminal.lines[2][:30].rstrip().endswith("at the end")


def test_every_public_name_is_there() -> None:
    assert all(getattr(coroctl_widgets, name) for name in coroctl_widgets.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        coroctl_widgets.nothing  # noqa: B018 - the access is the test
