"""C1 to C4: what makes a lost node clear, and what does not."""

from __future__ import annotations

import pytest

from coroctl.decision.estate.actions import Alarm, Answer, DisarmWatchdog, Fence, Warn
from coroctl.decision.estate.events import Disarm, Fenced, Tick, Watchdog, Wish
from coroctl.decision.estate.fences import may_feed
from coroctl.decision.estate.values import WaitsFor
from coroctl.decision.messages import Verb, Verdict
from coroctl.decision.settings import SECOND, Fencing
from coroctl.decision.values import Mark
from coroctl.model import NodeId
from tests.decision.build_estate import LIFE, ME, THREE, TWO, Holder, machine

WATCHDOG_US = 10 * SECOND
P_S = 2.2
GRACE_S = 2 * P_S + 6


def lost(fencing: Fencing = Fencing.AGENT) -> Holder:
    """Node 2, with a machine, is silent for P."""
    holder = Holder(machine("a", TWO), fencing=fencing)
    holder.silence(TWO)
    holder.passes(P_S + 0.1)
    return holder


def waits_for(holder: Holder) -> list[tuple[NodeId, WaitsFor]]:
    return [(one.node, one.waits_for) for one in holder.estate.stock.waits]


def end(holder: Holder, *, off: bool = False, on: bool = False, asked_at: int | None = None, why: str = "") -> None:
    """The one call that is under way ends."""
    [call] = holder.of(Fence)
    asked_at = holder.now if asked_at is None else asked_at
    holder.feed(Fenced(call.number, off=off, asked_at=asked_at, on=on, why=why), SECOND)


# When a node is lost


def test_a_node_that_is_listed_or_heard_is_not_lost() -> None:
    holder = Holder(machine("a", TWO))
    holder.passes(60)
    assert not holder.of(Fence)
    holder.silence(TWO)
    holder.passes(P_S - 0.1)
    assert not holder.of(Fence)
    holder.passes(0.2)
    assert [one.node for one in holder.of(Fence)] == [TWO]


def test_a_node_without_machines_is_left_alone() -> None:
    holder = Holder(machine("a", THREE))
    holder.silence(TWO)
    holder.passes(60)
    assert not holder.of(Fence)


def test_a_node_that_was_never_heard_is_lost_p_after_the_lease_began() -> None:
    holder = Holder(machine("a", NodeId(4)))
    holder.passes(P_S - 0.2)
    assert not holder.of(Fence)
    holder.passes(0.3)
    assert [one.node for one in holder.of(Fence)] == [4]


def test_a_node_that_has_just_begun_to_speak_again_is_given_time_to_join() -> None:
    """It was shut down, which is no failure; switched on, its daemon is heard of before corosync lists it."""
    holder = Holder(machine("a", TWO))
    holder.stopping.add(TWO)
    holder.passes(1)
    holder.silence(TWO)
    holder.passes(30)
    assert waits_for(holder) == [(TWO, WaitsFor.STOPPED)]
    holder.known[THREE] = {TWO: Mark(LIFE + (1 << 20), 5)}
    holder.passes(9)
    assert not holder.of(Fence)
    holder.passes(2)
    assert [one.node for one in holder.of(Fence)] == [TWO]


# C1


def test_fenced_by_its_agent() -> None:
    holder = lost()
    end(holder, off=True)
    assert [(one.node, one.incarnation) for one in holder.failed()] == [(TWO, LIFE)]
    assert waits_for(holder) == []


@pytest.mark.parametrize(
    ("end_of_it", "alarm"),
    [({"why": "no route"}, Alarm.FENCING), ({"on": True, "why": "status says on"}, Alarm.NOT_FENCED)],
    ids=["fails", "lies"],
)
def test_what_an_agent_did_not_prove_is_tried_again_slower(end_of_it: dict[str, object], alarm: Alarm) -> None:
    holder = lost()
    gaps = []
    for _ in range(12):
        end(holder, **end_of_it)  # type: ignore[arg-type]
        assert waits_for(holder) == [(TWO, WaitsFor.RETRY)]
        begin = holder.now
        while not any(isinstance(one, Fence) for one in holder.actions):
            holder.passes(1)
        gaps.append(round((holder.now - begin) / SECOND))
    assert holder.failed() == []
    assert gaps == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert [one.alarm for one in holder.of(Warn) if one.alarm is not Alarm.NOT_RECOVERED] == [alarm]


