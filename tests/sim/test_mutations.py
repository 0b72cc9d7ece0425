"""Each rule, broken alone, is noticed: by its directed scenario, or by the random schedules of the normal budget."""

from __future__ import annotations

import pytest

from coroctl.decision.rules import RULES, Rules
from coroctl.sim.mutations import DIRECTED, by_chance, by_scenario
from coroctl.sim.scenario import parse, play
from tests.sim.scenarios import FOLDER


@pytest.mark.parametrize("rule", Rules._fields)
def test_the_missing_rule_is_noticed(rule: str) -> None:
    caught = by_scenario(rule, FOLDER) if rule in DIRECTED else by_chance(rule)
    assert caught is not None
    print(f"{rule:32}{caught.by:32}{caught.what}")


@pytest.mark.parametrize("name", DIRECTED.values())
def test_with_all_rules_the_directed_scenario_is_harmless(name: str) -> None:
    violations, _ = play(parse((FOLDER / name / "commands").read_text()))
    assert not violations


def test_production_runs_all_rules() -> None:
    assert all(RULES)
