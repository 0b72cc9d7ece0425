"""Row 10 with more nodes: two and two of four, three and two of five."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.lab.lab import Wanted

if TYPE_CHECKING:
    from tests.lab.rows.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.slow]


@pytest.fixture(scope="module", params=[4, 5])
def wanted(request: pytest.FixtureRequest) -> Wanted:
    return Wanted(token_ms=1000, nodes=request.param)


def test_row_10_a_split(cluster: Cluster) -> None:
    """The master is in the first half; of five, that is the smaller part. Of four, no part may have a master."""
    master = cluster.settle()
    others = [name for name in cluster.lab.names if name != master]
    smaller = [master, others[-1]]
    larger = [name for name in cluster.lab.names if name not in smaller]
    following = max(larger, key=cluster.priorities().__getitem__)
    cluster.lab.part(smaller, larger)
    cluster.unreachable(master, larger[0])
    if len(larger) > len(smaller):
        cluster.lab.wait(f"quorate@{following}")
        cluster.checker.wait_answer(following)
        cluster.wait_manager(following, running=True)
    else:
        for name in cluster.lab.names:
            cluster.wait_role(name, "suspended")
            assert not cluster.has_address(name)
    for name in smaller:
        cluster.wait_role(name, "suspended")
    cluster.finish()
    cluster.lab.make_whole()
    cluster.settle()
    cluster.finish()
