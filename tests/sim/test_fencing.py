"""Fencing and recovery under random schedules: agents that fail, lie and hang, watchdogs, late thaws, dying masters."""

from __future__ import annotations

import pytest

from coroctl.decision.estate.values import NodeFailed
from coroctl.sim import schedule
from coroctl.sim.fence_schedule import draw_fenced


def broken(seeds: range) -> tuple[list[str], int]:
    """Promises that random schedules break, and how many nodes failed in them."""
    found, failed = [], 0
    for seed in seeds:
        result, cluster = schedule.run(draw_fenced(seed)._replace(check_liveness=False))
        found += [f"seed {seed}: {one}" for one in result.violations]
        made = cluster.checker.machines.made.values()
        failed += sum(isinstance(one.operation.change, NodeFailed) for one in made)
    return found, failed


def test_random_schedules_with_fencing() -> None:
    found, failed = broken(range(24))
    assert found == []
    assert failed >= 3


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_random_schedules_with_fencing() -> None:
    found, failed = broken(range(24, 1500))
    assert found == []
    assert failed >= 100
