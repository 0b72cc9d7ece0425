"""One function an office: what a voter, a claimant, a holder and a releasing node do with what they know.

Called once at the end of every step, after the event was taken in and this node's eligibility was judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from coroctl.decision import changes, lease, peers, promotion, voter
from coroctl.decision.actions import Event, Step
from coroctl.decision.eligible import later, quorum_lost
from coroctl.decision.log import log
from coroctl.decision.settings import SECOND
from coroctl.decision.state import Business, Claim
from coroctl.decision.steps import begin
from coroctl.decision.values import NOBODY, Office, Standing, Tenure, standing_of

if TYPE_CHECKING:
    from coroctl.decision.peers import Rank
    from coroctl.decision.state import Turn
    from coroctl.model import NodeId

BETTER_US = 1 * SECOND
"""A better node must have been the best for this long before it is handed the role (L13)."""
OFFER_LEASES = 10
OFFER_MOST_US = 300 * SECOND


def act(turn: Turn) -> None:
    """The function of this node's office; a second one if the first has led there."""
    before = turn.claim.office
    once(turn)
    if turn.claim.office is not before:
        once(turn)


def once(turn: Turn) -> None:
    """One function an office."""
    match turn.claim.office:
        case Office.VOTER:
            ordinary(turn)
        case Office.STORING:
            storing(turn)
        case Office.CLAIMING:
            claiming(turn)
        case Office.HOLDING:
            holding(turn)
        case Office.RELEASING:
            lease.release(turn)
        case _:
            assert_never(turn.claim.office)


# Voter


def ordinary(turn: Turn) -> None:
    """Grant whom it must; claim if it is the best, free, and a majority would grant it (L11)."""
    voter.consider(turn)
    if turn.life.stopping:
        end(turn)
    elif able(turn) and voter.would(turn) == turn.life.node:
        supporters = {node for node, news in turn.heard.items() if news.would == turn.life.node}
        if peers.is_majority(turn, supporters | {turn.life.node}):
            claim(turn)


def able(turn: Turn) -> bool:
    """Eligible for a heartbeat already: when quorum comes back, it comes to the best node within moments too.

    Not when the role was handed over to this node: there is nobody to wait for.
    """
    if standing_of(turn.world.reason) is Standing.NONE:
        return False
    return handed_over_cleanly(turn) or not later(turn, turn.world.able_since + turn.files.settings.heartbeat_us)


def claim(turn: Turn) -> None:
    """Draw a tenure that never was, and store the own vote for it before anybody hears of it (L11)."""
    settings, life = turn.files.settings, turn.life
    tenure = Tenure(turn.ballots.term + 1, life.node, life.boot, turn.draw)
    turn.peers = {node: peer._replace(renewed=0) for node, peer in turn.peers.items()}
    old = turn.claim
    turn.claim = Claim(
        Office.STORING,
        tenure,
        since=turn.now,
        lease_us=settings.lease_us,
        promise_us=settings.promise_us,
        failures=old.failures,
        manager_from=0 if handed_over_cleanly(turn) else 1,
        offer_to=old.offer_to,
        offer_from=old.offer_from,
        offer_gap=old.offer_gap,
    )
    turn.business = Business(asked=turn.business.asked, told=turn.business.told)
    voter.grant(turn, tenure, settings.promise_us)


def handed_over_cleanly(turn: Turn) -> bool:
    """The former holder says that its manager has stopped, and that the role is meant for this node."""
    vote = turn.disk.wanted.vote
    news = turn.heard.get(vote.node) if vote is not None else None
    # The release may have come by way of another node, before the former holder's own.
    return news is not None and news.handed_to == turn.life.node and turn.ballots.given_up == vote


def end(turn: Turn) -> None:
    """L14: a clean stop ends when a holder is heard, or after three heartbeats."""
    taken = any(news.office is Office.HOLDING for news in turn.heard.values())
    # The stop itself has been told in one heartbeat at least.
    enough = turn.life.beats_left <= (2 if taken else 0)
    if enough and not turn.duty.cleaning and turn.life.beats_left > -1:
        turn.life = turn.life._replace(beats_left=-1)
        begin(turn, Step.EXIT)


# Claimant


def storing(turn: Turn) -> None:
    """The claim leaves when the own vote is on disk; if the disk refuses, nobody has heard of it."""
    claim, disk = turn.claim, turn.disk
    if disk.durable.vote == claim.tenure:
        until = turn.now + claim.lease_us
        turn.claim = claim._replace(office=Office.CLAIMING, since=turn.now, until=until)
        log(turn, Event.CLAIMED, claim.tenure)
    elif disk.wanted.vote != claim.tenure:
        lease.fail_claim(turn)


