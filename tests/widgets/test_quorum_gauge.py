"""The gauge: the words, and a bar that never says otherwise than the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroctl_widgets import quorum_gauge
from coroctl_widgets.quorum_gauge import Gauge, QuorumGauge, margin, measure, verdict, votes
from tests.widgets.stage import Stage, Terminal, on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    Compare = Callable[..., bool]


@pytest.mark.parametrize("size", [(40, 18), (80, 18), (120, 18)])
def test_picture(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Stage(*quorum_gauge.demo()), terminal_size=size)


def test_picture_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Stage(*quorum_gauge.demo()), terminal_size=(80, 18))


def test_picture_of_what_is_half_known(snap_compare: Compare) -> None:
    gauges = (
        Gauge(0, 2, 3, quorate=False),
        Gauge(0, 0, 0, quorate=False),
        Gauge(3, None, 5, quorate=None, reason="\x1b[2Jno answer from votequorum in 2 s, and a long explanation of it"),
        Gauge(quorate=True),
        Gauge(1, 1, 1, quorate=True, spare=0, flags=("[bold]x\x07", *["Flag"] * 30)),
    )
    assert snap_compare(Stage(*map(QuorumGauge, gauges)), terminal_size=(60, 15))


@given(st.integers(0, 1000), st.integers(1, 1000), st.integers(1, 1000), st.integers(2, 200))
def test_the_filling_reaches_the_mark_exactly_when_the_votes_do(
    present: int, quorum: int, expected: int, width: int
) -> None:
    filled, mark = measure(Gauge(present, quorum, expected), width)
    assert mark is not None
    assert 0 <= filled <= width
    assert 0 < mark <= width
    assert (filled >= mark) == (present >= quorum)


@pytest.mark.parametrize(
    ("gauge", "state", "left", "numbers"),
    [
        (Gauge(3, 3, 5, True, 0), "quorate", "can lose 0 more", "3 of 5 votes, quorum 3"),
        (Gauge(1, 3, 5, False), "NOT QUORATE", "2 votes missing", "1 of 5 votes, quorum 3"),
        (Gauge(1, 1, 1, True), "quorate", "", "1 of 1 vote, quorum 1"),
        (Gauge(3, 2, 3, False), "NOT QUORATE", "", "3 of 3 votes, quorum 2"),
        (Gauge(reason="frozen"), "unknown: frozen", "", "votes unknown"),
        (Gauge(2, None, None), "unknown: no answer", "", "2 of ? votes, quorum ?"),
    ],
)
def test_words(gauge: Gauge, state: str, left: str, numbers: str) -> None:
    assert (verdict(gauge)[0], margin(gauge)[0], votes(gauge)) == (state, left, numbers)


async def test_a_vote_more_sends_what_it_changes() -> None:
    gauge = QuorumGauge(Gauge(3, 3, 5, quorate=True, spare=0))

    async def act(pilot: Pilot[object], terminal: Terminal) -> None:
        gauge.value = Gauge(4, 3, 5, quorate=True, spare=1)
        await pilot.pause()
        assert 0 < terminal.bytes_since_last() < 500

    terminal = await on_terminal(gauge, act)
    assert terminal.lines[0] == " quorate, can lose 1 more"
    assert terminal.lines[2] == " 4 of 5 votes, quorum 3"
