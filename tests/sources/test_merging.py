"""Several logs as one: by time, each in its own order, and lines without a time where they belong."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from coroctl.model import NodeId
from coroctl.sources.merging import Merger, Told

ONE, TWO = NodeId(1), NodeId(2)
NODES = [ONE, TWO, NodeId(3)]
FOR_EVER = float("inf")
TIMES = st.none() | st.integers(0, 5).map(float)


def test_by_time_and_lines_without_one_stay_with_their_predecessor() -> None:
    merger = Merger([ONE, TWO])
    merger.take(ONE, [(1.0, "a"), (3.0, "c"), (None, "c, more"), (None, None)], 0)
    merger.take(TWO, [(None, "cut in two"), (2.0, "b"), (3.0, "d")], 0)
    told = ["cut in two", "a", "b", "c", "c, more", None, "d"]
    assert [line.text for line in merger.ready(FOR_EVER)] == told
    assert list(merger.ready(FOR_EVER)) == []


def test_a_line_waits_for_an_earlier_one_that_is_late() -> None:
    merger = Merger([ONE, TWO])
    merger.take(ONE, [(5.0, "five")], 10.0)
    assert list(merger.ready(9.5)) == []
    merger.take(TWO, [(4.0, "four")], 10.2)
    assert list(merger.ready(10.1)) == []
    assert list(merger.ready(10.2)) == [Told(TWO, "four"), Told(ONE, "five")]


def test_what_comes_too_late_is_told_all_the_same() -> None:
    merger = Merger([ONE, TWO])
    merger.take(ONE, [(5.0, "five")], 1.0)
    assert [line.text for line in merger.ready(1.0)] == ["five"]
    merger.take(TWO, [(4.0, "four"), (None, "more")], 2.0)
    assert [line.text for line in merger.ready(2.0)] == ["four", "more"]


@given(st.lists(st.tuples(st.sampled_from(NODES), st.lists(TIMES, max_size=6)), max_size=12), st.data())
def test_nothing_is_lost_and_every_node_keeps_its_order(
    pieces: list[tuple[NodeId, list[float | None]]], data: st.DataObject
) -> None:
    """Whenever lines are asked for; and a line without a time follows the one that it followed."""
    merger, given_out, taken = Merger(NODES), list[Told](), dict[NodeId, list[str]]((node, []) for node in NODES)
    for now, (node, times) in enumerate(pieces):
        named = [(at, f"{len(taken[node]) + place} {at}") for place, at in enumerate(times)]
        taken[node] += [text for _, text in named]
        merger.take(node, named, now)
        if data.draw(st.booleans()):
            given_out += merger.ready(now - data.draw(st.integers(0, 3)))
    given_out += merger.ready(FOR_EVER)
    assert {node: [line.text for line in given_out if line.node == node] for node in NODES} == taken


@given(st.lists(st.lists(TIMES.filter(lambda at: at is not None).map(lambda at: at or 0.0)), min_size=3, max_size=3))
def test_logs_in_order_give_one_in_order(logs: list[list[float]]) -> None:
    merger = Merger(NODES)
    for node, times in zip(NODES, logs, strict=True):
        merger.take(node, [(at, str(at)) for at in sorted(times)], 0)
    told = [float(line.text or 0) for line in merger.ready(FOR_EVER)]
    assert told == sorted(at for times in logs for at in times)


@given(st.lists(st.lists(TIMES, max_size=8), min_size=3, max_size=3))
def test_a_line_without_a_time_is_never_parted_from_its_predecessor(logs: list[list[float | None]]) -> None:
    merger = Merger(NODES)
    for node, times in zip(NODES, logs, strict=True):
        merger.take(node, [(at, "-" if at is None else "") for at in [0.0, *times]], 0)
    told = list(merger.ready(FOR_EVER))
    for before, line in pairwise(told):
        assert line.text != "-" or line.node == before.node
