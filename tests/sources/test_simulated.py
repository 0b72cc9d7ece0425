"""The recording that people without a cluster see: true to the schema, and a failover."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING

from coroctl.model import NodeStatus, Role, Source
from coroctl.sources.simulated import Moment, Player, recording

if TYPE_CHECKING:
    from coroctl.sources.feed import Update


def test_the_recording_is_a_failover() -> None:
    moments = recording()
    masters = [node.nodeid for moment in moments for node in moment.snapshot.nodes if node.role is Role.MASTER]
    assert masters[0] == masters[-1]
    assert len(set(masters)) == 2
    assert any(node.status is NodeStatus.LEFT for moment in moments for node in moment.snapshot.nodes)
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
    assert {moment.snapshot.source for moment in moments} == {Source.SIMULATION}


def test_never_two_masters_in_it() -> None:
    for moment in recording():
        assert sum(node.role is Role.MASTER for node in moment.snapshot.nodes) <= 1


def test_it_is_played_in_a_loop_and_never_old() -> None:
    first, last = recording()[0].snapshot, recording()[-1].snapshot
    player = Player((Moment(0, first), Moment(0.01, last)))
    updates: SimpleQueue[Update] = SimpleQueue()
    player.start(updates.put)
    played = [updates.get(timeout=5).snapshot for _ in range(4)]
    latest = player.latest()
    player.stop()
    assert played == [first, last, first, last]
    assert latest is not None
    assert latest.snapshot in (first, last)
