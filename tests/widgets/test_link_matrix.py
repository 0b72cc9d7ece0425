"""The matrix: every pair in sight or reachable, heat as a character, the cursor with its pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl_widgets import LinkMatrix, Matrix, Spot, link_matrix
from coroctl_widgets.link_matrix import RAMP, shape
from tests.widgets.stage import Stage, Terminal, on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    Compare = Callable[..., bool]


def square(count: int, text: str = "ok") -> Matrix:
    names = tuple(f"node{i}" for i in range(1, count + 1))
    return Matrix(names, tuple(tuple(Spot("-" if i == j else text) for j in range(count)) for i in range(count)))


@pytest.mark.parametrize("size", [(40, 8), (80, 8), (120, 8)])
def test_picture(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Stage(*link_matrix.demo()), terminal_size=size)


def test_picture_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Stage(*link_matrix.demo()), terminal_size=(80, 8))


def test_picture_of_many(snap_compare: Compare) -> None:
    assert snap_compare(Stage(LinkMatrix(square(64), corner="hears")), terminal_size=(80, 24))


def test_sixteen_nodes_fit_a_small_screen() -> None:
    assert shape(square(16, "·0.3"), 100, 20).columns == 16
    assert shape(square(3), 80, 24).cell > 5


def test_heat_is_a_character() -> None:
    assert [Spot("1", heat=heat).drawn() for heat in (-1.0, 0.0, 0.5, 0.99, 7.0)] == [
        f"{RAMP[0]}1",
        f"{RAMP[0]}1",
        f"{RAMP[2]}1",
        f"{RAMP[4]}1",
        f"{RAMP[4]}1",
    ]
    assert Spot("CUT").drawn() == "CUT"


def test_only_squares() -> None:
    with pytest.raises(ValueError, match="not 2 rows of 2"):
        LinkMatrix(Matrix(("a", "b"), ((Spot("x"),),)))


async def test_the_cursor_is_told_and_always_seen() -> None:
    matrix = LinkMatrix(square(40))
    stage = Stage(matrix)
    async with stage.run_test(size=(40, 10)) as pilot:
        matrix.focus()
        await pilot.press("down", "right", "j", "l", "G")
        for _ in range(30):
            await pilot.press("right")
        await pilot.press("enter")
        await pilot.pause()
        assert matrix.cursor == (39, 32)
        assert (stage.said(LinkMatrix.SpotSelected)[-1].row, stage.said(LinkMatrix.SpotSelected)[-1].column) == (39, 32)
        drawn = [strip.text for strip in stage.screen._compositor.render_strips()]
        assert "…e33" in drawn[0]
        assert any(line.startswith("> node40") for line in drawn)
        assert drawn[9].strip().startswith("rows 33-40, columns ")
        await pilot.press("g", "h", "k", "up", "left")
        assert matrix.cursor == (0, 30)


async def test_the_cursor_stays_with_its_pair() -> None:
    matrix = LinkMatrix(square(4))
    async with Stage(matrix).run_test(size=(60, 8)) as pilot:
        matrix.focus()
        await pilot.press("down", "down", "right")
        full = square(4)
        matrix.set_value(Matrix(full.names[1:], tuple(row[1:] for row in full.spots[1:])))
        assert matrix.cursor == (1, 0)
        matrix.set_value(Matrix())
        await pilot.press("down", "enter")
        assert matrix.cursor == (0, 0)


async def test_a_click_chooses_a_pair() -> None:
    matrix = LinkMatrix(square(3))
    stage = Stage(matrix)
    async with stage.run_test(size=(60, 8)) as pilot:
        form = shape(square(3), 60, 8)
        await pilot.click(matrix, offset=(2 + form.label + 1 + 2 * form.cell + 1, 2))
        assert matrix.cursor == (1, 2)
        await pilot.click(matrix, offset=(1, 3))
        assert matrix.cursor == (1, 2)
        await pilot.click(matrix, offset=(2 + form.label + 1, 3), times=2)
        assert matrix.cursor == (2, 0)
        assert stage.said(LinkMatrix.SpotSelected)


async def test_a_pair_that_changes_sends_what_it_changes() -> None:
    matrix = LinkMatrix(square(10))

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        value = square(10)
        rows = [list(row) for row in value.spots]
        rows[3][4] = Spot("CUT")
        matrix.set_value(Matrix(value.names, tuple(tuple(row) for row in rows)))
        await pilot.pause()
        assert "CUT" in terminal.sent
        assert 0 < terminal.bytes_since_last() < 100

    await on_terminal(matrix, act)