def test_one_call_at_a_time_however_long_it_hangs() -> None:
    holder = lost()
    holder.passes(600)
    assert len(holder.of(Fence)) == 1
    assert waits_for(holder) == [(TWO, WaitsFor.AGENT)]
    assert holder.failed() == []


def test_a_sign_of_life_after_the_status_was_asked_for_makes_it_void() -> None:
    holder = lost()
    asked_at = holder.now
    holder.known[THREE] = {TWO: Mark(LIFE, holder.now)}
    holder.hear()
    end(holder, off=True, asked_at=asked_at)
    assert holder.failed() == []
    holder.passes(2.1)
    end(holder, off=True)
    assert len(holder.failed()) == 1


def test_what_was_asked_for_by_a_former_call_proves_nothing() -> None:
    holder = lost()
    [call] = holder.of(Fence)
    holder.silent.discard(TWO)
    holder.passes(1)
    holder.silence(TWO)
    holder.passes(P_S + 0.1)
    holder.feed(Fenced(call.number, off=True, asked_at=holder.now, on=False, why=""))
    assert holder.failed() == []


# C2


def watched(*, who: tuple[NodeId, ...] = (THREE,), stopping: bool = False) -> Holder:
    """Node 2 has told its watchdog to this one, and then to `who`; since then it is silent for L."""
    holder = Holder(machine("a", TWO), fencing=Fencing.WATCHDOG)
    holder.stocks[TWO] = holder.ready(watchdog_us=WATCHDOG_US)
    holder.passes(1)
    holder.silence(TWO)
    holder.known[THREE] = {TWO: holder.mark(TWO)}
    for one in who:
        holder.word(one, TWO, WATCHDOG_US, stopping=stopping)
    holder.passes(2.01)
    return holder


def test_its_watchdog_must_have_fired() -> None:
    holder = watched()
    last = holder.heard_at[TWO]
    while not holder.failed():
        holder.passes(0.1)
    assert 10 + GRACE_S <= (holder.now - last) / SECOND <= 10 + GRACE_S + 2.2
    assert holder.of(Fence) == []


def test_the_countdown_is_told() -> None:
    holder = watched()
    holder.passes(P_S)
    [wait] = holder.estate.stock.waits
    assert wait.waits_for is WaitsFor.WATCHDOG
    assert 1_700_000_000 + 14 <= wait.until_s <= 1_700_000_000 + 21


@pytest.mark.parametrize(
    "holder",
    [watched(who=()), watched(stopping=True)],
    ids=["one of three knows it", "its daemon was stopped"],
)
def test_who_might_have_disarmed_is_not_waited_for(holder: Holder) -> None:
    holder.passes(600)
    assert holder.failed() == []
    assert waits_for(holder) in ([(TWO, WaitsFor.UNWATCHED)], [(TWO, WaitsFor.STOPPED)])


def test_a_node_that_others_hear_has_not_fired() -> None:
    """Cut off from the holder alone: the other one's echoes go on."""
    holder = watched()
    for _ in range(600):
        holder.known[THREE] = {TWO: Mark(LIFE, holder.now)}
        holder.passes(0.5)
    assert holder.failed() == []
    while not holder.failed():
        holder.passes(0.5)
    assert holder.failed()


def test_a_later_life_is_not_the_one_that_was_armed() -> None:
    holder = watched()
    holder.passes(5)
    holder.known[THREE] = {TWO: Mark(LIFE + (1 << 20), 5)}
    holder.passes(600)
    assert holder.failed() == []
    assert waits_for(holder) == [(TWO, WaitsFor.UNWATCHED)]


