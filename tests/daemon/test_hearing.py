"""Who hears whom: worked out from heartbeats alone, with ages that grow when nothing new is named."""

from __future__ import annotations

from coroctl.daemon.hearing import Hearing
from coroctl.decision.values import Mark
from coroctl.model import NodeId
from tests.daemon.test_wire import heartbeat

ME, TWO, THREE = NodeId(1), NodeId(2), NodeId(3)


def test_a_mark_that_does_not_change_grows_old() -> None:
    hearing = Hearing()
    said = heartbeat()._replace(sender=TWO, echo={ME: Mark(1, 10), THREE: Mark(1, 20)})
    hearing.take(said, 1000)
    hearing.take(said._replace(echo={ME: Mark(1, 11), THREE: Mark(1, 20)}), 1200)
    assert hearing.rows(ME, 1300) == {TWO: {ME: 100, THREE: 300}, ME: {TWO: 100}}


def test_who_is_not_named_any_more_is_not_heard() -> None:
    hearing = Hearing()
    said = heartbeat()._replace(sender=TWO, echo={ME: Mark(1, 10), THREE: Mark(1, 20)})
    hearing.take(said, 1000)
    hearing.take(said._replace(echo={ME: Mark(2, 1)}), 1100)
    assert hearing.rows(ME, 1100)[TWO] == {ME: 0}


def test_who_leaves_the_list_is_forgotten() -> None:
    hearing = Hearing()
    for node in (TWO, THREE):
        hearing.take(heartbeat()._replace(sender=node, echo={}), 1000)
    hearing.keep(frozenset({THREE}))
    assert hearing.rows(ME, 1000) == {THREE: {}, ME: {THREE: 0}}
