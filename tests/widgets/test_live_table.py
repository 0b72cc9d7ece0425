"""The table: who has the cursor, what is sent, what fits, what is said."""

from __future__ import annotations

import asyncio
from time import process_time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual import events

from coroctl_widgets import live_table
from coroctl_widgets.lines import Tone
from coroctl_widgets.live_table import LiveTable
from coroctl_widgets.table_columns import GAP, Cell, Column, Row, lay_out
from coroctl_widgets.text import Align
from tests.widgets.stage import Stage, Terminal, on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.geometry import Region
    from textual.pilot import Pilot

    Compare = Callable[..., bool]

COLUMNS = (
    Column("name", "Name", 10, grow=1),
    Column("id", "Id", 4, Align.RIGHT),
    Column("state", "State", 10, drop=1),
    Column("note", "Note", 10, drop=2),
)


def row(key: str, state: str = "● joined", tone: Tone = Tone.GOOD) -> Row:
    return Row(key, (Cell(key), Cell(key[-1]), Cell(state, tone), Cell("-")))


def rows(*keys: str) -> tuple[Row, ...]:
    return tuple(row(key) for key in keys)


def cursor_after(table: LiveTable, *keys: str) -> str | None:
    table.set_rows(rows(*keys))
    return table.cursor_key


MANY = rows(*(f"node{i}" for i in range(1000)))


class Watched(LiveTable):
    """A table that keeps the regions that it asked to be refreshed."""

    def __init__(self, *rows: Row) -> None:
        self.asked: list[Region] = []
        self.layouts = 0
        super().__init__(COLUMNS, rows)

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Watched:
        self.asked.extend(regions)
        self.layouts += layout
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)


@pytest.mark.parametrize("size", [(40, 5), (80, 24), (120, 40)])
def test_picture_of_the_demo(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Stage(*live_table.demo()), terminal_size=size, press=["j", "j"])


@pytest.mark.parametrize("size", [(40, 5), (80, 24)])
def test_picture_of_no_rows(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Stage(LiveTable(COLUMNS, empty="corosync is not running")), terminal_size=size)


def test_picture_of_a_thousand_rows(snap_compare: Compare) -> None:
    assert snap_compare(Stage(LiveTable(COLUMNS, MANY)), terminal_size=(80, 24), press=["G", "k"])


def test_picture_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Stage(*live_table.demo()), terminal_size=(80, 10), press=["j", "j"])


async def test_the_cursor_stays_on_its_key() -> None:
    table = LiveTable(COLUMNS, rows("a1", "b2", "c3"))
    async with Stage(table).run_test() as pilot:
        await pilot.press("j")
        assert table.cursor_key == "b2"
        for keys in (("b2", "c3", "a1"), ("x9", "y8", "b2"), ("b2",)):
            table.set_rows(rows(*keys))
            assert table.cursor_key == "b2"


async def test_a_removed_row_leaves_the_cursor_in_its_place() -> None:
    table = LiveTable(COLUMNS, rows("a1", "b2", "c3"))
    async with Stage(table).run_test() as pilot:
        assert table.move_to("b2")
        assert cursor_after(table, "a1", "c3") == "c3"
        assert cursor_after(table) is None
        assert not table.move_to("b2")
        await pilot.press("j", "enter", "pagedown", "G", "g")
        assert cursor_after(table, "a1") == "a1"


async def test_what_is_said() -> None:
    table = LiveTable(COLUMNS, rows("a1", "b2", "c3"))
    app = Stage(table)
    async with app.run_test() as pilot:
        await pilot.press("down", "down", "up", "enter")
        await pilot.click(LiveTable, offset=(5, 3))
        await pilot.click(LiveTable, offset=(5, 1), times=2)
        await pilot.click(LiveTable, offset=(5, 0))
        await pilot.click(LiveTable, offset=(5, 9))
        table.set_rows(())
        await pilot.pause()
    assert [said.key for said in app.said(LiveTable.RowHighlighted)] == ["a1", "b2", "c3", "b2", "c3", "a1", None]
    assert [said.key for said in app.said(LiveTable.RowSelected)] == ["b2", "a1"]
    assert {said.control for said in app.said(LiveTable.RowHighlighted)} == {table}


async def test_keys_through_many_rows() -> None:
    table = LiveTable(COLUMNS, MANY)
    async with Stage(table).run_test(size=(80, 24)) as pilot:
        for key, cursor in (("G", 999), ("g", 0), ("pagedown", 21), ("pageup", 0), ("end", 999), ("home", 0)):
            await pilot.press(key)
            assert table.cursor_key == f"node{cursor}"


