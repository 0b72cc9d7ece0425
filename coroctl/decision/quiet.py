"""A heartbeat that says nothing new: it is taken in, and what follows from everything known is not looked for.

In a cluster of n nodes each hears n - 1 heartbeats in the time in which it speaks once, and nearly all of them repeat
what their senders have said. Why it does no harm to leave the rest of such a step out:

- Nothing that was told is lost: the peer, and with it what it echoes, is in the state.
- What a step concludes goes by what peers say, by who is heard, and by the time. The first two are as they were. For
  the last there is a Tick, asked for when less was known, so it comes too early rather than too late; and when it is
  due, nothing is left out.
- A holder's s may have grown; then nothing is left out (`lease.moves_on`). If it did not, the lease ends as it would.

At worst it is as if the datagram had come with the next event, and datagrams may always come late. `test_quiet` holds
each of these steps of random schedules against the whole one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import lease
from coroctl.decision.events import Heard

if TYPE_CHECKING:
    from coroctl.decision.events import Event
    from coroctl.decision.state import State, Turn
    from coroctl.model import NodeId


def quiet(turn: Turn, before: State, event: Event) -> bool:
    """Whether nothing can follow from an event that has just been taken in."""
    return (
        isinstance(event, Heard)
        and turn.now < before.wake
        and not turn.actions
        and turn.ballots is before.ballots
        and turn.claim is before.claim
        and turn.life is before.life
        and repeats(turn, before, event.heartbeat.sender)
        and not lease.moves_on(turn)
    )


def repeats(turn: Turn, before: State, sender: NodeId) -> bool:
    """Whether it is heard as it was, and says what it said."""
    known, peer = before.peers.get(sender), turn.peers.get(sender)
    if known is None or peer is None or not known.echoed or known.incarnation != peer.incarnation:
        return False
    heard = known.echoed >= turn.now - turn.files.settings.lease_us
    return heard and known.last is not None and known.last == peer.last