def claiming(turn: Turn) -> None:
    """Repeat the same claim, in every heartbeat, until a majority has granted it, or for L."""
    lease.advance(turn)
    claim = turn.claim
    if turn.now < claim.lease_until():
        manager_from = turn.now + turn.files.settings.service_kill_us if claim.manager_from else 0
        turn.claim = claim._replace(office=Office.HOLDING, failures=0, manager_from=manager_from)
        log(turn, Event.LEASE, claim.tenure, turn.now - claim.since)
        lease.write_run(turn)
    elif turn.now >= claim.until or quorum_lost(turn):
        lease.fail_claim(turn)
    else:
        turn.wake_at(claim.until)


# Holder


def holding(turn: Turn) -> None:
    """Renew, serve, and look for the three ends of it: lost, handed over, stopped."""
    before = turn.claim.lease_until()
    lease.advance(turn)
    until = turn.claim.lease_until()
    if quorum_lost(turn):
        lease.lapse(turn, "quorum lost")
        return
    if later_holder(turn):
        lease.lapse(turn, "a later holder is heard")
        return
    if turn.now >= (until or turn.claim.until):
        lease.lapse(turn, "not renewed" if until else "not renewed after a restart")
        return
    turn.wake_at(until or turn.claim.until)
    if not until:
        return
    if not before:
        log(turn, Event.RENEWED_AFTER_RESTART, turn.claim.tenure)
    if until > before:
        lease.write_run(turn)
    decide_duty(turn)
    serve(turn)
    if turn.claim.office is Office.HOLDING:
        changes.manage(turn)


def later_holder(turn: Turn) -> bool:
    """L17: if there is one, a voter has counted twice (a clone, an old state file); its lease is the valid one."""
    own = turn.claim.tenure
    tenures = (news.tenure for news in turn.heard.values() if news.office is Office.HOLDING)
    return own is not None and any(tenure is not None and tenure > own for tenure in tenures)


def decide_duty(turn: Turn) -> None:
    """Up, down, or over to somebody else."""
    duty = turn.duty
    if duty.ending:
        return
    if turn.life.stopping:
        give(turn, successor(turn))
        return
    fit = peers.own_standing(turn) is Standing.MASTER
    if duty.touched and not fit:
        over_to(turn, urgent=True)
        if not turn.duty.ending:
            promotion.demote(turn, release=False)
    elif fit and not duty.touched:
        promotion.promote(turn)
    else:
        over_to(turn, urgent=False)


def successor(turn: Turn) -> NodeId:
    """The best of the others, if one is eligible."""
    (standing, _, _), node = peers.best(turn, only_listed=True)
    return node if standing and node != turn.life.node else NOBODY


def serve(turn: Turn) -> None:
    """Carry the sequence on as far as it goes without waiting."""
    while True:
        before = turn.duty
        lease.renew_dead_man(turn, wanted=lease.gate_wanted(turn))
        promotion.go_on(turn)
        if turn.duty is before or turn.claim.office is not Office.HOLDING:
            return


def over_to(turn: Turn, *, urgent: bool) -> None:
    """L13: hand over to a node that has been heard, listed, eligible and best for long enough."""
    top, node = peers.best(turn, only_listed=True)
    claim = turn.claim
    if node != claim.better:
        turn.claim = claim = claim._replace(better=node, better_since=turn.now)
    if node == turn.life.node or not worth_it(turn, top, node):
        return
    forced = claim.forced == node
    since = claim.better_since + (0 if urgent else patience(turn, forced=forced))
    # Again so soon only where nobody would serve meanwhile, or an operator says so.
    serves = peers.own_standing(turn) is Standing.MASTER
    moment = max(since, claim.offer_from) if serves and node == claim.offer_to and not forced else since
    if turn.now < moment:
        turn.wake_at(moment)
    else:
        give(turn, node)


def worth_it(turn: Turn, top: Rank, node: NodeId) -> bool:
    """Better by standing always; by priority only once the own one has been raised, and not within a promotion."""
    if top[0] > peers.rank_of(turn, turn.life.node)[0] or turn.claim.forced == node:
        return top[0] > 0
    return not turn.duty.steps and (turn.business.raised or turn.files.settings.failback)


def patience(turn: Turn, *, forced: bool) -> int:
    """How long the other must have been the best."""
    settings = turn.files.settings
    by_priority = peers.own_standing(turn) is Standing.MASTER
    return settings.failback_delay_us if settings.failback and by_priority and not forced else BETTER_US


def give(turn: Turn, node: NodeId) -> None:
    """The planned way down, ending in a release to that node (or to nobody in particular)."""
    claim = turn.claim
    gap = min(claim.offer_gap * 2 or OFFER_LEASES * claim.lease_us, OFFER_MOST_US)
    if node != NOBODY:
        again = node == claim.offer_to
        gap = gap if again else OFFER_LEASES * claim.lease_us
        turn.claim = claim._replace(offer_to=node, offer_from=turn.now + gap, offer_gap=gap)
    turn.claim = turn.claim._replace(handed_to=node, clean=turn.now >= claim.manager_from)
    log(turn, Event.HAND_OVER, node if node != NOBODY else "to nobody in particular")
    promotion.demote(turn, release=True)
