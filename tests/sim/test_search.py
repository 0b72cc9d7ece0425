"""The bounded search is complete to its depth, and finds a violation only where a rule is broken."""

from __future__ import annotations

from coroctl.decision.rules import RULES
from coroctl.decision.values import Office
from coroctl.sim.search import search, settled


def test_it_begins_with_a_holder_that_all_have_voted_for() -> None:
    place = settled(RULES)
    assert place.sites[0].state.claim.office is Office.HOLDING
    assert len({site.record.vote for site in place.sites}) == 1


def test_a_small_search_finds_nothing() -> None:
    found = search(8000)
    assert (found.complete, found.broken) == (True, "")
    assert found.depth >= 4


def test_a_broken_rule_is_found() -> None:
    found = search(30_000, rules=RULES._replace(majority=False))
    assert found.broken.startswith("P1"), found
