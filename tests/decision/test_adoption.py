"""A file is taken over this node's own only when an operator says so; one that is not taken is tried more seldom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.decision.actions import Alarm, FetchFile, LoadFile, Reply, Warn
from coroctl.decision.events import Asked, ConfigurationLoaded, FileFailed, FileFetched, Tick
from coroctl.decision.messages import Answer, Edit, Request, Verb, Verdict
from coroctl.decision.values import NOBODY, Identity
from tests.decision.build import ME, SETTINGS, THREE, TWO, Node, news

if TYPE_CHECKING:
    from coroctl.decision.actions import Action
    from coroctl.decision.settings import Settings
    from coroctl.model import NodeId

THEIRS = Identity(1, "b")
"""Another file of this node's number."""
HIGHER = SETTINGS._replace(identity=Identity(9, "mine"))


def among(identity: Identity, settings: Settings = SETTINGS, *, alone: bool = False) -> Node:
    """A node that hears both others (or only TWO) with that file."""
    node = Node(settings=settings)
    node.hear(TWO, news(identity=identity))
    if not alone:
        node.hear(THREE, news(identity=identity, prio=10))
    return node


def adopt(node: Node, seen: Identity, source: NodeId = NOBODY, name: str = "r1") -> list[Action]:
    return node.feed(Asked(Request(name, Edit(Verb.ADOPT, source), ME, 0, seen)))


def answers(actions: list[Action]) -> list[Answer]:
    return [action.answer for action in actions if isinstance(action, Reply)]


def fetches(actions: list[Action]) -> list[FetchFile]:
    return [action for action in actions if isinstance(action, FetchFile)]


def loads(actions: list[Action]) -> list[LoadFile]:
    return [action for action in actions if isinstance(action, LoadFile)]


@pytest.mark.parametrize("own", [SETTINGS, HIGHER], ids=["same number", "higher number"])
def test_it_is_fetched_and_loaded_over_what_is_here(own: Settings) -> None:
    node = among(THEIRS, own)
    [fetch] = fetches(adopt(node, THEIRS))
    assert fetch == FetchFile(fetch.number, THEIRS, TWO, adopted=True)
    [load] = loads(node.feed(FileFetched(fetch.number, THEIRS)))
    assert load.identity == THEIRS
    actions = node.feed(ConfigurationLoaded(SETTINGS._replace(identity=THEIRS)))
    assert answers(actions) == [Answer("r1", Verdict.OK)]
    assert node.state.files.settings.identity == THEIRS
    assert node.state.files.conflict is None
    assert answers(adopt(node, THEIRS)) == [Answer("r1", Verdict.OK)]


def test_without_being_asked_it_is_only_an_alarm() -> None:
    node = among(THEIRS)
    assert fetches(node.actions) == []
    warned = [action for action in node.actions if isinstance(action, Warn)]
    assert [one.alarm for one in warned] == [Alarm.CONFLICT]
    node.hear(TWO, news(identity=SETTINGS.identity))
    assert Alarm.CONFLICT not in node.state.alarms


def test_a_file_loaded_by_hand_is_replaced_by_the_one_that_counts_here() -> None:
    """corosync has another file of the number that the core goes by."""
    node = among(SETTINGS.identity)
    node.feed(ConfigurationLoaded(SETTINGS._replace(identity=THEIRS)))
    assert node.state.files.conflict == THEIRS
    [fetch] = fetches(adopt(node, SETTINGS.identity))
    node.feed(FileFetched(fetch.number, SETTINGS.identity))
    actions = node.feed(ConfigurationLoaded(SETTINGS))
    assert answers(actions) == [Answer("r1", Verdict.OK)]
    assert node.state.files.conflict is None


def test_without_a_majority_a_node_is_named() -> None:
    node = among(THEIRS, alone=True)
    node.hear(THREE, news(identity=Identity(1, "c"), prio=10))
    assert "name the node" in answers(adopt(node, THEIRS, name="r0"))[0].why
    [fetch] = fetches(adopt(node, Identity(1, "c"), THREE))
    assert fetch.source == THREE


@pytest.mark.parametrize(
    ("seen", "source", "why"),
    [
        (SETTINGS.identity, NOBODY, "changed since you looked"),
        (Identity(1, "c"), THREE, "a majority of the nodes has loaded another file"),
        (SETTINGS.identity, ME, "is not heard"),
    ],
)
def test_why_it_is_refused(seen: Identity, source: NodeId, why: str) -> None:
    node = among(THEIRS, alone=True)
    node.hear(THREE, news(identity=Identity(1, "c"), prio=10))
    if source is not THREE:
        node.hear(THREE, news(identity=THEIRS, prio=10))
    else:
        node.feed(ConfigurationLoaded(SETTINGS._replace(identity=Identity(2, "d"))))
        node.hear(TWO, news(identity=Identity(2, "d")))
    [answer] = answers(adopt(node, seen, source))
    assert answer.verdict is Verdict.REFUSED
    assert why in answer.why


def test_what_is_here_already_is_refused() -> None:
    [answer] = answers(adopt(among(SETTINGS.identity), SETTINGS.identity))
    assert (answer.verdict, answer.why) == (Verdict.REFUSED, "this node has that file already")


def test_one_at_a_time_and_the_same_twice_is_one() -> None:
    node = among(THEIRS)
    adopt(node, THEIRS)
    assert fetches(adopt(node, THEIRS)) == []
    [answer] = answers(adopt(node, THEIRS, name="r2"))
    assert answer.why == "another file is being adopted"


def test_a_fetch_that_fails_is_refused_and_a_load_that_fails_is_unknown() -> None:
    node = among(THEIRS)
    [fetch] = fetches(adopt(node, THEIRS))
    assert answers(node.feed(FileFailed(fetch.number, "no answer"))) == [Answer("r1", Verdict.REFUSED, "no answer")]
    [fetch] = fetches(adopt(node, THEIRS, name="r2"))
    [load] = loads(node.feed(FileFetched(fetch.number, THEIRS)))
    actions = node.feed(FileFailed(load.number, "frozen"))
    assert answers(actions) == [Answer("r2", Verdict.UNKNOWN, "frozen")]


def test_a_file_that_cannot_be_loaded_is_tried_more_and_more_seldom() -> None:
    """Each attempt makes every node's corosync read its file again."""
    newer = Identity(2, "b")
    node = among(newer)
    [fetch] = fetches(node.actions)
    [load] = loads(node.feed(FileFetched(fetch.number, newer)))
    waits = []
    for _ in range(7):
        node.feed(FileFailed(load.number, "corosync did not reload"))
        failed = node.now
        found: list[LoadFile] = []
        while not found:
            found = loads(node.feed(Tick(), after_us=100_000))
            for peer in (TWO, THREE):
                found += loads(node.hear(peer, news(identity=newer)))
        [load] = found
        waits.append((node.now - failed) / 1e6)
    assert waits == pytest.approx([0.5, 1, 2, 4, 8, 8, 8], abs=0.2)


def test_another_file_is_loaded_at_once() -> None:
    node = among(Identity(2, "b"))
    [fetch] = fetches(node.actions)
    [load] = loads(node.feed(FileFetched(fetch.number, Identity(2, "b"))))
    node.feed(FileFailed(load.number, "corosync did not reload"))
    node.hear(TWO, news(identity=Identity(3, "c")))
    [fetch] = fetches(node.hear(THREE, news(identity=Identity(3, "c"), prio=10)))
    assert [one.identity for one in loads(node.feed(FileFetched(fetch.number, Identity(3, "c"))))] == [Identity(3, "c")]
