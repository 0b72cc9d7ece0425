"""Row 29, and a device that is missing (row 21): the address's network goes, the cluster's stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.lab.checker import proof
from coroctl.lab.lab import Wanted

if TYPE_CHECKING:
    from tests.lab.rows.cluster import Cluster

pytestmark = pytest.mark.lab

HAND_OVER_MS = 5000


@pytest.fixture(scope="module")
def wanted() -> Wanted:
    """Two networks; the address is on the first."""
    return Wanted(token_ms=1000, networks=2)


def test_row_29_the_uplink_of_the_master_loses_carrier(cluster: Cluster) -> None:
    master = cluster.settle()
    following, marks = cluster.best(without=master), cluster.marks()
    cluster.unplug(master, 0)
    cluster.checker.prove(f"the link of {master}: {proof.carrier(cluster.lab, master)}")
    cluster.lab.wait(f"quorate@{master}")
    cluster.checker.wait_answer(following)
    assert cluster.settle() == following
    assert not cluster.lines(master, "lease-lost", since=marks)
    cluster.wait_line(master, "hand-over", since=marks)
    cluster.finish(silence_ms=HAND_OVER_MS, answered=(master, following))


def test_row_21_the_device_of_the_master_vanishes(cluster: Cluster) -> None:
    master = cluster.settle()
    following = cluster.best(without=master)
    cluster.wait_eligible(following)
    cluster.lab.tell(master, "ip", "link", "delete", "eth0")
    cluster.checker.prove(f"the link of {master}: {proof.carrier(cluster.lab, master)}")
    cluster.checker.wait_answer(following)
    assert cluster.settle() == following
    cluster.finish(silence_ms=HAND_OVER_MS, answered=(master, following))
    cluster.lab.kill(master)
