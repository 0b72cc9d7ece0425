"""The holder's side of the lease: how long it counts (L5), the dead-man (L6), and giving it up (L12).

Why the address is silent in time even if this process is frozen at the worst moment: the kernel's element is set to
s + L - now, by a commit that fails unless a ticket of 100 ms, added *before* `now` was read, still lives. So however
long the process was stopped between reading the clock and committing, the element ends before s + L + 100 ms, and
slack is larger than that and the drift of two clocks.

Why nobody asks the core again between the ticket and the commit. s + L was fixed when the renewal was asked for, and
s only grows: a commit that comes late gives less, never more. If the tenure ends meanwhile, its end begins with a
DISARM, which deletes element and tickets: a commit before it is undone by it, one after it has no ticket. And nothing
is released before the kernel has confirmed that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import steps
from coroctl.decision.actions import Event, RenewDeadMan, Step, WriteRun
from coroctl.decision.log import log
from coroctl.decision.state import Claim, DeadMan, Duty
from coroctl.decision.values import CLAIMS, NOBODY, Office, Run

if TYPE_CHECKING:
    from coroctl.decision.settings import Voters
    from coroctl.decision.state import Turn

RENEWAL_LOST_US = 300_000
"""A renewal that was not answered for so long is asked for again."""
REFUSED_US = 20_000
"""A kernel that refuses is asked again after this: not at once, or a gate that is broken would never let go of us."""
RENEWALS_A_LEASE = 4


def moves_on(turn: Turn) -> bool:
    """Whether s would grow now (`advance`), if this node claims or holds at all."""
    return turn.claim.office in CLAIMS and echoed(turn) > turn.claim.sent


def advance(turn: Turn) -> None:
    """Find s."""
    sent = echoed(turn)
    if sent > turn.claim.sent:
        turn.claim = turn.claim._replace(sent=sent)
        if turn.duty.guard_until and not turn.duty.cleaning:
            turn.duty = turn.duty._replace(guard_until=0)


def echoed(turn: Turn) -> int:
    """The newest send time that majorities (of every list, L16) have echoed with a vote for this tenure."""
    return min(echoed_by_majority(turn, one) for one in turn.lists)


def echoed_by_majority(turn: Turn, voters: Voters) -> int:
    """The newest moment such that voters of majority weight have processed what was sent then, or later."""
    times = [(peer.renewed, voters.weights.get(node, 0)) for node, peer in turn.peers.items() if peer.renewed]
    disk = turn.disk
    if disk.durable.vote == disk.wanted.vote == turn.claim.tenure:
        times.append((turn.speech.sequence, voters.weights.get(turn.life.node, 0)))
    times.sort(reverse=True)
    weight = 0
    for time, votes in times:
        weight += votes
        if weight >= voters.majority:
            return time
    return 0


def holds(turn: Turn) -> bool:
    """Whether this node's lease is valid now."""
    return turn.claim.office is Office.HOLDING and turn.now < turn.claim.lease_until()


def renew_dead_man(turn: Turn, *, wanted: bool) -> None:
    """Have it renewed when the confirmed element falls a quarter of a lease behind (L6)."""
    dead_man, until = turn.dead_man, turn.claim.lease_until()
    if not wanted or until - dead_man.until < turn.claim.lease_us // RENEWALS_A_LEASE:
        return
    again = dead_man.asked_at + RENEWAL_LOST_US
    if dead_man.asked_at and turn.now < again:
        turn.wake_at(again)
        return
    ticket = turn.number()
    turn.dead_man = dead_man._replace(ticket=ticket, asked_at=turn.now, claimed=until)
    turn.do(RenewDeadMan(ticket, until))
    turn.wake_at(turn.now + RENEWAL_LOST_US)


def committed(turn: Turn, ticket: int) -> None:
    """The element lives until s + L. /run says so, and the guard with it."""
    dead_man = turn.dead_man
    if ticket != dead_man.ticket or not gate_wanted(turn):
        return
    turn.dead_man = DeadMan(ticket, 0, 0, dead_man.claimed)


def refused(turn: Turn, ticket: int) -> None:
    """Nothing has changed in the kernel; it is asked again in a moment."""
    if ticket == turn.dead_man.ticket:
        asked_at = turn.now + REFUSED_US - RENEWAL_LOST_US
        turn.dead_man = turn.dead_man._replace(ticket=0, asked_at=asked_at, claimed=0)


def gate_wanted(turn: Turn) -> bool:
    """Whether the element may be renewed: from before the address is added until the demotion disarms."""
    duty = turn.duty
    if not holds(turn) or not turn.files.settings.address or steps.closing(turn):
        return False
    disarming = duty.ending and bool(duty.steps) and duty.steps[0] is Step.DISARM
    return duty.touched and not disarming


