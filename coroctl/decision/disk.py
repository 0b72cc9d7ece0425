"""The record on its way to the disk: one store at a time, retried, and nothing told that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import lease, voter
from coroctl.decision.actions import Alarm, Event, Store
from coroctl.decision.log import alarm, log, over

if TYPE_CHECKING:
    from coroctl.decision.state import Turn

RETRY_US = 1_000_000


def flush(turn: Turn) -> None:
    """Store what is wanted, if nothing is being stored."""
    disk = turn.disk
    if disk.storing is not None or disk.wanted == disk.durable:
        return
    if turn.now < disk.retry_at:
        turn.wake_at(disk.retry_at)
        return
    turn.disk = disk._replace(storing=disk.wanted, number=turn.number())
    record = disk.wanted if turn.life.rules.vote_is_stored else disk.wanted._replace(vote=None, floor=0)
    turn.do(Store(turn.disk.number, record))


def stored(turn: Turn, number: int) -> None:
    """fsync has returned: what was in flight is durable, with all that follows from it."""
    disk = turn.disk
    if disk.storing is None or number != disk.number:
        return
    before, counter = disk.durable.vote, disk.durable.counter
    turn.disk = disk._replace(durable=disk.storing, storing=None, retry_at=0)
    over(turn, Alarm.STORE)
    if not turn.life.told:
        turn.life = turn.life._replace(told=True)
        log(turn, Event.INCARNATION, turn.disk.durable.counter)
    voter.stored(turn, before)
    if turn.disk.durable.vote != before or turn.disk.durable.counter != counter:
        lease.write_run(turn)


def failed(turn: Turn, number: int, why: str) -> None:
    """A failed fsync is no grant (L8): the vote in it is forgotten; everything else is tried again."""
    disk = turn.disk
    if disk.storing is None or number != disk.number:
        return
    wanted = disk.wanted._replace(vote=disk.durable.vote, promise_us=disk.durable.promise_us)
    turn.disk = disk._replace(storing=None, wanted=wanted, retry_at=turn.now + RETRY_US)
    alarm(turn, Alarm.STORE, why)
