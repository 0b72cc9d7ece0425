"""The simulated kernel is as the real one was measured: an address outlives its lifetime by less than 1.3 s."""

from __future__ import annotations

from random import Random

import pytest

from coroctl.sim.clock import MS, SECOND, Clock, Timeline
from coroctl.sim.kernel import Kernel

STEADY = Clock(0, 0)


def kernel(*, nftables: bool = True) -> Kernel:
    return Kernel(Timeline(), STEADY, Random(1), lambda: None, nftables=nftables)  # noqa: S311


def silent_at(one: Kernel, limit: int) -> int:
    while one.speaks(one.timeline.now):
        one.timeline.run(one.timeline.now + MS)
        assert one.timeline.now <= limit
    return one.timeline.now


@pytest.mark.parametrize("lifetime", [1, 999_999, 1_000_000, 1_000_001, 2_200_000])
def test_a_lifetime_counts_whole_seconds_and_is_swept_late(lifetime: int) -> None:
    one = kernel(nftables=False)
    one.add_address(lifetime)
    assert lifetime < silent_at(one, 5 * SECOND) <= lifetime + 1250 * MS + MS


def test_a_commit_prolongs_the_address_where_it_is_wanted() -> None:
    one = kernel(nftables=False)
    one.add_address(SECOND)
    one.timeline.run(SECOND)
    assert one.commit(1, 2 * SECOND, checked=True)
    assert silent_at(one, 5 * SECOND) > 3 * SECOND


def test_a_new_lifetime_creates_an_expired_address_again_but_not_a_removed_one() -> None:
    one = kernel(nftables=False)
    one.add_address(SECOND)
    silent_at(one, 3 * SECOND)
    one.commit(1, SECOND, checked=True)
    assert one.speaks(one.timeline.now)
    one.remove_address()
    one.commit(2, SECOND, checked=True)
    assert not one.speaks(one.timeline.now)


def test_the_gate_closes_to_the_moment_and_a_flush_opens_it() -> None:
    one = kernel()
    one.add_address(2 * SECOND)
    one.set_ticket(1)
    assert one.commit(1, SECOND, checked=True)
    one.timeline.run(SECOND)
    assert not one.speaks(one.timeline.now)
    one.flush()
    assert one.speaks(one.timeline.now)
    one.restore()
    assert not one.speaks(one.timeline.now)


def test_an_expired_ticket_commits_nothing() -> None:
    one = kernel()
    one.add_address(2 * SECOND)
    one.set_ticket(1)
    one.timeline.run(101 * MS)
    assert not one.commit(1, SECOND, checked=True)
    assert not one.speaks(one.timeline.now)


def test_without_a_gate_disarming_takes_the_address_away() -> None:
    one = kernel(nftables=False)
    one.add_address(2 * SECOND)
    one.disarm()
    assert not one.address
