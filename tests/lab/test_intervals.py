"""Intervals, histories and registers: what the checker computes from what it saw."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroctl.errors import LabError
from coroctl.lab.checker import histories, records, register, report, terms
from coroctl.lab.checker.intervals import (
    FOREVER,
    Interval,
    Overlap,
    intersect,
    levels,
    merge,
    overlaps,
    runs,
    subtract,
)
from coroctl.lab.checker.records import Attached, Held, Late, Manager, Open, Record, Spoken, View
from coroctl.lab.checker.register import Change, Verdict

VIP = "10.77.0.200"
SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda pair: Interval(pair[0], sum(pair))), max_size=8
)


def moments(intervals: tuple[Interval, ...] | list[Interval]) -> set[int]:
    return {moment for each in intervals for moment in range(each.start_us, each.end_us)}


@given(SPANS, SPANS)
def test_intervals_are_sets_of_moments(some: list[Interval], others: list[Interval]) -> None:
    assert moments(merge(some)) == moments(some)
    assert moments(intersect(some, others)) == moments(some) & moments(others)
    assert moments(subtract(some, others)) == moments(some) - moments(others)
    ordered = merge(some)
    assert all(one.end_us < other.start_us for one, other in pairwise(ordered))


@given(SPANS, SPANS)
def test_an_overlap_is_every_moment_of_two(some: list[Interval], others: list[Interval]) -> None:
    found = overlaps({"b": some, "a": others, "c": []})
    assert moments([each.interval for each in found]) == moments(some) & moments(others)
    assert all((each.first, each.second) == ("a", "b") for each in found)


def test_touching_is_no_overlap() -> None:
    assert overlaps({"a": [Interval(0, 10)], "b": [Interval(10, 20)]}) == ()
    assert overlaps({"a": [Interval(0, 11)], "b": [Interval(10, 20)]}) == (Overlap("a", "b", Interval(10, 11)),)


def test_a_level_lasts_until_its_end_or_its_successor() -> None:
    changes = [(0, 50), (30, 60), (70, 90), (80, 0), (95, FOREVER)]
    assert levels(changes, 100) == (Interval(0, 60), Interval(70, 80), Interval(95, 100))
    assert levels([], 100) == ()


def test_runs_break_where_an_answer_is_missing() -> None:
    assert runs([0, 10, 20, 60, 70, 200], 25) == (Interval(0, 21), Interval(60, 71), Interval(200, 201))


def lease(node: str, moment: int, until: int) -> Open:
    return Open(moment, node, until)


def history(*more: Record) -> list[Record]:
    start: list[Record] = [Attached(0, "a", "02:a"), Attached(0, "b", "02:b"), Open(0, "a", 0), Open(0, "b", 0)]
    return sorted([*start, *more], key=lambda record: record.moment)


def judged(*more: Record, end: int = 1000, frozen: dict[str, list[Interval]] | None = None) -> report.Report:
    return report.judge(history(*more), Interval(0, end), VIP, 10_000, frozen or {}, (), ())


def test_the_address_alone_is_no_holder() -> None:
    seen = judged(Held(10, "a", present=True), Held(20, "b", present=True), Open(30, "b", 500))
    assert seen.violations == ()
    assert histories.holders(history(Held(10, "a", present=True)), 1000) == {"a": ()}


def test_a_lease_that_outlives_the_next_holder_is_an_overlap() -> None:
    seen = judged(Held(10, "a", present=True), Open(10, "a", 400), Held(300, "b", present=True), Open(350, "b", 900))
    assert seen.holders == (Overlap("a", "b", Interval(350, 400)),)
    assert "P1: a and b for 0.1 ms from 0.000350 hold the address" in seen.violations
    assert "overlap 0.05 ms" in str(seen)


def test_a_lease_renewed_counts_on() -> None:
    renewals = [Open(moment, "a", moment + 100) for moment in (0, 80, 160)]
    assert histories.holders(history(Held(0, "a", present=True), *renewals), 1000) == {"a": (Interval(0, 260),)}


def test_no_table_is_an_open_gate() -> None:
    seen = judged(
        Held(0, "a", present=True), Open(0, "a", FOREVER), Held(900, "b", present=True), Open(900, "b", FOREVER)
    )
    assert seen.holders == (Overlap("a", "b", Interval(900, 1000)),)


def spoken(who: str, *at: int, view: View = View.CLIENT, asked: bool = True) -> list[Record]:
    return [Spoken(moment, view.value, VIP, f"02:{who}", asked) for moment in at]


def test_two_that_answer_in_turn_are_flagged_in_either_view() -> None:
    for view in View:
        seen = judged(*spoken("a", 0, 10_000, 20_000, view=view), *spoken("b", 5_000, 15_000, view=view), end=30_000)
        assert seen.speakers == (Overlap("a", "b", Interval(5_000, 15_001)),)


def test_a_hand_over_is_not_flagged_and_its_silence_is_measured() -> None:
    seen = judged(*spoken("a", 0, 10_000, 20_000), *spoken("b", 90_000, 100_000), end=110_000)
    assert seen.violations == ()
    assert seen.silence_ms == 70.0
    assert seen.answered == ("a", "b")
    assert str(seen.longest) == "70.0 ms (a -> b)"


def test_a_stranger_is_named_by_its_hardware_address() -> None:
    seen = judged(*spoken("a", 0, 10_000), *spoken("x", 5_000), end=20_000)
    assert {seen.speakers[0].first, seen.speakers[0].second} == {"02:x", "a"}


def test_an_announcement_is_no_answer_but_speaks() -> None:
    seen = judged(*spoken("a", 0, 10_000, 20_000), *spoken("b", 5_000, asked=False), end=30_000)
    assert seen.answered == ("a",)
    assert len(seen.speakers) == 1


def test_silence_until_the_end_has_nobody_after() -> None:
    seen = judged(*spoken("a", 0, 10_000), end=1_000_000)
    assert str(seen.longest) == "990.0 ms (a -> nobody)"


def test_two_managers_are_flagged_unless_a_node_was_frozen() -> None:
    both = (Manager(100, "a", 2), Manager(300, "b", 1), Manager(600, "a", 0))
    assert judged(*both).managers == (Overlap("a", "b", Interval(300, 600)),)
    excused = judged(*both, frozen={"a": [Interval(200, 500)]})
    assert excused.excused == (Overlap("a", "b", Interval(300, 500)),)
    assert excused.managers == (Overlap("a", "b", Interval(500, 600)),)


def test_resolution_is_how_late_the_recorder_was() -> None:
    assert judged(Late(5, 3_000), Late(7, 9_000), Late(2000, 50_000)).late_us == 9_000


def test_a_recorder_that_stood_still_proves_nothing() -> None:
    assert judged(Late(5, 999_000)).violations == ()
    assert judged(Late(5, 6_000_000)).violations == ("the recorder stood still for 6.0 s and missed what was shorter",)


def test_lost_messages_are_a_reason_to_believe_nothing() -> None:
    assert judged(records.Blind(10, "b")).violations == ("messages about b were lost",)


def test_records_survive_their_lines() -> None:
    written = history(Manager(1, "a", 3), Late(2, 9), records.Blind(3, "a"), *spoken("a", 4))
    data = b"".join(records.encode(each) for each in written)
    assert list(records.decode(data + b'["Held", 5, "a"')) == written
    with pytest.raises(LabError, match="recorder wrote"):
        list(records.decode(b'["Unheard", 5]\n'))


LOG = """\
2026-11-22T10:00:00.100+00:00 notice node1 1 lease tenure=1/1 took_ms=3.1
2026-11-22T10:00:00.200+00:00 notice node1 1 lease state=serving took_ms=671.0
2026-11-22T10:00:09.000+00:00 notice node1 3 lease tenure=3/1 took_ms=2.9
"""


def test_terms_rise() -> None:
    second = "2026-11-22T10:00:05.000+00:00 notice node2 2 lease tenure=2/2\n"
    found = (*terms.leases(LOG), *terms.leases(second))
    assert [each.term for each in sorted(found)] == [1, 2, 3]
    assert terms.violations(found) == ()


@pytest.mark.parametrize("term", [1, 3, 4])
def test_a_term_that_repeats_or_falls_is_flagged(term: int) -> None:
    other = f"2026-11-22T10:00:05.000+00:00 notice node2 {term} lease tenure={term}/2\n"
    assert len(terms.violations((*terms.leases(LOG), *terms.leases(other)))) == 1


def change(number: int, verdict: Verdict, asked: int, key: str = "prio") -> Change:
    return Change(f"r{number}", key, str(number), verdict, asked, asked + 10)


def files(value: int) -> dict[str, dict[str, str]]:
    return {name: {"prio": str(value)} for name in ("a", "b")}


def test_a_register_that_kept_its_promises() -> None:
    done = [change(1, Verdict.OK, 0), change(2, Verdict.REFUSED, 20), change(3, Verdict.OK, 40)]
    assert register.violations(done, files(3)) == ()
    assert register.violations([*done, change(4, Verdict.UNKNOWN, 60)], files(3)) == ()
    assert register.violations([*done, change(4, Verdict.UNKNOWN, 60)], files(4)) == ()


def test_an_acknowledged_change_that_is_lost_is_flagged() -> None:
    done = [change(1, Verdict.OK, 0), change(2, Verdict.OK, 20)]
    assert register.violations(done, files(1)) == (
        "P3: r2 was acknowledged, and prio is 1 on a",
        "P3: r2 was acknowledged, and prio is 1 on b",
    )


def test_of_two_at_once_either_may_be_the_last() -> None:
    done = [change(1, Verdict.OK, 0), change(2, Verdict.OK, 5)]
    assert register.violations(done, files(1)) == register.violations(done, files(2)) == ()


def test_a_refused_change_that_appears_is_flagged_even_if_it_went_again() -> None:
    done = [change(1, Verdict.OK, 0), change(2, Verdict.REFUSED, 20)]
    assert register.violations(done, files(1), seen=[("prio", "2")]) == ("P3: r2 was refused, and prio was 2",)
    assert "P3: r2 was refused, and prio was 2" in register.violations(done, files(2))


def test_nodes_that_differ_are_flagged() -> None:
    assert register.violations([], {"a": {"prio": "1"}, "b": {"prio": "2"}}) == ("P3: b and a have different files",)
