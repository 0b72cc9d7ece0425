"""The simulated cluster that people without one see: the real core, a failover, and never two masters."""

from __future__ import annotations

from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from coroctl.model import NodeStatus, Role, Source
from coroctl.sources.simulated import ENCORE_S, MACHINES, STEP_S, STORY, Simulated, populated, show, still

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
    return list(islice(show(populated()), STEPS))


def test_it_begins_with_a_master_in_office() -> None:
    assert master(still()) == "node1"
    assert still().source is Source.SIMULATION
    assert still().quorate


def test_the_master_dies_and_another_node_takes_over(story: list[Update]) -> None:
    masters = [name for update in story if (name := master(update.snapshot)) != "-"]
    assert masters[0] == "node1"
    assert {"node2"} <= set(masters)
    assert any(node.status is NodeStatus.LEFT for update in story for node in update.snapshot.nodes)


def test_the_operator_gets_node3_into_office(story: list[Update]) -> None:
    masters = [name for update in story if (name := master(update.snapshot)) != "-"]
    assert master(story[-1].snapshot) == "node3"
    assert masters.count("node1") > 0


def test_machines_of_a_lost_node_run_elsewhere_and_one_is_moved_back(story: list[Update]) -> None:
    told = [note.text for update in story for note in update.notes]
    for name in ("db", "mail", "web1"):
        assert any(text.endswith(f"recovered {name}") for text in told)
    assert sum("switched off by its fence agent" in text for text in told) == 1
    machinery = story[-1].snapshot.machinery
    assert machinery is not None
    assert (machinery.managed, len(machinery.failures), machinery.recovery) == (len(MACHINES), 2, ())
    assert any("machine-granted db node 1 an operator moves it" in text for text in told)


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


def test_the_machines_can_be_looked_at_from_the_beginning() -> None:
    feed = Simulated()
    assert feed.fleet().guests == ()
    updates: SimpleQueue[Update] = SimpleQueue()
    feed.start(updates.put)
    updates.get(timeout=5)
    fleet = feed.fleet()
    feed.stop()
    assert fleet.known
    assert {(one.name, one.node, one.memory_mib) for one in fleet.guests} == set(MACHINES)
    assert {(one.seen, one.seen_on == one.node) for one in fleet.guests} == {("running", True)}
