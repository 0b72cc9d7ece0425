"""Two machines with one nodeid (a cloned node, a nodeid given twice): noticed, told, and only one of them heard.

A node runs one daemon, so two of its lives never overlap. An incarnation that was replaced by another one, and then
names what was sent *after* that, is alive beside it: no delay of datagrams can make that of a true restart. Then:

- The *established* one stays: heard for P, and meanwhile no datagram of another incarnation came. If neither is (this
  voter has just started), or if it is hard to tell, neither is heard: none is granted anything, none counts as voter.
- A twin lives as long as its datagrams *arrive*, whatever they name. What this node says reaches the one or the other,
  so a living twin may name old things only, for longer than L; one that counted as dead by that would be heard.
- While twins live that this voter cannot tell apart, a further life of that id is not heard either. When one of them
  has been silent for P the other is heard, as if it had replaced it then.

Why two voters never hear different twins. Each hears an established one, or neither. Where a machine was established
first, the other's datagrams come among its own, so the other is never heard alone for P, with whatever luck in naming,
as long as both are heard everywhere. One that was silent for P, and comes back, has lost its lease; the one that has
replaced it stays if it was heard alone for two P, and goes again if for less than one. In between neither is heard,
since the next voter may have begun to count a moment earlier. So as long as everybody hears everybody, one id counts
for one machine in all majorities. Where a cut parts the two, or what is sent to one of them reaches only the other one
for longer than P before it has been noticed, each has a voter of that id, and no rule of a voter can know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.actions import Alarm
from coroctl.decision.log import alarm, over
from coroctl.decision.state import Former, Peer

if TYPE_CHECKING:
    from coroctl.decision.state import Turn
    from coroctl.decision.values import Mark
    from coroctl.model import NodeId


def refused(turn: Turn, node: NodeId, known: Peer, incarnation: int, named: int) -> bool:
    """Whether a datagram is not used, for another machine of that id is alive. `named`: of mine, by its sender."""
    if is_rival(turn, node, known, incarnation):
        return True
    return (
        named_lately(turn, named)
        and is_back(turn, node, known, incarnation, named)
        and turn.peers[node].incarnation != incarnation
    )


def is_rival(turn: Turn, node: NodeId, known: Peer, incarnation: int) -> bool:
    """Of a pair of twins, whether this one is not heard while the other one lives."""
    if not known.rival or incarnation not in (known.rival, known.incarnation):
        return False
    first = incarnation == known.incarnation
    other_at = known.rival_at if first else known.alive_at
    lives = turn.now - other_at <= turn.files.settings.promise_us
    here = known._replace(alive_at=turn.now) if first else known._replace(rival_at=turn.now)
    if first and known.neither and not lives:
        # As if it had replaced the other one just now: if that comes back, all voters are to judge alike.
        former = Former(known.rival, turn.speech.sequence, established=False)
        here = here._replace(since=turn.now, former=former, rival=0, neither=False)
    turn.peers = {**turn.peers, node: here}
    return lives and (known.neither or not first)


def is_back(turn: Turn, node: NodeId, known: Peer, incarnation: int, named: int) -> bool:
    """Whether a replaced incarnation proves to be alive beside the one that has replaced it. If so, settle them."""
    former = known.former
    if former is None or incarnation != former.incarnation or named <= former.sent:
        return False
    alarm(turn, Alarm.TWINS, str(node))
    promise_us, alone_us = turn.files.settings.promise_us, turn.now - known.since
    if alone_us >= 2 * promise_us:
        kept = known._replace(rival=incarnation, rival_at=turn.now, alive_at=turn.now, former=None)
    elif former.established and alone_us < promise_us:
        since = turn.now - 2 * promise_us
        kept = Peer(incarnation, 0, since=since, alive_at=turn.now, rival=known.incarnation, rival_at=turn.now)
    else:
        kept = Peer(known.incarnation, 0, since=turn.now, alive_at=turn.now, rival=incarnation, rival_at=turn.now)
        kept = kept._replace(neither=True)
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


def established(turn: Turn, known: Peer) -> bool:
    """Whether that incarnation was heard for P while no other one of its node was."""
    return not known.neither and turn.now - known.since >= turn.files.settings.promise_us


def strange(turn: Turn, known: Peer, stranger: Mark) -> Peer:
    """A datagram of an incarnation that is not accepted has come: who is not established is not alone."""
    since = known.since if established(turn, known) else turn.now
    return known._replace(stranger=stranger, since=since)


def replaced(turn: Turn, known: Peer | None, incarnation: int) -> Peer:
    """A life that is heard from now on; the one before it is remembered, in case that it is alive."""
    if known is None:
        return Peer(incarnation, 0, since=turn.now)
    former = Former(known.incarnation, turn.speech.sequence, established=established(turn, known))
    life = Peer(incarnation, 0, since=turn.now, former=former, alive_at=turn.now)
    before = known.former
    if before is not None and before.incarnation == incarnation and before.established and not former.established:
        # It goes on, and was replaced for a moment only.
        life = life._replace(since=turn.now - 2 * turn.files.settings.promise_us)
    if not known.rival or known.rival == incarnation:
        return life
    return life._replace(rival=known.rival, rival_at=known.rival_at, neither=known.neither)
