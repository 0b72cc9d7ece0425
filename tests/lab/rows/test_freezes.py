"""Rows 4 to 6: corosync, corolistener or a whole node stands still, and goes on."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab.rows.cluster import Cluster

pytestmark = pytest.mark.lab

SHORT_S = 8
TAKEOVER_MS = 2500
"""Most of it is no silence: the frozen master's address answers until its lease has run out."""
KILL_S = 5


def drawn() -> random.Random:
    """With its seed printed, so that a run can be done again."""
    seed = time.time_ns()
    print(f"seed {seed}")
    return random.Random(seed)  # noqa: S311 - a schedule is no secret


def freeze(cluster: Cluster, what: str, seconds: float) -> str:
    """On the master; who is the master in the end."""
    master = cluster.settle()
    with cluster.checker.frozen(master, what):
        cluster.checker.watch(seconds)
    cluster.lab.make_whole()
    return cluster.settle()


@pytest.mark.parametrize("seconds", [SHORT_S])
def test_row_4_corosync_is_frozen(cluster: Cluster, seconds: float) -> None:
    freeze(cluster, "corosync", seconds)
    cluster.finish()


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [5, 16, 60])
def test_row_4_corosync_is_frozen_for_longer(cluster: Cluster, seconds: float) -> None:
    freeze(cluster, "corosync", seconds)
    cluster.finish()


def test_row_5_the_daemon_is_frozen_for_less_than_a_lease(cluster: Cluster) -> None:
    master, leases = cluster.settle(), cluster.leases()
    assert freeze(cluster, "corolistener", 1) == master
    cluster.finish(silence_ms=200, answered=(master,))
    assert cluster.leases() == leases


@pytest.mark.parametrize("seconds", [SHORT_S])
def test_row_5_the_daemon_is_frozen(cluster: Cluster, seconds: float) -> None:
    master = cluster.settle()
    following = cluster.best(without=master)
    with cluster.checker.frozen(master, "corolistener"):
        cluster.checker.wait_answer(following)
        cluster.wait_manager(master, running=False, timeout_s=KILL_S)
        cluster.checker.watch(seconds - 3)
    assert cluster.settle() == following
    report = cluster.finish(silence_ms=TAKEOVER_MS, answered=(master, following))
    cluster.order_of(report, ended=master, began=following)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [5, 15, 60])
def test_row_5_the_daemon_is_frozen_for_longer(cluster: Cluster, seconds: float) -> None:
    freeze(cluster, "corolistener", seconds)
    cluster.finish()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_row_5_the_daemon_is_frozen_at_any_moment(cluster: Cluster) -> None:
    """Between deciding and acting, too: where it stood is chance, so many times, with the seed printed."""
    chance = drawn()
    for _ in range(30):
        cluster.checker.watch(chance.uniform(0, 1))
        freeze(cluster, "corolistener", chance.uniform(0.5, 4))
    cluster.finish()


def test_row_6_the_whole_node_is_frozen(cluster: Cluster) -> None:
    """Its manager cannot be killed while nothing runs there; its address is silent all the same."""
    master = cluster.settle()
    following = cluster.best(without=master)
    with cluster.checker.frozen(master):
        cluster.checker.wait_answer(following)
        cluster.checker.watch(SHORT_S - 3)
    cluster.wait_manager(master, running=False, timeout_s=1)
    cluster.lab.make_whole()
    assert cluster.settle() == following
    cluster.finish(silence_ms=TAKEOVER_MS, answered=(master, following))


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [16, 60])
def test_row_6_the_whole_node_is_frozen_for_longer(cluster: Cluster, seconds: float) -> None:
    freeze(cluster, "all", seconds)
    cluster.finish()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_row_6_the_whole_node_is_frozen_at_any_moment(cluster: Cluster) -> None:
    chance = drawn()
    for _ in range(20):
        cluster.checker.watch(chance.uniform(0, 1))
        freeze(cluster, "all", chance.uniform(0.5, 4))
    cluster.finish()
