"""Two machines with one nodeid (a cloned node, a nodeid given twice): noticed, told, and only one of them heard.

A node runs one daemon, so two of its lives never overlap. An incarnation that was replaced by another one, and then
names what was sent *after* that, is alive beside it: no delay of datagrams can make that of a true restart. Of the two
the one stays that has been heard for longer than a promise; if neither has (this voter has just started), neither is
heard. So as long as everybody hears everybody, no voter counts twice, and the established machine goes on. Where a
cut parts the two, each side has a voter of that id, and no rule of a voter can know: two majorities are possible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.actions import Alarm
from coroctl.decision.log import alarm, over
from coroctl.decision.state import Former, Peer

if TYPE_CHECKING:
    from coroctl.decision.state import Turn
    from coroctl.model import NodeId


def refused(turn: Turn, node: NodeId, known: Peer, incarnation: int, named: int) -> bool:
    """Whether a datagram is not used, for another machine of that id is alive. `named`: of mine, by its sender."""
    if not named_lately(turn, named):
        return False
    return is_rival(turn, node, known, incarnation) or (
        is_back(turn, node, known, incarnation, named) and turn.peers[node].incarnation != incarnation
    )


def is_rival(turn: Turn, node: NodeId, known: Peer, incarnation: int) -> bool:
    """Of a pair of twins, whether this one is not heard while the other one lives."""
    if not known.rival or incarnation not in (known.rival, known.incarnation):
        return False
    first = incarnation == known.incarnation
    other_at = known.rival_at if first else known.alive_at
    here = known._replace(alive_at=turn.now) if first else known._replace(rival_at=turn.now)
    turn.peers = {**turn.peers, node: here}
    return turn.now - other_at <= turn.files.settings.promise_us and not (first and not known.neither)


def is_back(turn: Turn, node: NodeId, known: Peer, incarnation: int, named: int) -> bool:
    """Whether a replaced incarnation proves to be alive beside the one that has replaced it. If so, settle them."""
    former = known.former
    if former is None or incarnation != former.incarnation or named <= former.sent:
        return False
    alarm(turn, Alarm.TWINS, str(node))
    settled_by = turn.now - turn.files.settings.promise_us
    if known.since <= settled_by:
        kept = known._replace(rival=incarnation, rival_at=turn.now, alive_at=turn.now, former=None)
    elif former.since <= settled_by:
        kept = Peer(incarnation, 0, since=former.since, alive_at=turn.now, rival=known.incarnation, rival_at=turn.now)
    else:
        kept = Peer(known.incarnation, 0, rival=incarnation, rival_at=turn.now, alive_at=turn.now, neither=True)
    turn.peers = {**turn.peers, node: kept}
    return True


def notice_end(turn: Turn) -> None:
    """It is over when only one of each pair is left."""
    if Alarm.TWINS in turn.alarms:
        lately = turn.now - turn.files.settings.promise_us
        if all(peer.rival_at < lately or peer.alive_at < lately for peer in turn.peers.values() if peer.rival):
            over(turn, Alarm.TWINS)


def named_lately(turn: Turn, named: int) -> bool:
    """Whether the sender has named something that this node has sent within L: so it is alive."""
    return bool(named) and named >= turn.now - turn.files.settings.lease_us


def replaced(turn: Turn, known: Peer | None, incarnation: int) -> Peer:
    """A life that is heard from now on; the one before it is remembered, in case that it is alive."""
    if known is None:
        return Peer(incarnation, 0, since=turn.now)
    former = Former(known.incarnation, known.since, turn.speech.sequence)
    rival = known.rival if known.rival != incarnation else 0
    return Peer(incarnation, 0, since=turn.now, former=former, rival=rival, rival_at=known.rival_at)
