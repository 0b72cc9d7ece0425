"""L2: when a heartbeat leaves. Nobody is silent for longer than heartbeat_ms; who follows a holder answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.actions import Send
from coroctl.decision.events import Heard, Tick
from coroctl.decision.values import Heartbeat, Office, Tenure
from tests.decision.build import INCARNATION, ME, SETTINGS, THREE, TWO, Node, claim, news, voted

if TYPE_CHECKING:
    from coroctl.decision.actions import Action
    from coroctl.decision.values import News
    from coroctl.model import NodeId

P = 2_200_000
BEAT = SETTINGS.heartbeat_us
TENURE = Tenure(1, TWO, 9, 77)


def follower() -> Node:
    """It has voted for node 2, which holds; everything has been told."""
    node = Node()
    node.now += P + 1
    node.feed(Tick())
    node.hear(THREE, news(prio=10))
    node.hear(TWO, claim(TENURE))
    assert voted(node.state) == TENURE
    node.hear(TWO, holding())
    node.now = node.state.speech.due
    node.feed(Tick())
    return node


def holding(tenure: Tenure = TENURE) -> News:
    """What its holder says."""
    return claim(tenure)._replace(office=Office.HOLDING)


def sent(actions: list[Action]) -> list[Heartbeat]:
    """The heartbeats among them."""
    return [one.heartbeat for one in actions if isinstance(one, Send)]


def heard(node: Node, sender: NodeId, said: News, after_us: int) -> list[Heartbeat]:
    """What that peer's heartbeat brings about, so long after the last one of this node."""
    beat = Heartbeat(sender, INCARNATION, node.now + after_us, {ME: node.mark()}, {}, said)
    return sent(node.feed(Heard(beat), after_us))


def test_the_holder_is_answered_in_place_of_speaking_by_itself() -> None:
    node = follower()
    answers = heard(node, TWO, holding(), BEAT - BEAT // 16)
    assert len(answers) == 1
    assert answers[0].echo[TWO].sequence == node.now
    assert node.state.speech.due == node.now + BEAT


def test_what_the_holder_adds_within_half_a_heartbeat_is_not_answered() -> None:
    node = follower()
    assert not heard(node, TWO, holding(), BEAT // 2 - 1)


def test_another_voter_is_not_answered() -> None:
    node = follower()
    assert not heard(node, THREE, news(prio=10), BEAT - 1)


def test_a_holder_without_this_nodes_vote_is_not_answered() -> None:
    node = follower()
    assert not heard(node, TWO, holding(TENURE._replace(nonce=78)), BEAT - 1)


def test_without_a_holder_to_be_heard_it_speaks_every_heartbeat() -> None:
    node = follower()
    node.now = node.state.speech.due - 1
    assert not sent(node.feed(Tick(), 0))
    assert len(sent(node.feed(Tick(), 1))) == 1
