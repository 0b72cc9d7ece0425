"""Machines amid faults: P2, P3 and M4 hold in random schedules; each rule of the estate, broken alone, is noticed."""

from __future__ import annotations

import pytest

from coroctl.decision.estate.rules import RULES, Rules
from coroctl.sim import machine_mutations, schedule
from coroctl.sim.clock import SECOND
from coroctl.sim.kinds import Fault, Kind
from coroctl.sim.machine_mutations import DIRECTED, SEEDS, by_scenario, by_seed
from coroctl.sim.machine_schedule import draw_late_pulls, draw_machines
from coroctl.sim.schedule import Schedule
from tests.sim.scenarios import FOLDER

BATCH = 10


@pytest.mark.parametrize("batch", range(5))
def test_fifty_schedules_with_machines(batch: int) -> None:
    acknowledged = 0
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        result, cluster = schedule.run(draw_machines(seed))
        assert not result.violations, f"seed {seed}: {result.violations[0]}"
        acknowledged += len(cluster.checker.machines.good)
    assert acknowledged > 50


def test_schedules_in_which_a_pull_outlives_the_lease() -> None:
    for seed in range(20):
        result, _ = schedule.run(draw_late_pulls(seed))
        assert not result.violations, f"seed {seed}: {result.violations[0]}"


@pytest.mark.parametrize(
    ("seed", "_what"),
    [
        (20026, "a request that came again before its answer was known was carried out twice"),
        (20041, "after a failed store, operations were stored on top of themselves"),
        (20065, "a renewed tenure numbered its operations as its former life had, that had stored none"),
        (20124, "a pause that came late was not known as ours"),
        (30012, "after a freeze, a pause was told before it was noted"),
    ],
)
def test_a_schedule_that_once_broke_a_promise(seed: int, _what: str) -> None:
    assert not schedule.run(draw_machines(seed))[0].violations


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_soak_with_machines() -> None:
    for draw, seeds in ((draw_machines, range(10_000, 10_600)), (draw_late_pulls, range(10_000, 10_300))):
        for seed in seeds:
            result, _ = schedule.run(draw(seed))
            assert not result.violations, f"{draw.__name__} {seed}: {result.violations[0]}"


@pytest.mark.parametrize("rule", DIRECTED)
def test_a_missing_rule_is_noticed_by_its_scenario(rule: str) -> None:
    found = by_scenario(rule, FOLDER)
    assert found
    assert {one.promise for one in found} <= {"P2", "P3", "M3", "M4", "M6", "I3"}
    # More than the rule by its own words: something that was promised to people.
    assert {one.promise for one in found} != {"I3"}


@pytest.mark.parametrize("rule", SEEDS)
def test_a_missing_rule_is_noticed_by_chance(rule: str) -> None:
    assert by_seed(rule)


def test_every_rule_has_something_that_notices() -> None:
    assert set(DIRECTED) | set(SEEDS) == set(Rules._fields)


def test_production_runs_all_rules() -> None:
    assert all(RULES)
    assert machine_mutations.without("pause_below_quorum") != RULES


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_thousand_changes_while_masters_die() -> None:
    """P3: every acknowledged one is there. Three nodes take turns to lose power, the daemon of each dies as well."""
    names = tuple(f"m{number}" for number in range(20))
    asks = [
        Fault(7 * SECOND + number * 13_000, Kind.ASK, number % 3 + 1, 0, ("MACHINE_ADOPT", 3, names[number % 20]))
        for number in range(10_000)
    ]
    deaths = [
        Fault((10 + 9 * turn) * SECOND, kind, turn % 2 + 1, 4 * SECOND)
        for turn, kind in enumerate((Kind.OFF, Kind.KILL, Kind.OFF, Kind.ISOLATE, Kind.FREEZE) * 2)
    ]
    guests = Fault(6 * SECOND, Kind.GUEST, 3, 0, names)
    plan = Schedule(1, 3, 1000, 200, (guests, *deaths, *asks), replicas=3)
    cluster = schedule.cluster_of(plan)
    cluster.run(150 * SECOND)
    machines = cluster.checker.machines
    machines.finally_good()
    assert not cluster.checker.violations
    assert len({position.epoch for position in machines.made}) >= 4
    assert len(machines.good) > 5_000