async def test_a_cursor_that_was_scrolled_away_is_left_alone() -> None:
    table = LiveTable(COLUMNS, MANY)

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        for _ in range(20):
            table.on_mouse_scroll_down(_wheel(table))
        table.set_rows(MANY)
        await pilot.pause()

    terminal = await on_terminal(table, act)
    assert table.cursor_key == "node0"
    assert terminal.lines[1].split()[0] == "node60"
    assert terminal.lines[-1] == "  61-82 of 1000"


@pytest.mark.parametrize("wrong", [rows("a1", "a1"), (Row("a1", (Cell("too few"),)),)])
def test_rows_that_cannot_be(wrong: tuple[Row, ...]) -> None:
    with pytest.raises(ValueError, match="row"):
        LiveTable(COLUMNS, wrong)


def test_other_columns_must_be_as_many() -> None:
    table = LiveTable(COLUMNS)
    table.set_columns(column._replace(width=9) for column in COLUMNS)
    with pytest.raises(ValueError, match="1 columns where there were"):
        table.set_columns(COLUMNS[:1])


async def test_one_changed_cell_refreshes_that_cell_only() -> None:
    table = Watched(*rows("a1", "b2", "c3"))
    async with Stage(table).run_test(size=(80, 24)) as pilot:
        before, layouts = len(table.asked), table.layouts
        table.set_rows((row("a1"), row("b2", "○ left", Tone.BAD), row("c3")))
        await pilot.pause()
        [region] = table.asked[before:]
        places = lay_out(COLUMNS, 78)
        left = 2 + places[0].width + GAP + places[1].width + GAP
        assert (region.x, region.y, region.height) == (left, 2, 1)
        assert region.right <= left + 10
        table.set_rows((row("a1"), row("b2", "○ left", Tone.BAD), row("c3")))
        assert (len(table.asked), table.layouts) == (before + 1, layouts)


async def test_one_changed_cell_costs_less_than_a_line() -> None:
    table = LiveTable(COLUMNS, MANY)

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        table.set_rows((MANY[0], MANY[1], row("node2", "○ left", Tone.BAD), *MANY[3:]))
        await pilot.pause()
        assert 0 < terminal.bytes_since_last() < 200

    await on_terminal(table, act)


CELLS = st.sampled_from(["", "a", "ab", "日", "日本", "a日", "e\u0301", "\x1b[2J", "long long long text"])
ROWS = st.lists(st.tuples(st.sampled_from("abcdefg"), CELLS, CELLS), max_size=7, unique_by=lambda item: item[0])


@given(st.lists(ROWS | st.sampled_from(["j", "k", "G", "g"]), min_size=1, max_size=8))
@settings(max_examples=12, deadline=None)
def test_the_terminal_shows_what_a_fresh_painting_would(steps: list[list[tuple[str, str, str]] | str]) -> None:

    asyncio.run(_step_by_step(steps))


async def _step_by_step(steps: list[list[tuple[str, str, str]] | str]) -> None:
    table = LiveTable((Column("a", "A", 6), Column("b", "B", 4, Align.RIGHT)))

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        for step in steps:
            if isinstance(step, str):
                await pilot.press(step)
            else:
                table.set_rows(Row(key, (Cell(one), Cell(two))) for key, one, two in step)
            await pilot.pause()
            shown = terminal.lines
            table.refresh()
            await pilot.pause()
            assert shown == terminal.lines

    await on_terminal(table, act, size=(16, 5))


WIDTHS = st.integers(1, 20)
SHAPES = st.builds(Column, st.just("k"), st.just("l"), WIDTHS, grow=st.integers(0, 2), drop=st.integers(0, 3))


@given(st.lists(SHAPES, max_size=8), st.integers(0, 120))
def test_columns_never_need_more_than_there_is(columns: list[Column], width: int) -> None:
    places = lay_out(tuple(columns), width)
    assert sum(place.width for place in places) + GAP * max(0, len(places) - 1) <= width
    assert [place.column for place in places] == sorted(place.column for place in places)


def test_columns_grow_until_they_are_wide_enough_and_leave_the_rest() -> None:
    columns = (Column("a", "A", 4, grow=1, most=10), Column("b", "B", 4, grow=3, most=8), Column("c", "C", 4))
    assert [place.width for place in lay_out(columns, 20)] == [5, 7, 4]
    assert [place.width for place in lay_out(columns, 100)] == [10, 8, 4]
    unbound = (*columns[:2], Column("c", "C", 4, grow=1))
    assert [place.width for place in lay_out(unbound, 100)] == [10, 8, 78]


