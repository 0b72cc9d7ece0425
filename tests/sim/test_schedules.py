"""Random schedules keep every promise; the same seed is the same run; a failing one shrinks."""

from __future__ import annotations

import pytest

from coroctl.decision.messages import Verdict
from coroctl.decision.rules import RULES
from coroctl.sim import drawing, schedule
from coroctl.sim.clock import SECOND
from coroctl.sim.kinds import Fault, Kind

BATCH = 50

KEPT = {
    2001525: "failback: the role was just going home when it was judged",
    4000030: "suspended in the middle of a promotion, the node called itself suspended before it held nothing",
    4000054: "the same after a freeze",
    4000206: "the same",
    1795354001186: "restarted, renewed, and frozen before its first echo: nothing guarded the manager any more (P1b)",
    1795353224669: "no fault of the core's: a hand-over that L13 had put off for 10 L came after the judging had begun",
    2000000000025: "a clone beside a voter that had just restarted: it named old things only, and was heard for that",
}
"""Seeds that failed once. What a seed draws changes with the generator: scenarios hold the findings for good
(ARCHITECTURE.md names them)."""


@pytest.mark.parametrize("batch", range(10))
def test_five_hundred_schedules(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        result, _ = schedule.run(drawing.draw(seed))
        assert not result.violations, f"python -m coroctl.sim replay {seed}: {result.violations[0]}"


@pytest.mark.parametrize("seed", KEPT)
def test_kept_seeds(seed: int) -> None:
    result, _ = schedule.run(drawing.draw(seed))
    assert not result.violations, KEPT[seed]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_soak() -> None:
    for seed in range(10_000, 11_000):
        result, _ = schedule.run(drawing.draw(seed))
        assert not result.violations, f"python -m coroctl.sim replay {seed}: {result.violations[0]}"


def test_a_seed_is_a_run() -> None:
    first, one = schedule.run(drawing.draw(7), keep_events=True)
    second, other = schedule.run(drawing.draw(7), keep_events=True)
    assert first == second
    assert one.events == other.events


def test_the_generator_draws_every_kind_of_fault() -> None:
    drawn = {fault.kind for seed in range(400) for fault in drawing.draw(seed).faults}
    about_machines = {Kind.GUEST, Kind.GUEST_GONE, Kind.REPLICA_LOST, Kind.REPLICA_OLD}
    about_machines |= {Kind.ORDER_FAILS, Kind.ORDER_SLOW, Kind.ARRIVES, Kind.PULL_SLOW, Kind.MIGRATION}
    about_fences = {Kind.AGENT, Kind.ON, Kind.SHUTDOWN}
    assert drawn == set(Kind) - about_machines - about_fences


def test_shrinking_keeps_only_what_is_needed() -> None:
    drawn = drawing.draw(3)
    assert len(drawn.faults) > 2
    needed = drawn.faults[1]
    small = schedule.shrink(drawn, lambda one: needed in one.faults)
    assert small.faults == (needed,)


def test_a_broken_core_is_found_and_shrunk() -> None:
    broken = RULES._replace(majority=False)
    split = Fault(8 * SECOND, Kind.SPLIT, 0, 15 * SECOND, (1, 2))
    noise = [Fault(9 * SECOND, Kind.LOSS, 0, SECOND, (5,)), Fault(30 * SECOND, Kind.FREEZE, 3, SECOND)]
    failing = schedule.Schedule(1, 4, 2000, 200, (split, *noise))

    def fails(one: schedule.Schedule) -> bool:
        return any(violation.promise == "P1" for violation in schedule.run(one, broken)[0].violations)

    assert fails(failing)
    assert schedule.shrink(failing, fails).faults == (split,)


OF_NODES = ("PRIORITY", "PROMOTE", "SUSPEND", "RESUME")


@pytest.mark.parametrize(
    ("seed", "verbs"), [(0, OF_NODES), (1, OF_NODES), (2, OF_NODES), (3, (*OF_NODES, "RESTORE", "ADOPT"))]
)
def test_a_thousand_operator_commands_amid_faults(seed: int, verbs: tuple[str, ...]) -> None:
    """P3, faults.md row 25. The third seed loses answers to a clone: what was done is not refused when asked again."""
    drawn = drawing.draw(700 + seed)
    asks = [
        Fault(
            SECOND + number * 35_000,
            Kind.ASK,
            number % drawn.nodes + 1,
            0,
            (verbs[number * 7 % len(verbs)], number // 3 % drawn.nodes + 1, number % 90 + 1),
        )
        for number in range(1000)
    ]
    nodes = range(1, drawn.nodes + 1)
    resumed = [Fault((41 + node) * SECOND, Kind.ASK, node, 0, ("RESUME", node)) for node in nodes]
    result, cluster = schedule.run(drawn._replace(faults=(*drawn.faults, *asks, *resumed), check_liveness=False))
    assert not result.violations
    verdicts = [verdict for found in cluster.checker.answers.values() for verdict in found]
    assert verdicts.count(Verdict.OK) > 20
    holder = cluster.holder()
    assert holder is not None
    cluster.checker.nothing_lost(holder)
    assert not cluster.checker.violations
