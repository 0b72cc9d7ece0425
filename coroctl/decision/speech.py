"""Composing the heartbeat (L2), sending it when due or when its news changed, and what sending means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import requests, voter
from coroctl.decision.actions import Send
from coroctl.decision.state import Speech
from coroctl.decision.values import NOBODY, Heartbeat, Mark, News, Office

if TYPE_CHECKING:
    from coroctl.decision.state import Turn

GIVEN = frozenset({Office.RELEASING, Office.VOTER})
TELLING = frozenset({Office.CLAIMING, Office.HOLDING})


def speak(turn: Turn) -> None:
    """Send if the time has come, or if anything but the echoes has changed since."""
    if not turn.life.told:
        return
    speech = turn.speech
    news = compose(turn)
    due = turn.now >= speech.due
    requests.follow_up(turn, beat=due)
    if due or news != speech.news:
        send(turn, news)
    turn.wake_at(turn.speech.due)


def send(turn: Turn, news: News) -> None:
    """The sequence is the clock, made strictly rising: s is read before the datagram leaves (L5)."""
    regular = turn.now >= turn.speech.due
    sequence = max(turn.speech.sequence + 1, turn.now)
    turn.speech = Speech(sequence, turn.now + turn.files.settings.heartbeat_us, news)
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
    telling = claim.office in TELLING
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
