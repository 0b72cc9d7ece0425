"""Machines of a node whose watchdog must have fired: the lab plays the watchdog, and switches the node off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.lab import fencing
from coroctl.lab.lab import Wanted
from coroctl.lab.run import until
from tests.lab.rows.estate import RECOVERED_S, Estate

if TYPE_CHECKING:
    from tests.lab.rows.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def wanted() -> Wanted:
    return Wanted(token_ms=1000, machines=6, fencing="watchdog")


@pytest.fixture
def estate(cluster: Cluster) -> Estate:
    """All machines are managed and run, each somewhere; every watchdog counts."""
    estate = Estate(cluster)
    estate.make_whole()
    cluster.checker.mark()
    return estate


@pytest.mark.parametrize("how", ["cut off", "frozen"])
def test_a_node_that_does_not_feed_is_off_before_its_machines_run_elsewhere(estate: Estate, how: str) -> None:
    cluster, (victim, names), marks = estate.cluster, estate.victim(), estate.cluster.marks()
    if how == "frozen":
        cluster.lab.freeze(victim)
    else:
        cluster.lab.isolate(victim)
    until(lambda: not cluster.lab.is_on(victim), RECOVERED_S, f"the watchdog of {victim} to fire")
    assert not any(estate.where(name) for name in names)
    cluster.checker.prove(fencing.log(cluster.lab.plan)[-1])
    estate.wait_elsewhere(names, victim, 2 * RECOVERED_S)
    print(estate.wait_told("node-failed", without=victim, since=marks))
    cluster.lab.heal()
    cluster.lab.start(victim)
    estate.wait_nothing_of(names, victim)
    estate.finish(names, victim)


def test_a_daemon_that_is_restarted_or_stopped_costs_no_node(estate: Estate) -> None:
    """What is disarmed does not fire, and nothing is recovered."""
    cluster, (victim, names) = estate.cluster, estate.victim()
    cluster.lab.tell(victim, "systemctl", "kill", "--kill-whom=main", "--signal=KILL", "corolistener")
    cluster.settle()
    cluster.lab.tell(victim, "systemctl", "stop", "corolistener", timeout_s=60)
    cluster.checker.prove(f"corolistener on {victim} was killed, then stopped: {fencing.log(cluster.lab.plan)[-1]}")
    cluster.checker.watch(3 * fencing.WATCHDOG_S)
    assert cluster.lab.is_on(victim)
    assert all(estate.where(name) == {victim} for name in names)
    cluster.make_whole()
    cluster.finish()
