"""The sparkline: bars that say what the numbers do, a gap that is no low number, and a line that never overflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl_widgets import Course, Sparkline, spark, sparkline
from tests.widgets.stage import Stage, Terminal, on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    Compare = Callable[..., bool]


@pytest.mark.parametrize("size", [(40, 6), (80, 6), (120, 6)])
def test_picture(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Stage(*sparkline.demo()), terminal_size=size)


def test_picture_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Stage(*sparkline.demo()), terminal_size=(80, 6))


def test_bars() -> None:
    assert spark((), 4) == "    "
    assert spark((0.0, 4.0, None, 8.0), 6, top=8.0) == "  ▁▅×█"
    assert spark((1.0, 2.0, 9.0), 2) == "▂█"
    assert spark((0.0, 0.0), 2) == "▁▁"
    assert spark((5.0,), 1, top=2.0) == "█"
    assert spark((5.0,), 0) == ""


async def test_the_last_sample_is_told_in_words() -> None:
    line = Sparkline(Course("load", (1.0, 2.0), "2.0"))

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        line.value = Course("load", (1.0, 2.0, 0.0), "0.0")
        await pilot.pause()
        assert 0 < terminal.bytes_since_last() < 200

    terminal = await on_terminal(line, act)
    assert terminal.lines[0].split() == ["load", "0.0", "▅█▁"]
