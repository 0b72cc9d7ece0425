"""Who would have the cluster address after an operator's change: the core's own order, applied to what is not yet so.

Pure, from a turn whose peers have been surveyed. It foresees what the rules L10, L13 and the hand-over will do; it
decides nothing, and what it cannot know from here (a reason that hides behind another one) it takes to be well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.standing import holder_of
from coroctl.decision import peers
from coroctl.decision.messages import Verb
from coroctl.decision.roles import BETTER_US
from coroctl.decision.settings import SECOND
from coroctl.decision.values import ONLY_COORDINATOR, Office, Reason, Standing, standing_of

if TYPE_CHECKING:
    from coroctl.daemon.standing import Holder
    from coroctl.decision.messages import Edit
    from coroctl.decision.peers import Rank
    from coroctl.decision.settings import Settings
    from coroctl.decision.state import Turn
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId


PASSING = frozenset({Reason.STARTING, Reason.LEFTOVERS, Reason.HOLDOFF, Reason.BACKOFF, Reason.HANDED_OVER})
"""Reasons that are over within seconds by themselves: who has one is waited for."""
OF_A_FILE = frozenset({Reason.STALE, Reason.CONFLICT})
"""Reasons that adopting the cluster's file does away with."""


class Plan(NamedTuple):
    """What an operator wants."""

    edit: Edit
    """As the holder would carry it out."""
    node: NodeId
    """Whom it concerns; NOBODY: all of them."""
    after: Settings
    """What the file says then."""
    wanted: Identity
    """The file that an operator must have seen to ask for it."""

    @property
    def verb(self) -> Verb:
        """What kind of change."""
        return self.edit.verb


class Prospect(NamedTuple):
    """Where the address goes. None: nobody."""

    loses: NodeId | None
    gains: NodeId | None
    delay_s: float
    """Until it begins to move, at least."""
    by_failback: bool
    """It moves only because failback is on."""
    eligible: frozenset[NodeId]
    """Who may be master afterwards."""
    waits_for: Reason | None = None
    """What must be over first at the node that gains it."""

    @property
    def moves(self) -> bool:
        """Whether service is interrupted, or begins."""
        return self.loses is not None or self.gains is not None


def foresee(turn: Turn, plan: Plan) -> Prospect:
    """What becomes of the address."""
    ranks = {node: rank_after(turn, plan, node) for node in _candidates(turn, plan)}
    eligible = frozenset(node for node, rank in ranks.items() if rank[0] is Standing.MASTER)
    present = master_of(turn)
    best = _best(turn, ranks, present)
    gains = best if best != present else None
    loses = present if gains is not None or present not in eligible else None
    reason = reason_of(turn, gains) if gains is not None else None
    waits_for = reason if reason in PASSING else None
    if gains is None or loses is None or present not in eligible:
        return Prospect(loses, gains, 0, by_failback=False, eligible=eligible, waits_for=waits_for)
    by_failback = plan.after.failback and plan.verb is not Verb.PROMOTE
    delay_s = _patience(plan, by_failback=by_failback)
    if plan.verb is not Verb.PROMOTE and turn.claim.offer_to == gains:
        # L13: not to the same node again so soon. Only the holder itself knows.
        delay_s = max(delay_s, (turn.claim.offer_from - turn.now) / SECOND)
    return Prospect(loses, gains, delay_s, by_failback, eligible, waits_for)


def _best(turn: Turn, ranks: dict[NodeId, Rank], present: NodeId | None) -> NodeId | None:
    """Who would take it: of those that may at once, and only where that changes nothing, of those that soon may.

    Who has it keeps it whatever bars claims: its daemon may have been restarted (L15).
    """
    fit = {node: rank for node, rank in ranks.items() if rank[0] is Standing.MASTER}
    ready = {node: rank for node, rank in fit.items() if node == present or reason_of(turn, node) not in PASSING}
    first = max(ready, key=lambda node: ready[node], default=None)
    return first if first not in (None, present) else max(fit, key=lambda node: fit[node], default=None)


def master_of(turn: Turn) -> NodeId | None:
    """Who has the address, or is on its way to it."""
    holder = holder_of(turn)
    if holder is None:
        return None
    return holder.node if holder.serving or standing_now(turn, holder.node) is Standing.MASTER else None


def standing_now(turn: Turn, node: NodeId) -> Standing:
    """What a node may be at present."""
    return standing_of(reason_of(turn, node)) if _counts(turn, node) else Standing.NONE


def reason_of(turn: Turn, node: NodeId) -> Reason | None:
    """Why it is not eligible; of a holder only what concerns the address. A node that is not heard has none."""
    if node == turn.life.node:
        holding = turn.claim.office is Office.HOLDING and not turn.life.stopping
        return turn.world.unfit if holding else turn.world.reason
    news = turn.heard.get(node)
    return news.reason if news is not None else None


def rank_after(turn: Turn, plan: Plan, node: NodeId) -> Rank:
    """A node's rank when the change is in force; the lowest for one that is not heard, or has not what is current."""
    standing = standing_of(_reason_after(turn, plan, node)) if _counts(turn, node) else Standing.NONE
    return (standing, prio_after(plan, node), -node)


def prio_after(plan: Plan, node: NodeId) -> int:
    """As the file will give it."""
    member = plan.after.member(node)
    return member.prio if member is not None else 0


def _reason_after(turn: Turn, plan: Plan, node: NodeId) -> Reason | None:
    """Marks and priorities are the file's, whatever reason hides them now."""
    reason = reason_of(turn, node)
    if plan.verb is Verb.ADOPT and node == plan.node and reason in OF_A_FILE and plan.wanted == turn.current:
        reason = None
    if reason is not None and reason not in ONLY_COORDINATOR and reason not in PASSING:
        return reason
    member = plan.after.member(node)
    if member is not None and member.suspended:
        return Reason.SUSPENDED
    if prio_after(plan, node) == 0:
        return Reason.PRIO_ZERO
    return reason if reason in (Reason.UPLINK, Reason.PING, Reason.PROMOTION_FAILED) else None


def _candidates(turn: Turn, plan: Plan) -> set[NodeId]:
    return {turn.life.node, *turn.heard} & {member.node for member in plan.after.members}


def _counts(turn: Turn, node: NodeId) -> bool:
    """A hand-over is only to a node that is heard, that corosync lists, and that has what is current here."""
    if node == turn.life.node:
        return True
    news = turn.heard.get(node)
    return news is not None and news.identity == turn.current and node in turn.world.members


def _patience(plan: Plan, *, by_failback: bool) -> float:
    return (plan.after.failback_delay_us if by_failback else BETTER_US) / SECOND


def surveyed_holder(turn: Turn) -> Holder | None:
    """Who would carry the change out."""
    return holder_of(turn) if peers.hears_majority(turn) else None
