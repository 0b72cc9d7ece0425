"""From records to who held what, when. Pure: records in, intervals out."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from coroctl.lab import guest
from coroctl.lab.checker.intervals import FOREVER, Interval, intersect, levels, merge, runs
from coroctl.lab.checker.records import Attached, Held, Late, Manager, Open, Spoken, View, Wrote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from coroctl.lab.checker.records import Record

COUNTS_APART_US = 6 * guest.PERIOD_US
"""A machine that has not written for longer stood still in between, or its host had no time for it."""
APART_US = 25_000
"""Answers to probes that are not further apart than two probes and a half belong together."""

_R = TypeVar("_R")


class Silence(NamedTuple):
    """Nobody answered for the address."""

    interval: Interval
    before: str
    """Who had answered last; "" if nobody had."""
    after: str
    """Who answered next; "" if nobody did."""

    def __str__(self) -> str:
        return f"{self.interval.length_us / 1e3:.1f} ms ({self.before or 'nobody'} -> {self.after or 'nobody'})"


def of_kind(records: Iterable[Record], kind: type[_R]) -> list[_R]:
    """Those records only, in order."""
    return [record for record in records if isinstance(record, kind)]


def names_by_mac(records: Sequence[Record]) -> dict[str, str]:
    """Which node has a hardware address."""
    return {record.mac: record.node for record in of_kind(records, Attached)}


def holders(records: Sequence[Record], end_us: int) -> dict[str, tuple[Interval, ...]]:
    """node -> when it had the address while its dead-man let it speak."""
    held, opened = of_kind(records, Held), of_kind(records, Open)
    return {
        node: intersect(
            levels([(one.moment, FOREVER if one.present else 0) for one in held if one.node == node], end_us),
            levels([(one.moment, one.until) for one in opened if one.node == node], end_us),
        )
        for node in {one.node for one in held}
    }


def addresses(records: Sequence[Record], end_us: int) -> dict[str, tuple[Interval, ...]]:
    """node -> when it had the address, speaking or not."""
    held = of_kind(records, Held)
    return {
        node: levels([(one.moment, FOREVER if one.present else 0) for one in held if one.node == node], end_us)
        for node in {one.node for one in held}
    }


def managers(records: Sequence[Record], end_us: int) -> dict[str, tuple[Interval, ...]]:
    """node -> when its manager's unit had processes."""
    counted = of_kind(records, Manager)
    return {
        node: levels([(one.moment, FOREVER if one.processes else 0) for one in counted if one.node == node], end_us)
        for node in {one.node for one in counted}
    }


def machines(records: Sequence[Record]) -> dict[str, dict[str, tuple[Interval, ...]]]:
    """machine -> node -> when it ran there for certain: from its first write to its last, without longer stops."""
    wrote: dict[str, dict[str, list[Wrote]]] = {}
    for one in of_kind(records, Wrote):
        wrote.setdefault(one.machine, {}).setdefault(one.node, []).append(one)
    return {machine: {node: _ran(each) for node, each in nodes.items()} for machine, nodes in wrote.items()}


def _ran(wrote: Sequence[Wrote]) -> tuple[Interval, ...]:
    """A write lies somewhere between two looks, so a run begins with the later of them and ends with the earlier."""
    ends: list[tuple[Wrote, Wrote]] = []
    for one in wrote:
        if ends and one.moment - ends[-1][1].moment <= COUNTS_APART_US:
            ends[-1] = (ends[-1][0], one)
        else:
            ends.append((one, one))
    return merge(Interval(first.moment, last.since) for first, last in ends)


def speakers(records: Sequence[Record], address: str, view: View) -> dict[str, tuple[Interval, ...]]:
    """node, or a hardware address that no node has -> when it spoke for the address."""
    names = names_by_mac(records)
    moments: dict[str, list[int]] = {}
    for one in of_kind(records, Spoken):
        if one.address == address and one.view == view.value:
            moments.setdefault(names.get(one.mac, one.mac), []).append(one.moment)
    return {who: runs(each, APART_US) for who, each in moments.items()}


def answers(records: Sequence[Record], address: str) -> list[tuple[int, str]]:
    """(moment, who) of each answer that a client got."""
    names = names_by_mac(records)
    return [
        (one.moment, names.get(one.mac, one.mac))
        for one in of_kind(records, Spoken)
        if one.address == address and one.view == View.CLIENT.value and one.asked
    ]


def silences(told: Sequence[tuple[int, str]], window: Interval, apart_us: int = APART_US) -> tuple[Silence, ...]:
    """Stretches of the window without an answer, longer than ``apart_us``; who had answered before is known from
    answers before the window too.
    """
    within = [each for each in told if window.start_us <= each[0] < window.end_us]
    before = [who for moment, who in told if moment < window.start_us][-1:] or [""]
    marks = [(window.start_us, before[0]), *within, (window.end_us, "")]
    return tuple(
        Silence(Interval(start, end), last, following)
        for (start, last), (end, following) in pairwise(marks)
        if end - start > apart_us
    )


def answering(told: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    """Who answered, one after the other, each named once until somebody else does."""
    return tuple(who for at, (_, who) in enumerate(told) if at == 0 or told[at - 1][1] != who)


def latest(records: Sequence[Record]) -> int:
    """By how many microseconds the recorder was late at most."""
    return max((one.by_us for one in of_kind(records, Late)), default=0)


def within(held: Mapping[str, Sequence[Interval]], window: Interval) -> dict[str, tuple[Interval, ...]]:
    """Only what lies in the window."""
    return {who: intersect(each, [window]) for who, each in held.items()}
