"""Why this node is not eligible (L10, section 6): the first of the reasons below that applies, or none.

Also when it counts as suspended. Only its own affairs are judged here; who is best is peers.best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import peers
from coroctl.decision.actions import Event, Step
from coroctl.decision.log import log
from coroctl.decision.settings import SECOND
from coroctl.decision.steps import begin
from coroctl.decision.values import Office, Reason, Standing, standing_of
from coroctl.model import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.decision.state import Turn

CONNECTION_GRACE_US = 5 * SECOND
"""A corosync that was restarted at once is back, with a new membership, before this."""
SILENCE_US = 5 * SECOND
"""A majority unheard for P and this long is a lost quorum, whatever corosync says."""


def later(turn: Turn, moment: int) -> bool:
    """Whether a moment is still to come; if so, look again then."""
    if moment > turn.now:
        turn.wake_at(moment)
        return True
    return False


def quorate(turn: Turn) -> bool:
    """As corosync says, or said before the connection was lost a moment ago."""
    world = turn.world
    return world.quorate and (not world.gone_at or later(turn, world.gone_at + CONNECTION_GRACE_US))


def suspended_by_operator(turn: Turn) -> bool:
    """The mark in the configuration."""
    member = turn.files.settings.member(turn.life.node)
    return member is not None and member.suspended


def without_priority(turn: Turn) -> bool:
    """Priority 0, or not in the list at all."""
    member = turn.files.settings.member(turn.life.node)
    return member is None or member.prio == 0


Checks = tuple[tuple[Reason, "Callable[[Turn], bool]"], ...]

LEASE_CHECKS: Checks = (
    (Reason.STARTING, lambda turn: not turn.life.told),
    (Reason.LEFTOVERS, lambda turn: bool(turn.duty.cleaning)),
    (Reason.UNTRUSTED, lambda turn: not turn.life.trusted),
    (Reason.HOLDOFF, lambda turn: later(turn, turn.life.holdoff_until)),
    (Reason.STOPPING, lambda turn: turn.life.stopping),
    (Reason.NOT_QUORATE, lambda turn: not quorate(turn)),
    (Reason.CONFLICT, lambda turn: turn.files.conflict is not None),
    (Reason.DISK, lambda turn: turn.disk.retry_at > 0),
    (Reason.HEARS_TOO_FEW, lambda turn: not peers.hears_majority(turn)),
    (Reason.STALE, lambda turn: turn.current != turn.files.settings.identity),
    (Reason.BACKOFF, lambda turn: later(turn, turn.claim.backoff_until)),
    (Reason.HANDED_OVER, lambda turn: later(turn, turn.claim.handed_until)),
)
"""What bars the lease, and with it the address."""

ADDRESS_CHECKS: Checks = (
    (Reason.SUSPENDED, suspended_by_operator),
    (Reason.PRIO_ZERO, without_priority),
    (Reason.UPLINK, lambda turn: not turn.world.carrier),
    (Reason.PING, lambda turn: not turn.world.ping),
    (Reason.PROMOTION_FAILED, lambda turn: later(turn, turn.duty.failed_until)),
)
"""What bars only the address (values.ONLY_COORDINATOR). Judged apart: they bind a holder whatever else is so."""


def first(turn: Turn, checks: Checks) -> Reason | None:
    """The first that applies."""
    for reason, applies in checks:
        if applies(turn):
            return reason
    return None


def judge(turn: Turn) -> None:
    """Find this node's reason."""
    unfit = first(turn, ADDRESS_CHECKS)
    reason = first(turn, LEASE_CHECKS) or unfit
    note_majority(turn)
    world = turn.world
    if reason is not world.reason or unfit is not world.unfit:
        able_since = 0 if standing_of(reason) is Standing.NONE else world.able_since or turn.now
        turn.world = world._replace(reason=reason, unfit=unfit, able_since=able_since)


def tell_role(turn: Turn) -> None:
    """Say what has become of this node's role, as people read it, once it has acted."""
    world, role, coordinates = turn.world, role_of(turn), is_coordinator(turn)
    if role is not world.role or coordinates is not world.coordinates:
        turn.world = world._replace(role=role, coordinates=coordinates)
        if coordinates and not world.coordinates:
            log(turn, Event.COORDINATOR, world.unfit)
        if role is not world.role:
            log(turn, ROLE_EVENTS[role], why(turn, role))
    pause(turn)


def why(turn: Turn, role: Role) -> Reason | None:
    """Why a node is suspended, or a slave that is not eligible."""
    if role is not Role.SUSPENDED:
        return turn.world.reason if role is Role.SLAVE else None
    if suspended_by_operator(turn):
        return Reason.SUSPENDED
    return Reason.HEARS_TOO_FEW if quorate(turn) else Reason.NOT_QUORATE


ROLE_EVENTS = {Role.MASTER: Event.MASTER, Role.SLAVE: Event.SLAVE, Role.SUSPENDED: Event.SUSPENDED}


def note_majority(turn: Turn) -> None:
    """Remember when a majority was last heard."""
    moment = peers.majority_until(turn)
    if moment > turn.world.majority_at:
        turn.world = turn.world._replace(majority_at=moment)


def quorum_lost(turn: Turn) -> bool:
    """corosync is not quorate here, or no majority was heard for P + 5 s (section 6)."""
    silent_at = turn.world.majority_at + turn.files.settings.promise_us + SILENCE_US
    return not quorate(turn) or not later(turn, silent_at)


def role_of(turn: Turn) -> Role:
    """Master from the moment that the promotion is through until the way down is."""
    if turn.claim.office is Office.HOLDING and turn.duty.touched:
        # On its way up or down it may have the address still: not suspended before that is over.
        return Role.MASTER if turn.duty.serving else Role.SLAVE
    return Role.SUSPENDED if quorum_lost(turn) or suspended_by_operator(turn) else Role.SLAVE


def is_coordinator(turn: Turn) -> bool:
    """It holds the lease, and neither has the address nor may have it."""
    return turn.claim.lease_until() > turn.now and not turn.duty.touched and turn.world.unfit is not None


def pause(turn: Turn) -> None:
    """Managed machines of a suspended node are paused; only those that were paused by us are resumed."""
    if not turn.life.told:
        return
    wanted = turn.world.role is Role.SUSPENDED
    if wanted is not turn.world.paused:
        turn.world = turn.world._replace(paused=wanted)
        begin(turn, Step.PAUSE_MACHINES if wanted else Step.RESUME_MACHINES)
