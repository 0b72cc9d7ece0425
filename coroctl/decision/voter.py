"""This node as voter (L7-L9): what it promises, for how long, and what frees it.

Why two leases never overlap. Two majorities share a voter. It promised the old holder P = L + slack from the moment
it *heard* it; the old holder counts only L from the moment it *sent* what that voter echoed. So the old lease has
ended, and the kernel has closed the gate (slack covers the ticket and the drift of two clocks), before that voter's
promise runs out, and only then does it help anybody else. It helps earlier in one case only: that exact tenure was
given up, which is told after the kernel has confirmed the gate closed and the disk that it stays so. That the claimant
has the old holder's id is no reason: a holder that claims again has given up before, and a clone of it has not.

A promise must outlive a crash: the vote is told only after fsync (L8), and a voter that starts grants nothing for P
(L9), because it does not know what it promised in the last moments of its former life.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import peers
from coroctl.decision.actions import Alarm, Event
from coroctl.decision.log import log, over
from coroctl.decision.values import CLAIMS, NOBODY, Identity, News, Office, Reason, Record, Standing, Tenure

if TYPE_CHECKING:
    from coroctl.decision.peers import Rank
    from coroctl.decision.settings import Voters
    from coroctl.decision.state import Turn
    from coroctl.model import NodeId


def consider(turn: Turn) -> None:
    """Grant the claim of somebody who is heard, if every condition of L7 holds."""
    if turn.claim.office is not Office.VOTER:
        return
    for node, news in turn.heard.items():
        tenure = news.tenure
        if tenure is None or news.office not in CLAIMS or tenure == turn.disk.wanted.vote:
            continue
        if may_grant(turn, node, news, tenure):
            grant(turn, tenure, news.promise_us)


def may_grant(turn: Turn, node: NodeId, news: News, tenure: Tenure) -> bool:
    """L7 for another's claim; heard mutually, and no claim of one's own, is established by the caller."""
    return (
        tenure.term > floor(turn.disk.wanted)
        and free_for(turn, node)
        and is_current(turn, news.identity)
        and tenure != turn.ballots.given_up
        # A holder is in office already: whether somebody else would be better is its own matter (L13).
        and (news.office is Office.HOLDING or peers.best(turn, only_listed=False)[1] == node)
    )


def is_current(turn: Turn, identity: Identity) -> bool:
    """Nobody is helped into office who would act on another configuration than the majority's."""
    return identity == turn.current


def free_for(turn: Turn, node: NodeId) -> bool:
    """Whether nothing that this voter promised stands against a new tenure of that node (L7)."""
    life, ballots, wanted = turn.life, turn.ballots, turn.disk.wanted
    if (turn.now < life.grants_from and life.rules.start_holdoff) or not life.trusted or not life.told:
        turn.wake_at(life.grants_from)
        return False
    if wanted.vote != turn.disk.durable.vote:
        return False
    if turn.files.staging is not None:
        # The ballot under way may be an older holder's; the new one must see it or know that it will not be.
        return False
    if wanted.vote is None or ballots.freed or turn.now >= ballots.promise_until:
        return True
    turn.wake_at(ballots.promise_until)
    return node == life.node and not life.rules.candidate_keeps_own_promise


def floor(record: Record) -> int:
    """Only a term above this one can be granted."""
    return max(record.floor, record.vote.term if record.vote else 0)


def grant(turn: Turn, tenure: Tenure, promise_us: int) -> None:
    """Decide for a tenure. It is neither told nor renewed until the disk has it (L8)."""
    turn.disk = turn.disk._replace(wanted=turn.disk.wanted._replace(vote=tenure, promise_us=promise_us))
    turn.ballots = turn.ballots._replace(freed=False, promise_us=promise_us, term=max(turn.ballots.term, tenure.term))


