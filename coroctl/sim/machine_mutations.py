"""Breaks one rule of the estate at a time, as mutations.py does for the lease: does the checker notice?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.estate.rules import RULES, Rules
from coroctl.sim import scenario, schedule
from coroctl.sim.machine_schedule import draw_machines

if TYPE_CHECKING:
    from pathlib import Path

    from coroctl.sim.checker import Violation

DIRECTED = {
    "acknowledged_by_all": "machines-rule-acknowledged",
    "settled_before_start": "machines-rule-settled",
    "heard_the_epoch": "machines-rule-heard",
    "stopped_before_given_up": "machines-start-outcome-unknown",
    "arriving_is_left": "machines-arriving",
    "status_after_off": "fence-lies-about-a-frozen-node",
    "signs_through_others": "watchdog-cut-off-in-two-steps",
    "watchdog_from_last_sign": "watchdog-cut-off-in-two-steps",
    "watchdog_grace": "watchdog-fed-on-for-a-while",
    "armed_by_majority": "watchdog-disarmed-in-a-cut",
    "disarm_is_told": "watchdog-cannot-be-disarmed-alone",
    "feed_needs_quorum": "watchdog-instead-of-a-pause",
}
"""The scenario that notices a rule missing."""
SEEDS = {"open_on_newest": 6, "given_up_by_owner": 1, "pause_below_quorum": 30}
"""Where none does: a random schedule."""


def without(rule: str) -> Rules:
    """All rules but one."""
    return RULES._replace(**{rule: False})


def by_scenario(rule: str, folder: Path) -> list[Violation]:
    """What the directed one finds."""
    script = scenario.parse((folder / DIRECTED[rule] / "commands").read_text())
    return scenario.play(script, estate_rules=without(rule))[0]


def by_seed(rule: str, seed: int) -> list[Violation]:
    """What a random schedule finds, liveness aside."""
    result, _ = schedule.run(draw_machines(seed), estate_rules=without(rule))
    return [one for one in result.violations if one.promise != "liveness"]
