"""Breaks one rule at a time, through the seam of decision/rules.py, and looks whether the checker notices.

Each mutation is attacked by the random schedules of the normal budget (those that `make test` runs), liveness not
counted: it must break a promise. What chance does not reach there, the directed scenario named in the table does.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.rules import RULES, Rules
from coroctl.sim import drawing, scenario, schedule

if TYPE_CHECKING:
    from pathlib import Path

BUDGET = 500
DIRECTED = {
    "dead_man_ticket": "rule-dead-man-ticket",
    "dead_man_from_sending": "rule-dead-man-from-sending",
    "vote_after_storing": "rule-vote-after-storing",
    "release_after_storing": "rule-release-after-storing",
    "both_lists": "rule-both-lists",
    "start_holdoff": "rule-start-holdoff",
    "staging": "rule-staging",
}
"""The scenario that was written for a rule; `coroctl.sim` finds its folder where the tests are."""


class Caught(NamedTuple):
    """How a mutation was noticed."""

    by: str
    what: str
    took_s: float


def without(rule: str) -> Rules:
    """All rules but one."""
    return RULES._replace(**{rule: False})


def by_scenario(rule: str, folder: Path) -> Caught | None:
    """The directed one."""
    name = DIRECTED.get(rule)
    if name is None:
        return None
    begun = time.monotonic()
    script = scenario.parse((folder / name / "commands").read_text())
    violations, _ = scenario.play(script, without(rule))
    if not violations:
        return None
    return Caught(name, str(violations[0]), time.monotonic() - begun)


def by_chance(rule: str, budget: int = BUDGET) -> Caught | None:
    """The first seed of the normal budget that breaks a promise."""
    begun = time.monotonic()
    for seed in range(budget):
        result, _ = schedule.run(drawing.draw(seed)._replace(check_liveness=False), without(rule))
        if result.violations:
            return Caught(f"seed {seed}", str(result.violations[0]), time.monotonic() - begun)
    return None


def table(folder: Path, *, chance: bool = False) -> list[tuple[str, Caught | None]]:
    """Every rule with what notices that it is missing; with `chance`, random schedules even where one is directed."""
    rows: list[tuple[str, Caught | None]] = []
    for rule in Rules._fields:
        caught = None if chance else by_scenario(rule, folder)
        rows.append((rule, caught or by_chance(rule) or by_scenario(rule, folder)))
    return rows


def rendered(rows: list[tuple[str, Caught | None]]) -> str:
    """As text."""
    lines = [f"{'broken rule':32}{'noticed by':32}{'s':>6}  as"]
    for rule, caught in rows:
        by, took, what = (caught.by, f"{caught.took_s:.1f}", caught.what) if caught else ("NOTHING", "", "")
        lines.append(f"{rule:32}{by:32}{took:>6}  {what}")
    return "\n".join(lines)
