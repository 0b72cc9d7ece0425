"""The title bar: what it says at each width, and how little it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl_widgets import title_bar
from coroctl_widgets.lines import Tone
from coroctl_widgets.title_bar import Title, TitleBar, age_text
from tests.widgets.stage import Stage, Terminal, on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    Compare = Callable[..., bool]

TITLE = Title("coroctl", "VMmanager", "node1", "native", 1, "quorate", Tone.GOOD)


@pytest.mark.parametrize("size", [(30, 5), (40, 5), (80, 5), (120, 5)])
def test_picture(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Stage(*title_bar.demo()), terminal_size=size)


def test_picture_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Stage(*title_bar.demo()), terminal_size=(80, 5))


def test_picture_of_names_that_do_harm(snap_compare: Compare) -> None:
    evil = "\x1b[2J[red]\u202e" + "名前" * 30
    title = Title("coroctl", evil, evil, evil, 1e9, evil, Tone.BAD)
    assert snap_compare(Stage(TitleBar(title), TitleBar(TITLE)), terminal_size=(80, 3))


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (None, "no data"),
        (0.9, "now"),
        (3.7, "3 s"),
        (5.0, "5 s"),
        (12, "stale 12 s"),
        (3599, "stale 59 min"),
        (7200, "stale 2 h"),
        (200_000, "stale 2 d"),
    ],
)
def test_age(age: float | None, words: str) -> None:
    assert age_text(age, stale_after=5) == words


async def test_a_second_that_passes_sends_the_age_only() -> None:
    bar = TitleBar(TITLE)

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        bar.value = TITLE
        await pilot.pause()
        assert terminal.bytes_since_last() == 0
        bar.value = TITLE._replace(age=2)
        await pilot.pause()
        assert "quorate" not in terminal.sent
        assert 0 < terminal.bytes_since_last() < 180

    terminal = await on_terminal(bar, act)
    assert terminal.lines[0].split() == ["coroctl", "VMmanager", "›", "node1", "native", "2", "s", "quorate"]
