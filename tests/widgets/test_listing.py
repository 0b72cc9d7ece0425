"""The listing: numbers, remarks under their lines, what does not fit, and how it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl_widgets import Listing, Note, Numbered, Span, Tone, listing
from tests.widgets.stage import Stage, Terminal, on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    Compare = Callable[..., bool]

LONG = [Numbered(number, (Span(f"line {number}"),)) for number in range(1, 101)]


@pytest.mark.parametrize("size", [(30, 16), (80, 16)])
def test_picture(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Stage(*listing.demo()), terminal_size=size)


def test_picture_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Stage(*listing.demo()), terminal_size=(80, 12))


async def test_it_says_which_lines_are_seen() -> None:
    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        assert terminal.lines[0] == ">   1  line 1"
        assert terminal.lines[9] == "  lines 1-9 of 100"
        await pilot.press("pagedown")
        assert terminal.lines[9] == "  lines 9-17 of 100"
        await pilot.press("G")
        assert terminal.lines[8] == "> 100  line 100"

    await on_terminal(Listing(LONG), act, (40, 10))


async def test_the_cursor_stays_on_its_line() -> None:
    widget = Listing(LONG)
    async with Stage(widget).run_test(size=(40, 10)) as pilot:
        await pilot.press("j", "j")
        widget.set_lines([LONG[0]._replace(notes=(Note("one"), Note("two"))), *LONG[1:]])
        assert (widget.number, widget.text) == (3, "line 3")
        widget.set_lines(LONG[:2])
        assert widget.number == 2
        widget.set_lines(())
        assert widget.text == ""


async def test_remarks_are_gone_to_in_a_round() -> None:
    lines = [line._replace(notes=(Note("bad", Tone.BAD),)) if line.number in (20, 70) else line for line in LONG]
    widget = Listing(lines)
    async with Stage(widget).run_test(size=(40, 10)) as pilot:
        seen = []
        for key in ("n", "n", "n", "N"):
            await pilot.press(key)
            seen.append(widget.number)
        assert seen == [20, 70, 20, 70]


async def test_only_what_is_wrong_has_a_mark_and_every_note_can_be_gone_to() -> None:
    lines = [LONG[0]._replace(notes=(Note("from here on", Tone.DIM), Note("bad", Tone.BAD), Note("odd", Tone.WARN)))]

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        assert terminal.lines[1:4] == ["       from here on", "     ! bad", "     ! odd"]
        await pilot.press("n")
        assert terminal.lines[1].startswith(">")

    await on_terminal(Listing(lines), act, (40, 10))


async def test_no_text_can_command_the_terminal() -> None:
    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        assert "\u202e" not in "".join(terminal.lines)
        assert all(len(line) <= 20 for line in terminal.lines)
        assert terminal.lines[1].strip() == "x" * 15

    evil = Numbered(7, (Span("\x1b[2J\u202e" + "x" * 40),), (Note("\x1b[2J\u202e"),))
    await on_terminal(Listing([evil]), act, (20, 10))
