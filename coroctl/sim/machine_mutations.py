"""Breaks one rule of the estate at a time, as mutations.py does for the lease: does the checker notice?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coroctl.decision.estate.rules import RULES, Rules
from coroctl.sim import scenario, schedule
from coroctl.sim.machine_schedule import draw_late_pulls, draw_machines
from coroctl.sim.mutations import Caught

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from coroctl.sim.checker import Violation
    from coroctl.sim.schedule import Schedule

DIRECTED = {
    "follow_only_the_holder": "machines-rule-follow-the-holder",
    "acknowledged_by_all": "machines-rule-acknowledged",
    "settled_before_start": "machines-rule-settled",
    "heard_the_epoch": "machines-rule-heard",
    "noted_before_paused": "machines-killed-while-pausing",
    "stopped_before_given_up": "machines-start-outcome-unknown",
    "arriving_is_left": "machines-arriving",
    "leftover_is_destroyed": "migration-source-dies-after-the-copy",
    "copying_is_aborted": "migration-suspended",
    "status_after_off": "fence-lies-about-a-frozen-node",
    "signs_through_others": "watchdog-cut-off-in-two-steps",
    "watchdog_from_last_sign": "watchdog-cut-off-in-two-steps",
    "watchdog_grace": "watchdog-fed-on-for-a-while",
    "armed_by_majority": "watchdog-disarmed-in-a-cut",
    "disarm_is_told": "watchdog-cannot-be-disarmed-alone",
    "feed_needs_quorum": "watchdog-instead-of-a-pause",
}
"""The scenario that notices a rule missing."""
SEEDS: dict[str, tuple[Callable[[int], Schedule], int]] = {
    "open_on_newest": (draw_machines, 6),
    "given_up_by_owner": (draw_machines, 1),
    "pause_below_quorum": (draw_machines, 30),
    # A pull takes 3 ms otherwise, and hardly ever does a lease end amid one.
    "follow_only_the_holder": (draw_late_pulls, 19),
}
"""The random schedule that does."""


def without(rule: str) -> Rules:
    """All rules but one."""
    return RULES._replace(**{rule: False})


def by_scenario(rule: str, folder: Path) -> list[Violation]:
    """What the directed one finds."""
    script = scenario.parse((folder / DIRECTED[rule] / "commands").read_text())
    return scenario.play(script, estate_rules=without(rule))[0]


def by_seed(rule: str) -> list[Violation]:
    """What a random schedule finds, liveness aside."""
    draw, seed = SEEDS[rule]
    result, _ = schedule.run(draw(seed), estate_rules=without(rule))
    return [one for one in result.violations if one.promise != "liveness"]


def table(folder: Path) -> list[tuple[str, Caught | None]]:
    """Every rule with what notices that it is missing."""
    return [(rule, caught(rule, folder)) for rule in Rules._fields]


def caught(rule: str, folder: Path) -> Caught | None:
    """By its scenario if it has one, else by its seed."""
    begun = time.monotonic()
    if rule in DIRECTED:
        by, found = DIRECTED[rule], by_scenario(rule, folder)
    elif rule in SEEDS:
        by, found = f"seed {SEEDS[rule][1]}", by_seed(rule)
    else:
        return None
    return Caught(by, str(found[0]), time.monotonic() - begun) if found else None