# C3


def test_a_node_that_was_shut_down_empty() -> None:
    holder = Holder(machine("a", TWO), fencing=Fencing.NONE)
    holder.recover_stopped = True
    holder.stopping.add(TWO)
    holder.stocks[TWO] = holder.ready(leaving=True, running=0)
    holder.passes(1)
    holder.silence(TWO)
    holder.passes(P_S + 0.1)
    assert "shut down cleanly" in holder.failed()[0].why


@pytest.mark.parametrize("more", [{"leaving": False, "running": 0}, {"leaving": True, "running": 1}])
@pytest.mark.parametrize("fencing", list(Fencing))
def test_a_daemon_that_was_stopped_allows_nothing(more: dict[str, int], fencing: Fencing) -> None:
    holder = Holder(machine("a", TWO), fencing=fencing)
    holder.recover_stopped = True
    holder.stopping.add(TWO)
    holder.stocks[TWO] = holder.ready(**more)
    holder.passes(1)
    holder.silence(TWO)
    holder.passes(600)
    assert (holder.failed(), holder.of(Fence)) == ([], [])
    assert waits_for(holder) == [(TWO, WaitsFor.STOPPED)]


# C4


def confirm(holder: Holder, node: NodeId) -> tuple[Verdict, str]:
    holder.feed(Wish(f"{node} at {holder.now}", Verb.CONFIRM_DEAD, "", node, ME, "ann"))
    holder.feed(Tick())
    [answer] = holder.of(Answer)
    return answer.answer.verdict, answer.answer.why


def test_nothing_is_recovered_without_fencing_until_it_is_confirmed() -> None:
    holder = lost(Fencing.NONE)
    holder.passes(600)
    assert waits_for(holder) == [(TWO, WaitsFor.CONFIRM)]
    assert (holder.failed(), holder.of(Fence)) == ([], [])
    assert confirm(holder, TWO) == (Verdict.OK, "")
    assert [one.node for one in holder.failed()] == [TWO]


def test_nobody_is_confirmed_dead_who_lives() -> None:
    holder = lost(Fencing.NONE)
    assert confirm(holder, THREE)[0] is Verdict.REFUSED
    assert confirm(holder, ME)[0] is Verdict.REFUSED
    holder.known[THREE] = {TWO: Mark(LIFE, holder.now)}
    holder.feed(Tick())
    verdict, why = confirm(holder, TWO)
    assert (verdict, why) == (Verdict.REFUSED, "it is alive: another node has heard it just now")
    assert holder.failed() == []


# This node's own watchdog


def test_a_watchdog_is_disarmed_after_a_majority_has_heard_of_it() -> None:
    holder = Holder(machine("a", ME))
    holder.feed(Watchdog(WATCHDOG_US))
    assert holder.estate.stock.watchdog_us == WATCHDOG_US
    holder.silence(TWO, THREE)
    holder.feed(Disarm())
    holder.feed(Tick(), SECOND)
    assert holder.estate.stock.watchdog_us == 0
    assert not holder.of(DisarmWatchdog)
    holder.silent.clear()
    holder.hear()
    holder.feed(Tick())
    assert len(holder.of(DisarmWatchdog)) == 1


def test_who_holds_something_feeds_only_with_quorum() -> None:
    holder = Holder(machine("a", ME))
    facts = holder.facts()
    assert may_feed(holder.estate, facts)
    alone = facts._replace(quorate=False, serves=False)
    assert not may_feed(holder.estate, alone)
    empty = Holder()
    assert may_feed(empty.estate, alone)
    assert not may_feed(empty.estate, alone._replace(serves=True))


def test_what_was_heard_last_is_told_of_who_is_not_heard() -> None:
    holder = watched()
    [word] = holder.estate.stock.words
    assert (word.node, word.incarnation, word.watchdog_us, word.stopping) == (TWO, LIFE, WATCHDOG_US, False)
    holder.silent.clear()
    holder.passes(1)
    assert holder.estate.stock.words == ()
