"""The simulated cluster that people without one see: the real core, a failover, and never two masters."""

from __future__ import annotations

from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from coroctl.model import NodeStatus, Role, Source
from coroctl.sim.cluster import Cluster
from coroctl.sources.simulated import ENCORE_S, PRIOS, STEP_S, STORY, Simulated, show, still

if TYPE_CHECKING:
    from coroctl.model import Snapshot
    from coroctl.sources.feed import Update

STEPS = int(ENCORE_S / STEP_S)


def master(snapshot: Snapshot) -> str:
    """Who is, or "-"."""
    return next((node.name for node in snapshot.nodes if node.role is Role.MASTER), "-")


@pytest.fixture(scope="module")
def story() -> list[Update]:
    """The whole story, without the waiting."""
    return list(islice(show(Cluster(1, nodes=len(PRIOS), prios=PRIOS)), STEPS))


def test_it_begins_with_a_master_in_office() -> None:
    assert master(still()) == "node1"
    assert still().source is Source.SIMULATION
    assert still().quorate


def test_the_master_dies_and_another_node_takes_over(story: list[Update]) -> None:
    masters = [name for update in story if (name := master(update.snapshot)) != "-"]
    assert masters[0] == "node1"
    assert {"node2"} <= set(masters)
    assert any(node.status is NodeStatus.LEFT for update in story for node in update.snapshot.nodes)


def test_the_operator_gets_node1_back_into_office(story: list[Update]) -> None:
    assert master(story[-1].snapshot) == "node1"


def test_the_story_and_what_the_core_says_are_told(story: list[Update]) -> None:
    told = [note.text for update in story for note in update.notes]
    for act in STORY:
        assert act.text in told
    assert any("claimed" in text for text in told)
    assert "node2: the address answers" in told


def test_never_two_masters(story: list[Update]) -> None:
    for update in story:
        assert sum(node.role is Role.MASTER for node in update.snapshot.nodes) <= 1


def test_as_a_feed_it_is_never_old() -> None:
    feed = Simulated()
    updates: SimpleQueue[Update] = SimpleQueue()
    feed.start(updates.put)
    first, second = updates.get(timeout=5), updates.get(timeout=5)
    latest = feed.latest()
    feed.stop()
    assert latest is not None
    assert latest.at >= second.at >= first.at