def write_run(turn: Turn) -> None:
    """/run at each renewal (L15)."""
    claim, life, disk = turn.claim, turn.life, turn.disk
    lease_until = claim.lease_until() if claim.office is Office.HOLDING else 0
    vote = disk.durable.vote if disk.durable.vote == disk.wanted.vote else None
    guard_until = lease_until or turn.duty.guard_until
    turn.do(WriteRun(Run(life.boot, disk.durable.counter, vote, claim.lease_us, lease_until, guard_until)))


def check_clock(turn: Turn) -> None:
    """L5, before anything is taken in: a lease that has ended is not revived by what waited in the socket meanwhile.

    After a freeze the first datagram read may echo something sent later than s; but the kernel has closed the gate,
    and the guard has killed the manager, by the lease that was known.
    """
    if turn.claim.office is Office.HOLDING and turn.claim.sent and turn.now >= turn.claim.lease_until():
        lapse(turn, "not renewed")


def lapse(turn: Turn, why: str) -> None:
    """The lease is lost: silence first, at once; the tenure is dead for ever (L5, L12)."""
    log(turn, Event.LEASE_LOST, why)
    duty = turn.duty
    turn.duty = Duty(
        failures=duty.failures,
        failed_until=duty.failed_until,
        cleaning=duty.cleaning,
        guard_until=turn.claim.lease_until() or duty.guard_until or turn.claim.until,
    )
    steps.clean(turn, steps.CLEAN_UP)
    turn.claim = turn.claim._replace(handed_to=NOBODY, clean=False)
    stop_counting(turn)


def fail_claim(turn: Turn) -> None:
    """L after claiming, without a lease (L11): give the tenure up, back off, and be ineligible meanwhile."""
    claim = turn.claim
    failures = claim.failures + 1
    lease = turn.files.settings.lease_us
    wait = turn.files.settings.heartbeat_us + turn.draw % lease * min(4, failures)
    log(turn, Event.CLAIM_FAILED, claim.tenure)
    stop_counting(turn)
    turn.claim = turn.claim._replace(failures=failures, backoff_until=turn.now + wait)
    steps.clean(turn, (Step.DISARM,))


def stop_counting(turn: Turn) -> None:
    """No renewal of this tenure from here on, whatever still arrives."""
    turn.claim = turn.claim._replace(office=Office.RELEASING, sent=0)
    turn.dead_man = DeadMan(turn.dead_man.ticket)
    if turn.life.rules.release_after_storing:
        write_run(turn)


def unguard(turn: Turn) -> None:
    """The clean-up after a lost lease is confirmed: nothing is left that the guard would have to kill.

    Before the first echo of a renewed tenure (L15) there is: what a former life has left, on purpose.
    """
    renewing = turn.claim.office is Office.HOLDING and turn.duty.touched
    if turn.duty.guard_until and not turn.duty.cleaning and not renewing:
        turn.duty = turn.duty._replace(guard_until=0)
        write_run(turn)


def release(turn: Turn) -> None:
    """L12, in this order: the kernel confirms the gate closed; the disk has it; only then is it told."""
    tenure = turn.claim.tenure
    if steps.closing(turn):
        return
    disk = turn.disk
    if disk.wanted.given_up != tenure:
        turn.disk = disk = disk._replace(wanted=disk.wanted._replace(given_up=tenure))
    if disk.durable.given_up == tenure or not turn.life.rules.release_after_storing:
        released(turn)


def released(turn: Turn) -> None:
    """Tell it, and be an ordinary voter again; the own vote is free by the release like everybody's."""
    claim, ballots = turn.claim, turn.ballots
    freed = ballots.freed or turn.disk.wanted.vote == claim.tenure
    newest = ballots.given_up is None or (claim.tenure is not None and claim.tenure.term >= ballots.given_up.term)
    turn.ballots = ballots._replace(freed=freed, given_up=claim.tenure if newest else ballots.given_up)
    log(turn, Event.GIVEN_UP, claim.tenure)
    turn.claim = Claim(
        failures=claim.failures,
        backoff_until=claim.backoff_until,
        handed_until=turn.now + claim.lease_us if claim.handed_to != NOBODY else claim.handed_until,
        handed_to=claim.handed_to,
        clean=claim.clean,
        offer_to=claim.offer_to,
        offer_from=claim.offer_from,
        offer_gap=claim.offer_gap,
    )
    if turn.life.rules.release_after_storing:
        write_run(turn)