def test_the_least_important_column_goes_first() -> None:
    assert [place.column for place in lay_out(COLUMNS, 40)] == [0, 1, 2, 3]
    assert [place.column for place in lay_out(COLUMNS, 39)] == [0, 1, 2]
    assert [place.column for place in lay_out(COLUMNS, 20)] == [0, 1]
    assert lay_out(COLUMNS, 10) == ((0, 4), (1, 4))


async def test_a_thousand_rows_are_compared_quickly() -> None:
    table = LiveTable(COLUMNS, MANY)
    async with Stage(table).run_test(size=(120, 40)):
        before = process_time()
        for i in range(10):
            table.set_rows((row("node0", str(i)), *MANY[1:]))
        assert process_time() - before < 0.5


def _wheel(table: LiveTable) -> events.MouseScrollDown:
    return events.MouseScrollDown(table, 0, 0, 0, 0, 0, shift=False, meta=False, ctrl=False)


SERVERS = tuple(
    Row(name, (Cell(name), Cell(number), Cell(state), Cell("-")))
    for name, number, state in (("web10", "3", "up"), ("web9", "20", "down"), ("db1", "-", "up"))
)


def keys_of(table: LiveTable) -> list[str]:
    return [row.key for row in table._rows]


async def test_rows_are_sorted_by_column_numbers_as_numbers_unknown_last() -> None:
    table = LiveTable(COLUMNS, SERVERS, arranged=True)
    async with Stage(table).run_test(size=(60, 10)) as pilot:
        await pilot.press("j")
        seen = []
        for key in (">", ">", "I", "<", "<"):
            await pilot.press(key)
            seen.append(keys_of(table))
        assert seen == [
            ["db1", "web9", "web10"],
            ["web10", "web9", "db1"],
            ["web9", "web10", "db1"],
            ["db1", "web9", "web10"],
            ["web10", "web9", "db1"],
        ]
        assert table.cursor_key == "web9"


async def test_a_rank_counts_for_more_than_the_text() -> None:
    given = [Row(str(rank), (Cell("same", rank=rank), *row("x").cells[1:])) for rank in (0.9, 0.12)]
    table = LiveTable(COLUMNS, given, arranged=True)
    async with Stage(table).run_test(size=(60, 10)) as pilot:
        await pilot.press(">")
        assert keys_of(table) == ["0.12", "0.9"]


async def test_the_head_says_how_it_is_sorted() -> None:
    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        await pilot.press(">", ">")
        assert terminal.lines[0].split()[:2] == ["Name", "Id▲"]
        await pilot.press("I")
        assert terminal.lines[0].split()[:2] == ["Name", "Id▼"]

    await on_terminal(LiveTable(COLUMNS, SERVERS, arranged=True), act, (60, 10))


async def test_a_filter_says_what_it_hides_and_keys_typed_ahead_do_not_act() -> None:
    table = LiveTable(COLUMNS, SERVERS, arranged=True)

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        await pilot.press("G", *"/we !j")
        assert (keys_of(table), table.needed) == (["web10", "web9"], 4)
        await pilot.press("backspace", *"up", "enter")
        assert keys_of(table) == ["web9"]
        assert "escape" in pilot.app.screen.active_bindings
        assert terminal.lines[-1] == "  ONLY 'we !up': 1 of 3 rows; Esc shows all"
        await pilot.press("escape")
        assert len(keys_of(table)) == 3
        assert "escape" not in pilot.app.screen.active_bindings  # it is whoever's is above

    await on_terminal(table, act, (60, 10))


async def test_a_row_that_comes_is_filtered_and_sorted_too() -> None:
    table = LiveTable(COLUMNS, SERVERS, arranged=True)
    async with Stage(table).run_test(size=(60, 10)) as pilot:
        await pilot.press(*"/web", "enter", ">")
        table.set_rows((*SERVERS, *rows("aweb", "other")))
        assert keys_of(table) == ["aweb", "web9", "web10"]


async def test_what_the_owner_does_not_allow_is_not_bound() -> None:
    table = LiveTable(COLUMNS, SERVERS)
    async with Stage(table).run_test(size=(60, 10)) as pilot:
        await pilot.press("/", ">", "j")
        assert keys_of(table) == ["web10", "web9", "db1"]
        assert {"slash", "I"}.isdisjoint(pilot.app.screen.active_bindings)


async def test_nothing_matches() -> None:
    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        await pilot.press(*"/nobody")
        assert terminal.lines[1] == "  no row has this"
        await pilot.press("escape")

    await on_terminal(LiveTable(COLUMNS, SERVERS, arranged=True), act, (60, 10))
