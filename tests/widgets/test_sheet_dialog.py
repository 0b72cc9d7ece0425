"""The dialog, its paper and its choices: what is focused, what may be chosen when, and harmless text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from coroctl_widgets import choice, paper, sheet_dialog
from coroctl_widgets.choice import Choice
from coroctl_widgets.lines import Tone
from coroctl_widgets.paper import Paper, Remark, wrap
from coroctl_widgets.sheet_dialog import Entry, Sheet, SheetDialog
from tests.widgets.stage import Stage, on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from tests.widgets.stage import Terminal

    Compare = Callable[..., bool]

NAMED = Sheet("Promote node2", (Remark("fine", "ok all"),), "coroctl ...", Entry("Type node2:", "node2"), "Promote")
SIMPLE = Sheet("Resume node2", (Remark("fine"),), accept="Resume")
EVIL = "\x1b[2J[bold]x[/]\u202e"


@pytest.mark.parametrize("size", [(40, 14), (80, 24), (120, 40)])
def test_picture(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Stage(*sheet_dialog.demo()), terminal_size=size)


def test_picture_of_paper_and_choices(snap_compare: Compare) -> None:
    assert snap_compare(Stage(*paper.demo(), *choice.demo()), terminal_size=(60, 12))


async def said(dialog: SheetDialog, *keys: str) -> tuple[list[Any], list[str]]:
    """The messages of the dialog after some keys: kinds and what was typed."""
    stage = Stage(dialog)
    async with stage.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
    accepted = stage.said(SheetDialog.Accepted)
    dismissed = stage.said(SheetDialog.Dismissed)
    return [*accepted, *dismissed], [one.typed for one in accepted]


async def test_enter_alone_dismisses() -> None:
    messages, _ = await said(SheetDialog(NAMED), "enter")
    assert [type(one) for one in messages] == [SheetDialog.Dismissed]


async def test_escape_dismisses() -> None:
    messages, _ = await said(SheetDialog(SIMPLE), "escape")
    assert [type(one) for one in messages] == [SheetDialog.Dismissed]


async def test_what_must_be_typed_must_be_typed() -> None:
    assert await said(SheetDialog(NAMED), *"node", "enter") == ([], [])
    _, typed = await said(SheetDialog(NAMED), *"node2", "enter")
    assert typed == ["node2"]


async def test_keys_alone_reach_both_choices() -> None:
    messages, typed = await said(SheetDialog(SIMPLE), "tab", "enter")
    assert ([type(one) for one in messages], typed) == ([SheetDialog.Accepted], [""])
    messages, _ = await said(SheetDialog(SIMPLE), "right", "left", "space")
    assert [type(one) for one in messages] == [SheetDialog.Dismissed]


async def test_a_choice_that_is_not_allowed_is_not_reached() -> None:
    messages, _ = await said(SheetDialog(NAMED), *"x", "tab", "tab", "enter")
    assert SheetDialog.Accepted not in [type(one) for one in messages]


async def test_a_new_sheet_asks_anew() -> None:
    dialog = SheetDialog(NAMED)
    stage = Stage(dialog)
    async with stage.run_test(size=(80, 24)) as pilot:
        await pilot.press(*"node2")
        dialog.show(NAMED._replace(entry=Entry("Type node3:", "node3")))
        await pilot.press("enter")
        await pilot.pause()
    assert not stage.said(SheetDialog.Accepted)
    assert stage.said(SheetDialog.Dismissed)


async def test_progress_does_not_move_the_focus() -> None:
    dialog = SheetDialog(SIMPLE)
    stage = Stage(dialog)
    async with stage.run_test(size=(80, 24)) as pilot:
        await pilot.press("tab")
        dialog.show(SIMPLE._replace(remarks=(Remark("more"),)))
        await pilot.pause()
        assert isinstance(stage.focused, Choice)
        assert stage.focused.value == "Resume"


async def test_a_line_more_sends_that_line_only() -> None:
    remarks = [Remark(f"step {number}", f"{number}.00 s") for number in range(4)]
    dialog = SheetDialog(Sheet("Promote node2", tuple(remarks), dismiss="Close", at_end=True))

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        terminal.bytes_since_last()
        dialog.show(dialog.sheet._replace(remarks=(*remarks, Remark("step 4", "4.00 s"))))
        await pilot.pause()
        assert 0 < terminal.bytes_since_last() < 150  # a line of the dialog, of 24

    terminal = await on_terminal(dialog, act)
    assert any("step 4" in line for line in terminal.lines)


async def test_long_papers_scroll_by_keys() -> None:
    dialog = SheetDialog(Sheet("x", tuple(Remark(f"line {number}") for number in range(60)), accept="Go"))

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        assert "line 0" in "\n".join(terminal.lines)
        await pilot.press("pagedown", "pagedown", "pagedown", "pagedown")
        await pilot.pause()
        assert "line 59" in "\n".join(terminal.lines)
        await pilot.press("up")
        await pilot.pause()
        assert "line 59" not in "\n".join(terminal.lines)

    await on_terminal(dialog, act)


async def test_text_cannot_do_harm() -> None:
    sheet = Sheet(EVIL, (Remark(EVIL, EVIL, Tone.BAD, strong=True),), EVIL, Entry(EVIL, "x"), EVIL, EVIL)

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        await pilot.pause()

    terminal = await on_terminal(SheetDialog(sheet), act)
    drawn = "\n".join(terminal.lines)
    assert "[bold]x[/]" in drawn
    assert "\u202e" not in drawn
    assert "\x1b" not in drawn


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 5, []),
        ("one two three", 8, ["one two", "three"]),
        ("abcdefghij kl", 4, ["abcd", "efgh", "ij", "kl"]),
        ("名前 名前", 4, ["名前", "名前"]),
        ("名", 1, ["…"]),
        ("a\nb", 10, ["a·b"]),
    ],
)
def test_wrapping(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width) == lines


async def test_paper_shows_its_end_when_asked() -> None:
    sheet = Paper()
    async with Stage(sheet).run_test(size=(20, 4)) as pilot:
        sheet.show((Remark(str(number)) for number in range(10)), end=True)
        await pilot.pause()
        assert "".join(piece.text for piece in sheet.line(2)).strip() == "9"
        sheet.scroll_by(-100)
        assert "".join(piece.text for piece in sheet.line(0)).strip() == "0"
