"""The bounded searches are complete to their depth, and find a violation only where a rule is broken."""

from __future__ import annotations

import pytest

from coroctl.decision.rules import RULES
from coroctl.decision.values import Office
from coroctl.sim import rounds
from coroctl.sim.mutations import without
from coroctl.sim.search import search, settled

QUICK = rounds.CUTS._replace(rounds=4)


def test_it_begins_with_a_holder_that_all_have_voted_for() -> None:
    place = settled(RULES)
    assert place.sites[0].state.claim.office is Office.HOLDING
    assert len({site.record.vote for site in place.sites}) == 1


def test_a_small_search_finds_nothing() -> None:
    found = search(8000)
    assert (found.complete, found.broken) == (True, "")
    assert found.depth >= 4


def test_a_broken_rule_is_found() -> None:
    found = search(30_000, rules=without("majority"))
    assert found.broken.startswith("P1"), found


@pytest.mark.parametrize("plan", [QUICK, rounds.ONE_WAY._replace(rounds=2), rounds.MISHAPS._replace(rounds=2)])
def test_a_few_rounds_break_nothing(plan: rounds.Plan) -> None:
    found = rounds.search(plan)
    assert (found.complete, found.broken) == (True, "")
    assert found.places > 500


@pytest.mark.parametrize("rule", ["promise_outlasts_lease", "candidate_keeps_own_promise", "majority"])
def test_rounds_find_what_no_order_of_few_events_shows(rule: str) -> None:
    found = rounds.search(QUICK, without(rule))
    assert found.broken.startswith("P1"), found


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("plan", rounds.PLANS, ids=lambda plan: plan.name)
def test_whole_plans_break_nothing(plan: rounds.Plan) -> None:
    found = rounds.search(plan)
    assert (found.complete, found.broken) == (True, "")


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["promise_outlasts_lease", "candidate_keeps_own_promise"])
def test_one_way_cuts_find_it_too(rule: str) -> None:
    found = rounds.search(rounds.ONE_WAY, without(rule))
    assert found.broken.startswith("P1"), found
