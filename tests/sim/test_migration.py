"""Live migration amid faults: P2, P3, M4 hold, and no memory that is too old is resumed (M6)."""

from __future__ import annotations

import pytest

from coroctl.decision.estate.inventory import MOVED_LIVE
from coroctl.decision.estate.values import Granted
from coroctl.sim import scenario, schedule
from coroctl.sim.fence_schedule import draw_fenced
from coroctl.sim.machine_schedule import draw_machines, with_migrations
from tests.sim.scenarios import FOLDER


def broken(seeds: range, *, fenced: bool = False) -> tuple[list[str], int]:
    """Promises that random schedules break, and how many machines moved live in them."""
    found, moved = [], 0
    for seed in seeds:
        drawn = draw_fenced(seed)._replace(check_liveness=False) if fenced else draw_machines(seed)
        result, cluster = schedule.run(with_migrations(drawn, seed))
        found += [f"seed {seed}: {one}" for one in result.violations]
        made = [one.operation.change for one in cluster.checker.machines.made.values()]
        moved += sum(isinstance(one, Granted) and one.why == MOVED_LIVE for one in made)
    return found, moved


@pytest.mark.parametrize("fenced", [False, True])
def test_random_schedules_with_live_migration(fenced: bool) -> None:
    found, moved = broken(range(16), fenced=fenced)
    assert found == []
    assert moved >= 30


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fenced", [False, True])
def test_many_random_schedules_with_live_migration(fenced: bool) -> None:
    found, moved = broken(range(16, 600), fenced=fenced)
    assert found == []
    assert moved >= 1000


@pytest.mark.parametrize(
    ("seed", "_what"),
    [
        (
            128,
            "the checker counted a copy on a suspended target, which keeps it until it is resumed, as a second place",
        ),
        (3092, "a machine was forgotten between its grant and its being resumed, and stayed paused"),
        (2108, "the checker allowed no moment to pause what is adopted on a node that has been suspended for long"),
    ],
)
def test_a_schedule_that_once_failed(seed: int, _what: str) -> None:
    assert broken(range(seed, seed + 1))[0] == []


def test_without_libvirts_flag_a_lost_reply_runs_a_machine_twice() -> None:
    """What `VIR_MIGRATE_PAUSED` is there for, and that the checker would see it."""
    cluster = scenario.build(scenario.parse((FOLDER / "migration-reply-lost" / "commands").read_text()))
    cluster.arrives_paused = False
    cluster.run(18_000_000)
    assert {one.promise for one in cluster.checker.violations} == {"P2"}


def test_with_it_the_same_is_harmless() -> None:
    violations, _ = scenario.play(scenario.parse((FOLDER / "migration-reply-lost" / "commands").read_text()))
    assert not violations
