"""Rows 1 to 3: a node loses its power, a daemon or corosync is killed."""

from __future__ import annotations

import signal
from statistics import median
from typing import TYPE_CHECKING

import pytest

from coroctl.lab import processes
from coroctl.lab.checker import proof
from coroctl.lab.lab import Wanted
from coroctl.lab.run import until

if TYPE_CHECKING:
    from tests.lab.rows.cluster import Cluster

pytestmark = pytest.mark.lab

TAKEOVER_MS = 2500
RESTART_MS = 200
ALL_RESTART_MS = 1000
"""All the lab's daemons start at once on one machine, and that may take longer than a lease."""
ROUNDS = 20


@pytest.fixture(scope="module")
def wanted() -> Wanted:
    """corosync's default token: the lease does not wait for corosync to notice."""
    return Wanted()


def power_off(cluster: Cluster) -> float:
    """Row 1, once; how long the address was silent, in ms."""
    master = cluster.settle()
    following = cluster.best(without=master)
    cluster.checker.mark()
    cluster.lab.kill(master)
    cluster.checker.prove(f"the link of {master}: {proof.carrier(cluster.lab, master)}")
    cluster.checker.wait_answer(following)
    assert cluster.settle() == following
    report = cluster.finish(answered=(master, following))
    cluster.make_whole()
    return report.silence_ms


def test_row_1_the_master_loses_its_power(cluster: Cluster) -> None:
    assert power_off(cluster) <= TAKEOVER_MS


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_row_1_takes_2500_ms_in_the_median_of_20(cluster: Cluster) -> None:
    silences = [power_off(cluster) for _ in range(ROUNDS)]
    print(f"silence: median {median(silences):.0f} ms, longest {max(silences):.0f} ms")
    assert median(silences) <= TAKEOVER_MS


def test_row_1_a_slave_loses_its_power(cluster: Cluster) -> None:
    """Nobody notices."""
    master = cluster.settle()
    lost = cluster.best(without=master)
    cluster.lab.kill(lost)
    cluster.checker.prove(f"the link of {lost}: {proof.carrier(cluster.lab, lost)}")
    cluster.checker.watch(3)
    cluster.finish(silence_ms=RESTART_MS, answered=(master,))


def kill_and_wait(cluster: Cluster, name: str, service: str) -> None:
    """Proof: the service runs again as another process."""
    before = cluster.main_pid(name, service)
    cluster.lab.kill_processes(name, service)
    until(lambda: cluster.main_pid(name, service) not in (0, before), 20, f"{service} on {name} to run again")
    cluster.checker.prove(f"{service} on {name}: process {before} was killed, {cluster.main_pid(name, service)} runs")


def test_row_2_the_masters_daemon_is_killed(cluster: Cluster) -> None:
    """It renews its tenure; the address is never lost."""
    master = cluster.settle()
    leases, marks = cluster.leases(), cluster.marks()
    kill_and_wait(cluster, master, "corolistener")
    cluster.wait_line(master, "renewed-after-restart", since=marks)
    assert cluster.settle() == master
    cluster.checker.watch(3)
    cluster.finish(silence_ms=RESTART_MS, answered=(master,))
    assert cluster.leases() == leases


def test_row_2_a_slaves_daemon_is_killed(cluster: Cluster) -> None:
    master = cluster.settle()
    leases = cluster.leases()
    kill_and_wait(cluster, cluster.best(without=master), "corolistener")
    assert cluster.settle() == master
    cluster.finish(silence_ms=RESTART_MS, answered=(master,))
    assert cluster.leases() == leases


def test_row_2_all_daemons_are_killed_at_once(cluster: Cluster) -> None:
    master = cluster.settle()
    leases = cluster.leases()
    pids = {name: proof.pids(cluster.lab, name, "corolistener") for name in cluster.on()}
    processes.send([pid for found in pids.values() for pid in found], signal.SIGKILL)
    for name, found in pids.items():
        until(lambda name=name: cluster.main_pid(name, "corolistener") not in (0, *pids[name]), 20, f"{name}")  # type: ignore[misc]
        cluster.checker.prove(f"corolistener on {name}: {proof.stopped(found, 'it')}")
    assert cluster.settle() == master
    cluster.finish(silence_ms=ALL_RESTART_MS, answered=(master,))
    assert cluster.leases() == leases


def test_row_3_corosync_is_killed_on_the_master(cluster: Cluster) -> None:
    master = cluster.settle()
    kill_and_wait(cluster, master, "corosync")
    cluster.lab.wait("formed")
    cluster.settle()
    cluster.finish()


def test_row_3_corosync_is_killed_on_a_slave(cluster: Cluster) -> None:
    master = cluster.settle()
    kill_and_wait(cluster, cluster.best(without=master), "corosync")
    cluster.lab.wait("formed")
    assert cluster.settle() == master
    cluster.finish(silence_ms=RESTART_MS, answered=(master,))
