"""Who is what, as this node can know it: the holder of the lease, each node's role, and why it is not master.

- This node's role is the core's own, except that a lease whose end has passed makes nobody master.
- A peer has a role only while it is heard mutually (L4), so what is said of it is at most a lease old. It is master
  if it holds the lease and serves; suspended if the loaded file marks it so, if it says that an operator did, or that
  it is not quorate, or has not heard a majority for P + 5 s (its own rule, counted from when it first said so); a
  suspended one that still holds the lease, as coordinator, once its way down must be over; else slave. Nobody knows
  the role of a node that is not heard.

Pure, from a turn whose peers have been surveyed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.chronicle import serves
from coroctl.decision.eligible import SILENCE_US
from coroctl.decision.values import Office, Reason
from coroctl.model import Role

if TYPE_CHECKING:
    from coroctl.daemon.chronicle import Past
    from coroctl.decision.state import Claim, Turn
    from coroctl.decision.values import News, Tenure
    from coroctl.model import NodeId


class Holder(NamedTuple):
    """Who holds the lease, as far as this node hears."""

    node: NodeId
    tenure: Tenure
    serving: bool
    lease_us: int
    age_us: int
    """Since what it rests on was heard; of one's own lease since its newest echoed sending."""


def holder_of(turn: Turn) -> Holder | None:
    """This node while its lease lasts, else the heard holder of the highest term."""
    claim = turn.claim
    if claim.office is Office.HOLDING and claim.tenure is not None and turn.now < end_of(claim):
        age = turn.now - (claim.sent or claim.until - claim.promise_us)
        return Holder(turn.life.node, claim.tenure, turn.duty.serving, claim.lease_us, age)
    found = [
        Holder(node, news.tenure, news.serving, news.lease_us, turn.now - turn.peers[node].echoed)
        for node, news in turn.heard.items()
        if news.office is Office.HOLDING and news.tenure is not None
    ]
    return max(found, key=lambda one: one.tenure.term, default=None)


def end_of(claim: Claim) -> int:
    """When the lease ends; of one that was resumed after a restart (L15), when it ends without a first echo."""
    return claim.lease_until() or claim.until


def role(turn: Turn, past: Past, node: NodeId) -> Role | None:
    """As people read it; None if nobody here can know."""
    if node == turn.life.node:
        expired = turn.claim.office is Office.HOLDING and turn.now >= end_of(turn.claim)
        return Role.SLAVE if turn.world.role is Role.MASTER and expired else turn.world.role
    news = turn.heard.get(node)
    if news is None:
        return None
    if serves(news):
        return Role.MASTER
    return Role.SUSPENDED if _is_suspended(turn, past, node, news) else Role.SLAVE


def _is_suspended(turn: Turn, past: Past, node: NodeId, news: News) -> bool:
    settings = turn.files.settings
    member, contact = settings.member(node), past.contacts.get(node)
    # Since when it has been saying the same.
    said_us = turn.now - contact.reason_at if contact is not None and contact.reason is news.reason else 0
    if news.office is Office.HOLDING:
        # On its way down it may have the address still. Who goes on holding the lease after that is a coordinator.
        down = said_us >= settings.service_stop_us + settings.service_kill_us
        return news.reason is Reason.NOT_QUORATE or (news.reason is Reason.SUSPENDED and down)
    if (member is not None and member.suspended) or news.reason in (Reason.SUSPENDED, Reason.NOT_QUORATE):
        return True
    return news.reason is Reason.HEARS_TOO_FEW and said_us >= settings.promise_us + SILENCE_US


def why_not_master(turn: Turn, past: Past, node: NodeId, holder: Holder | None) -> str:
    """For people; empty for the master itself."""
    own = node == turn.life.node
    if role(turn, past, node) is Role.MASTER:
        return ""
    news = turn.heard.get(node)
    if not own and news is None:
        return _silence(turn, past, node)
    reason = turn.world.reason if own else news.reason if news else None
    if reason is not None:
        return reason.value
    if holder is None:
        return "nobody holds the lease yet"
    if holder.node != node:
        return f"node {holder.node} holds the lease"
    steps = turn.duty.steps if own else ()
    return f"being promoted: {steps[0].value}" if steps else "it holds the lease and has not served yet"


def _silence(turn: Turn, past: Past, node: NodeId) -> str:
    contact = past.contacts.get(node)
    if contact is None:
        return "no corolistener of that node was heard yet"
    silent = (turn.now - contact.at) / 1_000_000
    if turn.now - contact.at <= turn.files.settings.lease_us:
        return "its corolistener does not hear this node"
    return f"its corolistener was not heard for {silent:.0f} s"
