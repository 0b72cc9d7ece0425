"""What the checker saw in a stretch of time, as one value: what was broken, how precisely that is known, and the proof
that the fault of the run bit. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.lab.checker import histories
from coroctl.lab.checker.intervals import Interval, Overlap, intersect, overlaps, subtract
from coroctl.lab.checker.records import Blind, View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coroctl.lab.checker.histories import Silence
    from coroctl.lab.checker.records import Record


_SHOWN = 12
_JUST_US = 100_000
_STILL_S = 1


class Twice(NamedTuple):
    """A machine ran on two nodes."""

    machine: str
    overlap: Overlap

    def __str__(self) -> str:
        return f"{self.machine} ran on {self.overlap}"


class Report(NamedTuple):
    """Of one window."""

    window: Interval
    holders: tuple[Overlap, ...]
    """P1: two nodes had the address and a dead-man that let them speak."""
    speakers: tuple[Overlap, ...]
    """P1: two hardware addresses spoke for the address, seen by ARP."""
    managers: tuple[Overlap, ...]
    """P1b: two nodes had processes of the manager, outside of what was excused."""
    excused: tuple[Overlap, ...]
    """P1b: the same while a whole node was frozen, which only fencing covers."""
    terms: tuple[str, ...]
    """P8."""
    machines: tuple[Twice, ...]
    """P2: a machine wrote on two nodes."""
    silences: tuple[Silence, ...]
    answered: tuple[str, ...]
    """Who answered a client for the address, one after the other, beginning with who did just before the window."""
    period_us: int
    """How often the probe asked."""
    late_us: int
    """How late the recorder was at most: overlaps are known to this, silences to this and the period."""
    blind: tuple[str, ...]
    """Nodes of which messages were lost: the run proves nothing about them."""
    proofs: tuple[str, ...] = ()

    @property
    def violations(self) -> tuple[str, ...]:
        """Every broken promise (but P5, whose bound is the test's), and every reason why the run proves nothing."""
        return (
            *(f"P1: {each} hold the address" for each in self.holders),
            *(f"P1: {each} answer for the address" for each in self.speakers),
            *(f"P1b: {each} run the manager" for each in self.managers),
            *self.terms,
            *(f"P2: {each}" for each in self.machines),
            *(f"messages about {node} were lost" for node in self.blind),
            *self._stood_still(),
        )

    def _stood_still(self) -> tuple[str, ...]:
        """A machine that is paused takes its checker with it."""
        late = self.late_us / 1e6
        return (f"the recorder stood still for {late:.1f} s and missed what was shorter",) if late > _STILL_S else ()

    @property
    def overlap_us(self) -> int:
        """Of the address, both ways of seeing it together."""
        return sum(each.interval.length_us for each in (*self.holders, *self.speakers))

    @property
    def longest(self) -> Silence | None:
        return max(self.silences, key=lambda silence: silence.interval.length_us, default=None)

    @property
    def silence_ms(self) -> float:
        """The longest time without an answer; 0 if none was longer than two probes and a half."""
        return self.longest.interval.length_us / 1e3 if self.longest else 0.0

    def _who(self) -> str:
        shown = self.answered[:_SHOWN]
        return " -> ".join(shown) + (" -> ..." if len(self.answered) > _SHOWN else "") or "nobody"

    def __str__(self) -> str:
        resolution = f"resolution {self.late_us / 1e3:.1f} ms, probe every {self.period_us / 1e3:g} ms"
        lines = [
            f"overlap {self.overlap_us / 1e3:g} ms, silence {self.longest or '0 ms'}, {resolution}",
            f"answered by {self._who()}",
            *(f"violated: {each}" for each in self.violations),
            *(f"excused while frozen: {each} ran the manager" for each in self.excused),
            *(f"proof: {each}" for each in self.proofs),
        ]
        return "\n".join(lines)


def judge(
    records: Sequence[Record],
    window: Interval,
    address: str,
    period_us: int,
    frozen: Mapping[str, Sequence[Interval]],
    terms: tuple[str, ...],
    proofs: tuple[str, ...],
) -> Report:
    """The report of a window; ``frozen``: node -> when nothing on it could run, and how long it may need thereafter."""
    end = window.end_us
    told = histories.answers(records, address)
    managers = overlaps(histories.within(histories.managers(records, end), window))
    return Report(
        window=window,
        holders=overlaps(histories.within(histories.holders(records, end), window)),
        speakers=tuple(
            overlap
            for view in View
            for overlap in overlaps(histories.within(histories.speakers(records, address, view), window))
        ),
        managers=tuple(part for each in managers for part in _outside(each, frozen)),
        excused=tuple(part for each in managers for part in _inside(each, frozen)),
        terms=terms,
        machines=tuple(
            Twice(machine, overlap)
            for machine, nodes in sorted(histories.machines(records).items())
            for overlap in overlaps(histories.within(nodes, window))
        ),
        silences=histories.silences(told, window),
        answered=histories.answering([each for each in told if window.start_us - _JUST_US <= each[0] < end]),
        period_us=period_us,
        late_us=histories.latest([each for each in records if window.start_us <= each.moment < end]),
        blind=tuple(sorted({each.node for each in histories.of_kind(records, Blind)})),
        proofs=proofs,
    )


def _excuses(overlap: Overlap, frozen: Mapping[str, Sequence[Interval]]) -> list[Interval]:
    return [*frozen.get(overlap.first, ()), *frozen.get(overlap.second, ())]


def _outside(overlap: Overlap, frozen: Mapping[str, Sequence[Interval]]) -> list[Overlap]:
    parts = subtract([overlap.interval], _excuses(overlap, frozen))
    return [overlap._replace(interval=part) for part in parts]


def _inside(overlap: Overlap, frozen: Mapping[str, Sequence[Interval]]) -> list[Overlap]:
    parts = intersect([overlap.interval], _excuses(overlap, frozen))
    return [overlap._replace(interval=part) for part in parts]
