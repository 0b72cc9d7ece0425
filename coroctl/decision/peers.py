"""Whom this node hears (L2-L4), and what follows from hearing: who is current, who is best, who is a majority.

Nothing of a peer is used for a decision unless it is heard *mutually*: its newest datagram echoes something that
this node sent within L. Terms and releases are the exception: they stay true however old the datagram is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import twins
from coroctl.decision.actions import Alarm
from coroctl.decision.log import alarm
from coroctl.decision.settings import Voters
from coroctl.decision.values import Mark, Office, Standing, standing_of

if TYPE_CHECKING:
    from collections.abc import Container

    from coroctl.decision.state import Peer, Turn
    from coroctl.decision.values import Heartbeat, Identity, News, Staged, Tenure
    from coroctl.model import NodeId

COUNTER_SHIFT = 20
"""An incarnation is the stored counter, then random bits: a restored disk does not repeat an incarnation."""

Rank = tuple[int, int, int]


def heard(turn: Turn, heartbeat: Heartbeat) -> bool:
    """Take a heartbeat in, if it is of the accepted incarnation of a listed node, and newer than the last."""
    sender = heartbeat.sender
    if sender == turn.life.node or not listed(turn, sender):
        return False
    learn_terms(turn, heartbeat.news)
    doubt_own_state(turn, heartbeat)
    me = turn.life.node
    echo = mine(turn, heartbeat.echo.get(me))
    named = max(echo, mine(turn, heartbeat.hello.get(me)))
    known = turn.peers.get(sender)
    if known is not None and twins.refused(turn, sender, known, heartbeat.incarnation, named):
        return False
    known = turn.peers.get(sender)
    if known is not None and heartbeat.incarnation == known.incarnation:
        if heartbeat.sequence > known.sequence:
            accept(turn, known, heartbeat, echo)
            return True
        return False
    # L3. The known one named `known.named` at best; only a live stranger can name what I sent after that, lately.
    # A late datagram of a dead incarnation cannot, so it cannot push a live one out.
    fresh = known is not None and named > known.named and named >= turn.now - turn.files.settings.lease_us
    if known is None or fresh:
        life = twins.replaced(turn, known, heartbeat.incarnation)
        if life.neither:
            turn.peers = {**turn.peers, sender: life}
            return False
        accept(turn, life, heartbeat, echo)
        return True
    stranger = Mark(heartbeat.incarnation, heartbeat.sequence)
    turn.peers = {**turn.peers, sender: twins.strange(turn, known, stranger)}
    return False


def listed(turn: Turn, node: NodeId) -> bool:
    """Whether a node is in a voter list that counts."""
    return any(node in one.weights for one in turn.files.lists)


def mine(turn: Turn, mark: Mark | None) -> int:
    """The sequence that a mark names, if it is one of this life's; 0 otherwise."""
    if mark is None or mark.incarnation != turn.life.incarnation:
        return 0
    return min(mark.sequence, turn.speech.sequence)


def accept(turn: Turn, known: Peer, heartbeat: Heartbeat, echo: int) -> None:
    """The datagram is the newest of its sender: what it says is what the sender is."""
    news = heartbeat.news
    renewed = known.renewed
    if news.vote is not None and news.vote == turn.claim.tenure and echo > renewed:
        renewed = echo
    hello = mine(turn, heartbeat.hello.get(turn.life.node))
    echoed = max(known.echoed, echo)
    mutual = echoed and echoed >= turn.now - turn.files.settings.lease_us
    peer = known._replace(
        sequence=heartbeat.sequence,
        named=max(known.named, echo, hello),
        echoed=echoed,
        renewed=renewed,
        last=news,
        heard_at=turn.now if mutual else known.heard_at,
        names=(heartbeat.echo, heartbeat.hello),
    )
    turn.peers = {**turn.peers, heartbeat.sender: peer}


def learn_terms(turn: Turn, news: News) -> None:
    """Terms and releases never become untrue, so they are taken from any authentic datagram."""
    if news.term > turn.ballots.term:
        turn.ballots = turn.ballots._replace(term=news.term)
    if news.given_up is not None:
        learn_release(turn, news.given_up)


def learn_release(turn: Turn, given_up: Tenure) -> None:
    """A release frees the vote for exactly that tenure (L1), and is passed on if it is the newest."""
    ballots = turn.ballots
    vote = turn.disk.wanted.vote
    whole = turn.life.rules.release_matches_whole_tenure
    if vote is not None and (vote == given_up if whole else vote.node == given_up.node) and not ballots.freed:
        ballots = turn.ballots = ballots._replace(freed=True)
    if ballots.given_up is None or given_up.term > ballots.given_up.term:
        turn.ballots = ballots._replace(given_up=given_up)


