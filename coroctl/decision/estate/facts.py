"""What the estate is told of the lease and of the other nodes: facts only, taken from the lease core's state.

The one place of the estate that reads that state. Nothing is decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.eligible import quorum_lost
from coroctl.decision.estate.values import EMPTY, Stock
from coroctl.decision.state import Turn
from coroctl.decision.values import NOBODY, Mark, Office, Tenure
from coroctl.model import Role

if TYPE_CHECKING:
    from coroctl.decision.settings import Fencing
    from coroctl.decision.state import Peer, State
    from coroctl.decision.values import News
    from coroctl.model import NodeId


class NodeFact(NamedTuple):
    """Another node, as its last accepted heartbeat showed it."""

    stock: Stock
    incarnation: int
    mark: Mark
    """Its newest datagram."""
    heard: bool
    """Mutually, within L (L4): its last word echoes something that this life of this daemon has sent."""
    heard_at: int
    """When it was last heard mutually."""
    listed: bool
    """corosync has it among its members."""
    stopping: bool
    suspended: bool
    heard_until: int
    """L after what it has echoed: when it is heard no more, unless another word of it comes."""
    echoed: int
    """The newest sequence of this life that it has processed (a clock reading); 0: none."""
    stranger: Mark | None
    """A datagram of another life of it that is not accepted yet."""
    names: tuple[dict[NodeId, Mark], dict[NodeId, Mark]]
    """Whom it hears, by echo and hello."""


class Leader(NamedTuple):
    """The holder of the newest tenure that this node has granted or heard of."""

    term: int
    node: NodeId


class Facts(NamedTuple):
    """Everything that the estate knows of the lease. Times are of this node's clock."""

    leader: Leader | None
    lease_until: int
    """Of this node's own lease; 0 if it holds none."""
    acts: bool
    """It holds the lease as master: from the beginning of its promotion until its way down begins."""
    suspended: bool
    """This node is below quorum, or suspended by an operator."""
    nodes: dict[NodeId, NodeFact]
    replicas: frozenset[NodeId]
    """Configured with `replication: on`."""
    weights: dict[NodeId, int]
    majority: int
    lease_us: int
    promise_us: int
    members: frozenset[NodeId]
    """As corosync says."""
    stopping: bool
    """This daemon is."""
    serves: bool
    """Address, manager or lock file may be here."""
    quorate: bool
    """The node's quorum is not lost (section 6)."""
    sent: int
    """The sequence of this node's newest heartbeat."""
    fencing: Fencing
    migrates: bool
    """Moves are live (`migration_uri`)."""
    recover_stopped: bool
    renewed_by: int
    """Which life of this node this is, if a former one has claimed its tenure (L15); else 0."""


def facts_of(state: State, now: int) -> Facts:
    """What the lease core's state says now."""
    claim, settings = state.claim, state.files.settings
    lease_us = max(claim.lease_us, settings.lease_us)
    own = claim.tenure if claim.office is Office.HOLDING else None
    until = claim.lease_until() if own is not None else 0
    voters = state.files.lists[0]
    nodes = {
        node: node_fact(peer, peer.last, now - lease_us, state, node)
        for node, peer in state.peers.items()
        if peer.last is not None
    }
    return Facts(
        leader_of(state, nodes),
        until,
        until > now and state.duty.touched and not state.duty.ending,
        state.world.role is Role.SUSPENDED,
        nodes,
        frozenset(one.node for one in settings.members if one.replica),
        voters.weights,
        voters.majority,
        lease_us,
        max(claim.promise_us, settings.promise_us),
        state.world.members,
        state.life.stopping,
        state.duty.touched,
        not quorum_lost(Turn(state, now, 0)),
        state.speech.sequence,
        settings.fencing,
        settings.migrates,
        settings.recover_stopped,
        state.disk.durable.counter if claim.renewed else 0,
    )


def node_fact(peer: Peer, news: News, floor: int, state: State, node: NodeId) -> NodeFact:
    """One node."""
    member = state.files.settings.member(node)
    return NodeFact(
        news.stock,
        peer.incarnation,
        Mark(peer.incarnation, peer.sequence),
        bool(peer.echoed) and peer.echoed >= floor,
        peer.heard_at,
        node in state.world.members,
        news.stopping,
        member is not None and member.suspended,
        peer.echoed + state.files.settings.lease_us,
        peer.echoed,
        peer.stranger,
        peer.names,
    )


def leader_of(state: State, nodes: dict[NodeId, NodeFact]) -> Leader | None:
    """I3: of the newest tenure among the own vote, the own claim, and what is heard; None if that was given up.

    Several may have claimed one term, and one of them at most holds it. A claim of one's own that came to nothing must
    not keep one from following that one.
    """
    known: list[Tenure] = [one for one in (state.disk.wanted.vote, state.claim.tenure) if one is not None]
    held = [state.claim.tenure] if state.claim.office is Office.HOLDING else []
    for node in nodes:
        news = state.peers[node].last
        if nodes[node].heard and news is not None:
            known += [one for one in (news.tenure, news.vote) if one is not None]
            held += [news.tenure] if news.office is Office.HOLDING else []
    alive = [one for one in known if one in held or one != state.ballots.given_up]
    newest = max(alive, key=lambda one: (one.term, one in held), default=None)
    return Leader(newest.term, newest.node) if newest is not None and newest.node != NOBODY else None


def concerned(state: State) -> bool:
    """Whether anybody has anything to do with machines: if not, the estate is not asked at all."""
    if any(one.replica for one in state.files.settings.members):
        return True
    return any(peer.last is not None and peer.last.stock != EMPTY for peer in state.peers.values())


def differs(before: State, after: State) -> bool:
    """Whether a step of the lease core has changed anything that the estate goes by, times aside."""
    if before.peers is not after.peers:
        for node, peer in after.peers.items():
            known = before.peers.get(node)
            if known is peer:
                continue
            if known is None or known.incarnation != peer.incarnation or told(known.last) != told(peer.last):
                return True
            if peer.heard_at - known.heard_at > after.files.settings.lease_us:
                return True
    return (
        before.claim.office is not after.claim.office
        or before.duty.touched is not after.duty.touched
        or before.duty.ending is not after.duty.ending
        or before.world.role is not after.world.role
        or before.world.members != after.world.members
        or before.files.settings is not after.files.settings
        or before.disk.wanted.vote != after.disk.wanted.vote
    )


def told(news: News | None) -> tuple[object, ...]:
    """What the estate takes from a heartbeat."""
    if news is None:
        return ()
    return news.stock, news.tenure, news.vote, news.stopping