def stored(turn: Turn, before: Tenure | None) -> None:
    """The record is on disk: if the vote in it is new, the promise begins now."""
    vote = turn.disk.durable.vote
    if vote is None or vote == before:
        return
    promise(turn, turn.disk.durable.promise_us)
    if vote == turn.ballots.given_up:
        turn.ballots = turn.ballots._replace(freed=True)
    if vote.node != turn.life.node:
        log(turn, Event.GRANTED, vote)


def renew(turn: Turn, news: News) -> None:
    """A processed heartbeat of the tenure that has this node's stored vote prolongs the promise (L8)."""
    disk = turn.disk
    if news.tenure is not None and news.tenure == disk.durable.vote == disk.wanted.vote and news.office in CLAIMS:
        promise(turn, news.promise_us)
        turn.answers = news.office is Office.HOLDING


def promise(turn: Turn, promise_us: int) -> None:
    """Never shortened."""
    if not turn.life.rules.promise_outlasts_lease:
        promise_us //= 2
    until = max(turn.ballots.promise_until, turn.now + promise_us)
    turn.ballots = turn.ballots._replace(promise_until=until, promise_us=promise_us)


def would(turn: Turn) -> NodeId:
    """Whom this node would grant a claim now: its pre-vote (L11), by the rules of the vote itself."""
    if turn.claim.office is not Office.VOTER:
        return NOBODY
    top, node = peers.best(turn, only_listed=False)
    if not top[0] or not free_for(turn, node) or waits_for_better(turn, top):
        return NOBODY
    identity = turn.files.settings.identity if node == turn.life.node else turn.heard[node].identity
    return node if is_current(turn, identity) else NOBODY


def waits_for_better(turn: Turn, top: Rank) -> bool:
    """At a cold start all nodes come within moments: the best is not passed over because its hold-off ends later.

    Only while this voter knows of no lease at all, and not for longer than one more hold-off.
    """
    if turn.disk.wanted.vote is not None or turn.now >= turn.life.holdoff_until + turn.files.settings.holdoff_us:
        return False
    waiting = (node for node, news in turn.heard.items() if news.reason is Reason.HOLDOFF)
    return any((Standing.MASTER, turn.heard[node].prio, -node) > top for node in waiting)


def told_vote(turn: Turn) -> Tenure | None:
    """The vote as a heartbeat tells it: not while another is being stored (L8)."""
    wanted, durable = turn.disk.wanted.vote, turn.disk.durable.vote
    return wanted if wanted == durable or not turn.life.rules.vote_after_storing else None


def wanted_weight(voters: Voters, own: NodeId) -> int:
    """Of others, to make good for lost state: more than sum - majority; all there are where that is less, as for a
    node that is a majority by itself. What such a node decided alone is known to nobody else: its terms begin anew.
    """
    return min(voters.total - voters.majority + 1, voters.total - voters.weights.get(own, 0))


def regain_trust(turn: Turn) -> None:
    """After the state was lost (L9): fresh terms of others of weight > sum - majority, so that one of them knows
    every vote that this node may have given and every file that it may have staged; the highest term is the floor,
    the longest promise is kept.
    """
    if turn.life.trusted and turn.now >= turn.life.grants_from:
        over(turn, Alarm.STATE_LOST)
    if turn.life.trusted or not turn.life.told:
        return
    others = turn.heard.keys() - {turn.life.node}
    for one in turn.files.lists:
        if sum(one.weights.get(node, 0) for node in others) < wanted_weight(one, turn.life.node):
            return
    if peers.staged_elsewhere(turn) is not None:
        # It may have been among the majority that staged this file, too: it is staged here again first (files.py).
        return
    longest = max((news.vote_promise_us for news in turn.heard.values()), default=0)
    term = max((turn.ballots.term, *(news.term for news in turn.heard.values())))
    grants_from = max(turn.life.grants_from, turn.now + longest)
    turn.life = turn.life._replace(trusted=True, grants_from=grants_from)
    turn.disk = turn.disk._replace(wanted=turn.disk.wanted._replace(vote=None, floor=term))