def doubt_own_state(turn: Turn, heartbeat: Heartbeat) -> None:
    """A peer that knows a life of this node with a counter not below this one's: the state file is older (L9).

    Only while no grant is possible yet: past the hold-off this node is the established one, and the other a clone.
    """
    mark = heartbeat.echo.get(turn.life.node)
    if mark is None or mark.incarnation == turn.life.incarnation or turn.now >= turn.life.grants_from:
        return
    if mark.incarnation >> COUNTER_SHIFT >= turn.life.incarnation >> COUNTER_SHIFT:
        turn.life = turn.life._replace(trusted=False, grants_from=turn.now + turn.files.settings.promise_us)
        if Alarm.STATE_LOST not in turn.alarms:
            # Without its state a node begins to count anew: that peers know more is no second matter.
            alarm(turn, Alarm.OLDER_STATE)


def survey(turn: Turn) -> None:
    """Once a step: who is heard mutually, and which configuration is the current one."""
    twins.notice_end(turn)
    floor = turn.now - turn.files.settings.lease_us
    turn.heard = found = {}
    for node, peer in turn.peers.items():
        if peer.echoed >= floor and peer.last is not None and peer.echoed:
            found[node] = peer.last
            turn.wake_at(peer.echoed + turn.files.settings.lease_us + 1)
    turn.lists = lists(turn)
    turn.current = current(turn)


def current(turn: Turn) -> Identity | None:
    """The identity that voters of majority weight (of every list) have loaded, as far as they are heard (section 2)."""
    having = {turn.files.settings.identity: [turn.life.node]}
    for node, news in turn.heard.items():
        having.setdefault(news.identity, []).append(node)
    return next((one for one, nodes in having.items() if is_majority(turn, nodes)), None)


def lists(turn: Turn) -> tuple[Voters, ...]:
    """The lists whose majorities are needed: one's own, and those that still count for a node that is heard (L16).

    A node that has just been added knows no former list; whoever helps it into office does.
    """
    found = turn.files.lists
    if not turn.life.rules.both_lists:
        return found[:1]
    for news in turn.heard.values():
        for pairs in news.former:
            if all(pairs != one.pairs() for one in found):
                found = (*found, Voters.of(pairs, majority=turn.life.rules.majority))
    return found


def is_majority(turn: Turn, nodes: Container[NodeId]) -> bool:
    """Whether nodes are majorities of every list that counts (L16)."""
    for one in turn.lists:
        if sum(weight for node, weight in one.weights.items() if node in nodes) < one.majority:
            return False
    return True


def hears_majority(turn: Turn) -> bool:
    """Whether this node hears voters of majority weight, itself included."""
    return is_majority(turn, {*turn.heard, turn.life.node})


def majority_until(turn: Turn) -> int:
    """When a majority (of every list) was last heard; who announced its stop is not missed."""
    return min(heard_by_majority(turn, one) for one in turn.lists)


def heard_by_majority(turn: Turn, voters: Voters) -> int:
    """The same for one list."""
    times = [(turn.now, voters.weights.get(turn.life.node, 0))]
    for node, peer in turn.peers.items():
        if peer.last is not None:
            times.append((turn.now if peer.last.stopping else peer.heard_at, voters.weights.get(node, 0)))
    weight = 0
    for time, votes in sorted(times, reverse=True):
        weight += votes
        if weight >= voters.majority:
            return time
    return 0


def staged_elsewhere(turn: Turn) -> tuple[Staged, NodeId] | None:
    """The file staged under the highest ballot among those heard, if it may become the next one and is not here."""
    files = turn.files
    found = [(news.staged, node) for node, news in turn.heard.items() if news.staged is not None]
    top = max(found, key=lambda one: one[0].ballot, default=None)
    if top is None or top[0].identity is None or top[0].identity.version != files.settings.identity.version + 1:
        return None
    return None if files.staged is not None and files.staged.ballot >= top[0].ballot else top


def rank(node: NodeId, news: News) -> Rank:
    """Order among candidates: what they may be, then priority, then the lowest nodeid."""
    return (standing_of(news.reason), news.prio, -node)


def rank_of(turn: Turn, node: NodeId) -> Rank:
    """The rank of a node that is heard, or of this one."""
    if node != turn.life.node:
        return rank(node, turn.heard[node])
    member = turn.files.settings.member(node)
    return (own_standing(turn), member.prio if member else 0, -node)


def own_standing(turn: Turn) -> Standing:
    """A holder is judged by what concerns the address only: a claimant's other reasons do not push it out."""
    if turn.claim.office is Office.HOLDING and not turn.life.stopping:
        return standing_of(turn.world.unfit)
    return standing_of(turn.world.reason)


def best(turn: Turn, *, only_listed: bool) -> tuple[Rank, NodeId]:
    """The best eligible node among this one and those heard; standing 0 (not eligible) ranks lowest.

    Of the others only who has what is the current configuration *here*: each node judges its own by its own list, and
    a file that was loaded by hand may say that its few nodes are a majority.
    """
    top = (rank_of(turn, turn.life.node), turn.life.node)
    for node, news in turn.heard.items():
        if news.identity != turn.current or (only_listed and node not in turn.world.members):
            continue
        top = max(top, (rank(node, news), node))
    return top
