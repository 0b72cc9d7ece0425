"""Composing the heartbeat (L2), sending it when due or when its news changed, and what sending means.

A voter answers its holder: the echo is back at once, and nodes that would wake up at moments of their own wake up
together, which halves what an idle cluster costs. The holder speaks a little earlier than the others would by
themselves; whoever does not hear it speaks every heartbeat_ms as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import requests, voter
from coroctl.decision.actions import Send
from coroctl.decision.state import Speech
from coroctl.decision.values import CLAIMS, NOBODY, Heartbeat, Mark, News, Office

if TYPE_CHECKING:
    from coroctl.decision.state import Turn

GIVEN = frozenset({Office.RELEASING, Office.VOTER})
AHEAD = 16
"""By this part of a heartbeat the holder is ahead: more than a machine that is not busy is late."""


def speak(turn: Turn) -> None:
    """Send if the time has come, or if anything but the echoes has changed since."""
    if not turn.life.told:
        return
    speech = turn.speech
    news = compose(turn)
    due = turn.now >= speech.due or answering(turn)
    requests.follow_up(turn, beat=due)
    if due or news != speech.news:
        send(turn, news, regular=due)
    turn.wake_at(turn.speech.due)


def answering(turn: Turn) -> bool:
    """Whether the holder has just been heard, and nothing was said for half a heartbeat: its changes are not echoed."""
    apart = turn.files.settings.heartbeat_us // 2
    return turn.answers and turn.claim.office is Office.VOTER and turn.now - turn.speech.sequence >= apart


def send(turn: Turn, news: News, *, regular: bool) -> None:
    """The sequence is the clock, made strictly rising: s is read before the datagram leaves (L5)."""
    sequence = max(turn.speech.sequence + 1, turn.now)
    apart = turn.files.settings.heartbeat_us
    if turn.claim.office is Office.HOLDING:
        apart -= apart // AHEAD
    turn.speech = Speech(sequence, turn.now + apart, news)
    peers = turn.peers.items()
    heartbeat = Heartbeat(
        turn.life.node,
        turn.life.incarnation,
        sequence,
        {node: Mark(peer.incarnation, peer.sequence) for node, peer in peers},
        {node: peer.stranger for node, peer in peers if peer.stranger is not None},
        news,
    )
    turn.do(Send(heartbeat))
    voter.renew(turn, news)
    if turn.life.stopping and turn.claim.office is Office.VOTER and turn.life.beats_left > 0 and regular:
        turn.life = turn.life._replace(beats_left=turn.life.beats_left - 1)


def compose(turn: Turn) -> News:
    """The whole state."""
    claim, files = turn.claim, turn.files
    telling = claim.office in CLAIMS
    member = files.settings.member(turn.life.node)
    change = turn.business.change
    vote = voter.told_vote(turn)
    return News(
        claim.office,
        claim.tenure if telling else None,
        claim.lease_us if telling else 0,
        claim.promise_us if telling else 0,
        vote,
        turn.disk.wanted.promise_us if vote is not None else 0,
        turn.ballots.term,
        voter.would(turn),
        turn.world.reason,
        member.prio if member is not None else 0,
        turn.ballots.given_up,
        # Told only when the manager has stopped: a lost lease in between makes it an ordinary lapse again.
        claim.handed_to if claim.clean and claim.office in GIVEN else NOBODY,
        files.settings.identity,
        files.lists[0].digest,
        tuple(one.pairs() for one in files.lists[1:]),
        turn.duty.serving,
        turn.life.stopping,
        files.staged,
        change.proposal if change is not None and claim.office is Office.HOLDING else None,
        turn.stock,
    )
