"""Row 1 with a short lease: lease_ms 500, heartbeat_ms 100."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest

from coroctl.lab.lab import Wanted
from tests.lab.rows.test_power import ROUNDS, power_off

if TYPE_CHECKING:
    from tests.lab.rows.cluster import Cluster

pytestmark = pytest.mark.lab

TAKEOVER_MS = 900


@pytest.fixture(scope="module")
def wanted() -> Wanted:
    """corosync's default token."""
    return Wanted(lease_ms=500, heartbeat_ms=100)


def test_row_1_the_master_loses_its_power(cluster: Cluster) -> None:
    assert power_off(cluster) <= TAKEOVER_MS


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_row_1_takes_900_ms_in_the_median_of_20(cluster: Cluster) -> None:
    silences = [power_off(cluster) for _ in range(ROUNDS)]
    print(f"silence: median {median(silences):.0f} ms, longest {max(silences):.0f} ms")
    assert median(silences) <= TAKEOVER_MS
