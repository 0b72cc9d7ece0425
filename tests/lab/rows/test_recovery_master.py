"""The master dies while it recovers another node's machines: the next one completes it. Five nodes, for a majority."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.lab import fencing
from coroctl.lab.fencing import Mode
from coroctl.lab.lab import Wanted
from tests.lab.rows.estate import RECOVERED_S, Estate

if TYPE_CHECKING:
    from tests.lab.rows.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def wanted() -> Wanted:
    return Wanted(nodes=5, token_ms=1000, machines=10, fencing="agent")


def test_the_master_dies_while_it_fences(cluster: Cluster) -> None:
    estate = Estate(cluster)
    estate.make_whole()
    cluster.checker.mark()
    master, marks = cluster.wait_master(), cluster.marks()
    victim = next(name for name in cluster.lab.names if name != master and estate.of(name))
    names = (*estate.of(victim), *estate.of(master))
    cluster.lab.treat(victim, Mode.SLOW)
    cluster.lab.kill(victim)
    cluster.wait_line(master, "fencing", since=marks, timeout_s=60)
    cluster.lab.kill(master)
    assert not cluster.lines(master, "node-failed", since=marks)
    cluster.checker.prove(f"{master} was switched off while it fenced {victim}")
    estate.wait_elsewhere(names, victim, 2 * RECOVERED_S)
    print(estate.wait_told("node-failed", without=master, since=marks))
    print("\n".join(fencing.log(cluster.lab.plan)))
    for name in (victim, master):
        cluster.lab.start(name)
        estate.wait_nothing_of(names, name)
    estate.finish(names, victim)
