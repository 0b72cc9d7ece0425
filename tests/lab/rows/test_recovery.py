"""Rows 1, 4, 6, 20, 23, 26 for machines: what a lost node ran runs elsewhere, each machine on one node at every moment.

The fence agent's power switch is the lab's; what the machines write is the proof of where they ran.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.lab import fencing
from coroctl.lab.fencing import Mode
from coroctl.lab.lab import Wanted
from tests.lab.rows.estate import Estate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.rows.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def wanted() -> Wanted:
    return Wanted(token_ms=1000, machines=6, fencing="agent")


@pytest.fixture
def estate(cluster: Cluster) -> Iterator[Estate]:
    """All machines are managed and run, each somewhere; the power switch works, and every node fences."""
    for name in cluster.lab.names:
        cluster.lab.treat(name, Mode.OK)
    estate = Estate(cluster)
    estate.make_whole()
    cluster.checker.mark()
    yield estate
    print("\n".join(fencing.log(cluster.lab.plan)))


def test_a_node_dies_and_its_machines_run_elsewhere(estate: Estate) -> None:
    """The history has the times of detection, fence and start; the node returns and resumes nothing."""
    cluster, (victim, names), marks = estate.cluster, estate.victim(), estate.cluster.marks()
    cluster.lab.kill(victim)
    cluster.checker.prove(f"{victim} was switched off")
    estate.wait_elsewhere(names, victim)
    master = cluster.wait_master()
    for event in ("node-lost", "fencing", "fenced", "node-failed"):
        print(cluster.wait_line(master, event, since=marks))
    cluster.lab.start(victim)
    estate.wait_nothing_of(names, victim)
    estate.finish(names, victim)
