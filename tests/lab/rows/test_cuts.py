"""Rows 7 to 11: cuts of the network, whole, one way, between two, into three, and again and again."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import TYPE_CHECKING

import pytest

from coroctl.lab.checker import proof

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.rows.cluster import Cluster

pytestmark = pytest.mark.lab

TAKEOVER_MS = 2500
WATCHED_S = 5
NO_CALLBACK_S = 90
"""In a cut that is not transitive corosync may form no quorum, and call nobody back, for 40 s."""


def parted(cluster: Cluster, cut: Callable[[str], None], prove: Callable[[str, str], None]) -> None:
    """Row 7: the master is on the smaller side."""
    master = cluster.settle()
    following, marks = cluster.best(without=master), cluster.marks()
    cut(master)
    prove(master, following)
    cluster.checker.wait_answer(following)
    cluster.wait_manager(following, running=True)
    cluster.wait_role(master, "suspended")
    cluster.wait_line(master, "suspended", since=marks)
    assert not cluster.manager_on(master)
    assert not cluster.has_address(master)
    report = cluster.finish(silence_ms=TAKEOVER_MS, answered=(master, following))
    cluster.order_of(report, ended=master, began=following)
    cluster.lab.make_whole()
    assert cluster.settle() == following
    cluster.finish()


def test_row_7_the_masters_link_is_down(cluster: Cluster) -> None:
    def prove(master: str, _: str) -> None:
        cluster.checker.prove(f"the link of {master}: {proof.carrier(cluster.lab, master)}")

    parted(cluster, cluster.lab.unplug, prove)


def test_row_7_the_master_is_isolated_silently(cluster: Cluster) -> None:
    parted(cluster, cluster.lab.isolate, cluster.unreachable)


@pytest.mark.parametrize("inward", [True, False], ids=["hears nobody", "is heard by nobody"])
def test_row_8_one_way(cluster: Cluster, *, inward: bool) -> None:
    master = cluster.settle()
    other = cluster.best(without=master)
    cluster.lab.isolate(master, inward=inward, outward=not inward)
    cluster.unreachable(master, other)
    cluster.checker.wait_answer(other)
    cluster.checker.watch(WATCHED_S)
    cluster.finish()
    cluster.lab.make_whole()
    cluster.settle()
    cluster.finish()


def test_row_9_two_of_three_do_not_hear_each_other(cluster: Cluster) -> None:
    """Each pair in turn."""
    for one, other in [(1, 2), (1, 3), (2, 3)]:
        first, second = (f"node{number}" for number in (one, other))
        cluster.lab.part([first], [second])
        cluster.unreachable(first, second)
        cluster.checker.watch(WATCHED_S)
        print(f"{first} and {second} parted: {cluster.wait_holder(NO_CALLBACK_S)} holds the address")
        cluster.finish()
        cluster.lab.heal()
        cluster.settle()
    cluster.lab.make_whole()
    cluster.settle()
    cluster.finish()


@pytest.mark.slow
@pytest.mark.parametrize(("deaf", "mute"), list(permutations(["node1", "node2", "node3"], 2)))
def test_row_9_one_does_not_hear_another(cluster: Cluster, deaf: str, mute: str) -> None:
    cluster.lab.part([deaf], [mute], outward=False)
    cluster.unreachable(deaf, mute)
    cluster.checker.watch(60)
    cluster.finish()


def split(cluster: Cluster, groups: list[list[str]]) -> None:
    """The probe stays connected with all of them."""
    for group, other in combinations(groups, 2):
        cluster.lab.part(group, other)
    cluster.unreachable(groups[0][0], groups[1][0])


def no_master(cluster: Cluster) -> None:
    """Nobody may hold anything."""
    cluster.checker.wait_silence()
    for name in cluster.on():
        cluster.wait_manager(name, running=False)
        cluster.wait_role(name, "suspended")
        assert not cluster.has_address(name)


def test_row_10_every_node_alone(cluster: Cluster) -> None:
    cluster.settle()
    split(cluster, [[name] for name in cluster.lab.names])
    no_master(cluster)
    cluster.checker.watch(WATCHED_S)
    assert not cluster.checker.answering()
    cluster.finish()
    cluster.lab.make_whole()
    cluster.settle()
    cluster.finish()


@pytest.mark.parametrize("trick", ["two_node: 1", "expected_votes: 1"])
def test_row_10_a_file_that_makes_every_fragment_quorate(cluster: Cluster, trick: str) -> None:
    """corosync believes it; the voters are counted from the nodelist."""
    master = cluster.settle()
    following = cluster.best(without=master)
    original = cluster.edit(lambda text: text.replace("expected_votes: 3", trick))
    try:
        cluster.lab.isolate(master)
        cluster.unreachable(master, following)
        cluster.lab.wait(f"quorate@{master}")
        cluster.checker.prove(f"corosync on {master}, alone, says that it is quorate")
        cluster.checker.watch(WATCHED_S)
        cluster.finish()
    finally:
        cluster.lab.heal()
        cluster.edit(lambda _: original)
    cluster.lab.make_whole()
    cluster.settle()
    cluster.finish()


@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_row_11_a_link_that_comes_and_goes(cluster: Cluster, rounds: int) -> None:
    """At most one change of the master a round, and one more to settle, within 15 s."""
    master, leases = cluster.settle(), cluster.leases()
    for _ in range(rounds):
        cluster.lab.unplug(master)
        cluster.checker.watch(2)
        cluster.lab.heal()
        cluster.checker.watch(2)
    cluster.checker.prove(f"the link of {master}: {proof.carrier(cluster.lab, master)}")
    cluster.settle(timeout_s=15)
    changes = cluster.leases() - leases
    print(f"{changes} changes in {rounds} rounds")
    assert changes <= rounds
    cluster.finish()
