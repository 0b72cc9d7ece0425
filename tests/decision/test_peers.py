"""L2 to L4 by hand: incarnations, echoes, and who is heard."""

from __future__ import annotations

from coroctl.decision.events import Heard, Tick
from coroctl.decision.values import Heartbeat, Mark
from coroctl.model import NodeId
from tests.decision.build import INCARNATION, ME, SETTINGS, TWO, Node, news

OTHER = 8 << 20


def incarnation(node: Node) -> int:
    return node.state.peers[TWO].incarnation


def beat(node: Node, of: int, sequence: int, echo: Mark | None, hello: Mark | None = None) -> None:
    marks = {ME: echo} if echo else {}
    node.feed(Heard(Heartbeat(TWO, of, sequence, marks, {ME: hello} if hello else {}, news())))


def test_first_contact_is_accepted() -> None:
    node = Node()
    beat(node, INCARNATION, 1, None)
    assert incarnation(node) == INCARNATION


def test_a_stranger_is_accepted_when_it_names_something_newer() -> None:
    node = Node()
    beat(node, INCARNATION, 5, node.mark())
    beat(node, OTHER, 1, None)
    assert incarnation(node) == INCARNATION
    node.feed(Tick(), 300_000)
    assert node.last_sent().hello[TWO] == Mark(OTHER, 1)
    beat(node, OTHER, 2, None, hello=node.mark())
    assert incarnation(node) == OTHER


def test_a_late_datagram_of_a_dead_incarnation_does_not_push_the_living_one_out() -> None:
    node = Node()
    old = node.mark()
    node.feed(Tick(), 300_000)
    beat(node, OTHER, 5, node.mark())
    beat(node, INCARNATION, 99, old)
    assert incarnation(node) == OTHER


def test_what_a_stranger_names_must_not_be_older_than_l() -> None:
    node = Node()
    beat(node, INCARNATION, 5, None)
    named = node.mark()
    node.now += 2_100_000
    beat(node, OTHER, 1, named)
    assert incarnation(node) == INCARNATION


def test_an_older_datagram_changes_nothing() -> None:
    node = Node()
    beat(node, INCARNATION, 5, node.mark())
    beat(node, INCARNATION, 4, None)
    assert node.state.peers[TWO].sequence == 5


def test_an_echo_of_a_former_life_of_mine_counts_for_nothing() -> None:
    node = Node()
    mark = node.mark()
    beat(node, INCARNATION, 5, mark._replace(incarnation=mark.incarnation - 1))
    assert node.state.peers[TWO].echoed == 0


def test_an_echo_of_what_was_never_sent_is_not_believed() -> None:
    node = Node()
    mark = node.mark()
    beat(node, INCARNATION, 5, mark._replace(sequence=mark.sequence + 10_000_000))
    assert node.state.peers[TWO].echoed == mark.sequence


def test_a_node_that_is_not_in_the_list_is_not_heard() -> None:
    node = Node()
    node.feed(Heard(Heartbeat(NodeId(9), 1, 1, {ME: node.mark()}, {}, news(term=99))))
    assert NodeId(9) not in node.state.peers
    assert node.state.ballots.term == 0


def twins(node: Node, moments: int, *of: int) -> None:
    """Datagrams of these incarnations in turn, 0.2 s after each other, each naming the newest."""
    for moment in range(moments):
        node.feed(Tick(), 200_000)
        beat(node, of[moment % len(of)], node.now, node.mark())


def heard(node: Node) -> bool:
    """Whether the peer counts at all (L4)."""
    peer = node.state.peers[TWO]
    return not peer.neither and node.now - peer.echoed <= SETTINGS.lease_us


def test_a_voter_that_has_just_started_hears_neither_of_two_twins() -> None:
    node = Node()
    twins(node, 6, INCARNATION, OTHER)
    assert not heard(node)


def test_a_twin_that_names_old_things_lives_and_is_not_heard() -> None:
    node = Node()
    twins(node, 6, INCARNATION, OTHER)
    old = node.mark()
    for moment in range(30):
        node.feed(Tick(), 200_000)
        beat(node, (INCARNATION, OTHER)[moment % 2], node.now, old if moment % 2 else node.mark())
        assert not heard(node)
    for moment in range(30):
        node.feed(Tick(), 200_000)
        beat(node, (OTHER, INCARNATION)[moment % 2], node.now, old if moment % 2 else node.mark())
        assert not heard(node)


def test_the_established_twin_goes_on() -> None:
    node = Node()
    twins(node, 15, INCARNATION)
    twins(node, 30, OTHER, INCARNATION)
    assert incarnation(node) == INCARNATION
    assert heard(node)


def test_the_established_twin_goes_on_if_it_names_what_was_sent_before_it_was_replaced() -> None:
    node = Node()
    twins(node, 15, INCARNATION)
    node.feed(Tick(), 200_000)
    first = node.mark()
    node.feed(Tick(), 200_000)
    second = node.mark()
    beat(node, OTHER, node.now, first)
    beat(node, INCARNATION, node.now, second)
    assert incarnation(node) == INCARNATION
    twins(node, 30, OTHER, INCARNATION)
    assert incarnation(node) == INCARNATION
    assert heard(node)


def test_the_last_of_two_twins_is_heard_until_the_other_one_comes_back() -> None:
    node = Node()
    twins(node, 6, INCARNATION, OTHER)
    twins(node, 15, OTHER)
    assert heard(node)
    assert incarnation(node) == OTHER
    twins(node, 1, INCARNATION)
    assert not heard(node)


def test_a_further_life_beside_twins_is_not_heard() -> None:
    node = Node()
    twins(node, 6, INCARNATION, OTHER)
    twins(node, 30, 9 << 20, INCARNATION, OTHER)
    assert not heard(node)
