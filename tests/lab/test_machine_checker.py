"""When a machine ran, from what it wrote: P2 in the checker. A real violation is seeded in test_machines.py."""

from __future__ import annotations

from coroctl.lab.checker import histories
from coroctl.lab.checker.intervals import Interval
from coroctl.lab.checker.records import Wrote


def wrote(machine: str, node: str, *moments_ms: int) -> list[Wrote]:
    """Seen 10 ms after the look before."""
    return [
        Wrote(moment * 1000, moment * 1000 - 10_000, node, machine, count) for count, moment in enumerate(moments_ms, 1)
    ]


def test_a_run_is_what_is_certain() -> None:
    ran = histories.machines(wrote("vm1", "node1", 50, 100, 150, 1000, 1050))
    assert ran == {"vm1": {"node1": (Interval(50_000, 140_000), Interval(1_000_000, 1_040_000))}}


def test_a_move_within_one_look_is_no_overlap() -> None:
    ran = histories.machines([*wrote("vm1", "node1", 50, 100), *wrote("vm1", "node2", 100, 150)])["vm1"]
    assert ran["node1"][0].end_us <= ran["node2"][0].start_us
