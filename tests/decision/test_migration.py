"""Live moves: when a holder asks for one, when it takes an owner at its word, and what the owner and the target do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.decision.estate.actions import Command, Order
from coroctl.decision.estate.events import Done, Failed, Hypervisor, Tick, Wish
from coroctl.decision.estate.inventory import MOVED, MOVED_LIVE
from coroctl.decision.estate.migration import READY_US
from coroctl.decision.estate.recovery import STRANDED_US
from coroctl.decision.estate.values import NOTHING, Asked, Domain, GivenUp, Granted, Machine, Position, Report, Seen
from coroctl.decision.messages import Verb, Verdict
from coroctl.decision.settings import SECOND, Fencing
from coroctl.decision.values import NOBODY
from tests.decision.build_estate import ME, TERM, THREE, TWO, Holder, machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.decision.estate.actions import Action
    from coroctl.model import NodeId


def holder(*machines: Machine) -> Holder:
    """Of a cluster whose moves are live."""
    found = Holder(*machines)
    found.migrates = True
    return found


def known(one: Holder, name: str = "a") -> Machine:
    return one.estate.replica.inventory.machines[name]


def changes(one: Holder, kind: type) -> list[object]:
    return [each.change for each in one.estate.replica.tail if isinstance(each.change, kind)]


def move(one: Holder, node: NodeId, *, cold: bool = False, ident: str = "r1") -> None:
    one.feed(Wish(ident, Verb.MACHINE_MOVE, "a", node, ME, "somebody", cold))


def say(one: Holder, node: NodeId, seen: Seen, *, given_up: bool = False, stayed: Position = NOTHING) -> None:
    """A node's report about the machine."""
    report = Report("a", known(one).grant, seen, given_up, stayed, "the cable" if stayed > NOTHING else "")
    one.stocks[node] = one.stocks[node]._replace(reports=(report,))
    one.feed(Tick())
    one.stocks[node] = one.stocks[node]._replace(reports=())


def shows(one: Holder, seen: Seen, **more: bool) -> list[Action]:
    """This node's hypervisor has it, in that state."""
    return one.feed(Hypervisor((Domain("a", "uuid of a", seen, **more),), one.free_mib))


def orders(one: Holder) -> list[tuple[Order, str]]:
    return [(each.order, each.machine.name) for each in one.of(Command)]


# The holder


@pytest.mark.parametrize(
    ("what", "live"),
    [
        ({}, True),
        ({"seen": Seen.PAUSED}, False),
        ({"seen": Seen.OFF}, False),
        ({"seen_on": THREE}, False),
    ],
)
def test_only_what_its_owner_says_to_run_is_moved_live(what: dict[str, object], live: bool) -> None:
    one = holder(machine("a", TWO)._replace(**what))  # type: ignore[arg-type]
    move(one, THREE)
    assert (known(one).live > NOTHING) is live


def test_cold_is_cold_and_so_is_everything_where_nothing_is_configured() -> None:
    one = holder(machine("a", TWO))
    move(one, THREE, cold=True)
    assert (known(one).to, known(one).live) == (THREE, NOTHING)
    other = Holder(machine("a", TWO))
    move(other, THREE)
    assert (known(other).to, known(other).live) == (THREE, NOTHING)


def answers(one: Holder) -> dict[str, Verdict]:
    return {answer.id: answer.verdict for answer in one.estate.desk.answered}


def test_what_is_being_copied_is_neither_sent_elsewhere_nor_forgotten() -> None:
    one = holder(machine("a", TWO))
    move(one, THREE)
    move(one, ME, ident="r2")
    one.feed(Wish("r3", Verb.MACHINE_FORGET, "a", NOBODY, ME))
    assert answers(one)["r2"] is answers(one)["r3"] is Verdict.REFUSED
    assert known(one).to == THREE


def test_what_has_left_is_granted_to_its_target_even_if_its_memory_is_taken() -> None:
    """By the copy itself."""
    one = holder(machine("a", TWO, 60_000))
    move(one, THREE)
    one.stocks[THREE] = one.ready(free_mib=100)
    say(one, TWO, Seen.LEFT, given_up=True)
    assert changes(one, GivenUp) == [GivenUp("a", Seen.LEFT, MOVED_LIVE)]
    assert changes(one, Granted) == [Granted("a", THREE, MOVED_LIVE)]
    assert (known(one).seen, known(one).live, known(one).to) == (Seen.LEFT, NOTHING, NOBODY)
    one.feed(Wish("r2", Verb.MACHINE_FORGET, "a", NOBODY, ME))
    assert answers(one)["r2"] is Verdict.REFUSED
    say(one, THREE, Seen.RUNNING)
    one.feed(Wish("r3", Verb.MACHINE_FORGET, "a", NOBODY, ME))
    assert answers(one)["r3"] is Verdict.OK


def test_what_was_found_off_is_granted_to_be_started_anew() -> None:
    one = holder(machine("a", TWO))
    move(one, THREE)
    say(one, TWO, Seen.OFF, given_up=True)
    assert changes(one, Granted) == [Granted("a", THREE, MOVED)]
    assert known(one).seen is Seen.OFF


def test_a_move_that_came_to_nothing_is_withdrawn_with_the_reason() -> None:
    one = holder(machine("a", TWO))
    move(one, THREE)
    ask = known(one).live
    say(one, TWO, Seen.RUNNING, stayed=ask)
    assert (known(one).node, known(one).to, known(one).live, known(one).stayed) == (TWO, NOBODY, NOTHING, "the cable")
    move(one, THREE, ident="r2")
    assert known(one).stayed == ""
    say(one, TWO, Seen.RUNNING, stayed=ask)  # late: of the former ask
    assert known(one).to == THREE


@pytest.mark.parametrize("left", [True, False])
def test_a_target_that_cannot_have_it_does_not_keep_it_from_running(left: bool) -> None:
    """Nobody has to be fenced: it never was the target's."""
    one = holder(machine("a", TWO))
    move(one, THREE, cold=not left)
    one.silence(THREE)
    one.passes(3)
    say(one, TWO, Seen.LEFT if left else Seen.OFF, given_up=True)
    one.passes(STRANDED_US / SECOND - 1)
    assert known(one).node == NOBODY
    one.passes(2)
    assert known(one).node in (ME, TWO)
    assert known(one).seen is Seen.OFF
    assert changes(one, Asked)[-1] == Asked("a", NOBODY)


def test_a_failed_owner_takes_the_ask_and_the_copy_with_it() -> None:
    one = holder(machine("a", TWO))
    move(one, THREE)
    one.silence(TWO)
    confirm_dead(one)
    assert (known(one).to, known(one).live) == (NOBODY, NOTHING)
    assert known(one).seen is not Seen.LEFT


def confirm_dead(one: Holder) -> None:
    """Node 2 is lost, and has no power."""
    one.fencing = Fencing.NONE
    one.passes(20)
    one.feed(Wish("dead", Verb.CONFIRM_DEAD, "", TWO, ME))
    assert [each.node for each in one.failed()] == [TWO]


# The owner


def departing() -> Holder:
    """This node has it, and node 2 is to get it: it obeys everything."""
    one = holder(machine("a", ME))
    one.stocks[TWO] = one.ready(obeys=Position(TERM, 1))
    move(one, TWO)
    return one


def test_it_waits_for_its_target_to_know_and_then_begins() -> None:
    one = departing()
    assert orders(one) == []
    one.stocks[TWO] = one.ready()
    one.feed(Tick())
    assert orders(one) == [(Order.MIGRATE, "a")]


def test_a_target_that_never_knows_leaves_it_where_it_is() -> None:
    one = departing()
    one.passes(READY_US / SECOND + 1)
    assert orders(one) == []
    assert (known(one).node, known(one).to) == (ME, NOBODY)
    assert known(one).stayed == "node 2 is not heard, or does not follow the inventory"


def begun() -> tuple[Holder, int]:
    one = departing()
    one.stocks[TWO] = one.ready()
    one.feed(Tick())
    [command] = one.of(Command)
    return one, command.number


def test_off_by_migration_is_given_up_after_a_stop() -> None:
    one, number = begun()
    shows(one, Seen.OFF, left=True)
    one.feed(Done(number))
    assert known(one).node == ME
    [stop] = one.of(Command)
    assert stop.order is Order.STOP
    one.feed(Done(stop.number))
    assert (known(one).node, known(one).seen) == (TWO, Seen.LEFT)


def test_a_target_that_falls_silent_while_it_is_copied_to_ends_nothing() -> None:
    """Found on the lab: what was being copied was called off, might still arrive, and would have been started anew."""
    one, number = begun()
    one.silence(TWO)
    one.passes(READY_US / SECOND + 1)
    assert known(one).to == TWO
    shows(one, Seen.OFF, left=True)
    one.feed(Done(number))
    [stop] = one.of(Command)
    one.feed(Done(stop.number))
    assert known(one).seen is Seen.LEFT


@pytest.mark.parametrize("answer", [Done, lambda number: Failed(number, "the connection failed")])
def test_what_the_hypervisor_shows_counts_whatever_was_answered(answer: Callable[[int], Done | Failed]) -> None:
    one, number = begun()
    shows(one, Seen.OFF, left=True)
    one.feed(answer(number))
    [stop] = one.of(Command)
    one.feed(Done(stop.number))
    assert known(one).seen is Seen.LEFT


def test_off_by_anything_else_has_not_left() -> None:
    """Somebody destroyed it meanwhile."""
    one, number = begun()
    shows(one, Seen.OFF)
    one.feed(Failed(number, "it was destroyed"))
    [stop] = one.of(Command)
    one.feed(Done(stop.number))
    assert (known(one).node, known(one).seen) == (TWO, Seen.OFF)


def test_what_its_migration_has_left_paused_is_resumed_and_stays() -> None:
    """Before the ask is withdrawn: nobody would resume it after that."""
    one, number = begun()
    shows(one, Seen.PAUSED, arriving=True)
    one.feed(Failed(number, "libvirtd was restarted"))
    [resume] = one.of(Command)
    assert (resume.order, known(one).to) == (Order.RESUME, TWO)
    shows(one, Seen.RUNNING)
    one.feed(Done(resume.number))
    assert (known(one).to, known(one).stayed) == (NOBODY, "libvirtd was restarted")
    assert orders(one) == []


def test_what_an_operator_has_paused_is_not_moved() -> None:
    one = departing()
    shows(one, Seen.PAUSED)
    one.stocks[TWO] = one.ready()
    one.feed(Tick())
    assert orders(one) == []
    assert known(one).stayed == "it is paused"


# The target


def target(*, seen: Seen | None = None, **more: bool) -> Holder:
    """This node is to get it from node 2; its hypervisor has something of it before it is asked for."""
    one = holder(machine("a", TWO))
    if seen is not None:
        one.estate = one.estate._replace(
            own=one.estate.own._replace(domains={"a": Domain("a", "uuid of a", seen, **more)})
        )
    move(one, ME)
    return one


def test_what_arrives_is_left_alone_and_resumed_when_it_has_left() -> None:
    one = target()
    shows(one, Seen.PAUSED, arriving=True)
    shows(one, Seen.PAUSED)
    assert orders(one) == []
    assert one.estate.stock.obeys > NOTHING
    say(one, TWO, Seen.LEFT, given_up=True)
    assert known(one).node == ME
    assert orders(one) == [(Order.RESUME, "a")]


def test_a_copy_of_an_earlier_attempt_is_destroyed_before_the_ask_is_obeyed() -> None:
    one = target(seen=Seen.PAUSED)
    assert orders(one) == [(Order.DESTROY, "a")]
    assert one.estate.stock.obeys == NOTHING


def test_a_copy_that_runs_is_destroyed() -> None:
    one = target()
    shows(one, Seen.PAUSED, arriving=True)
    shows(one, Seen.RUNNING)
    assert orders(one) == [(Order.DESTROY, "a")]


def test_what_comes_by_recovery_is_destroyed_and_started() -> None:
    """Its owner may have gone on after the copy was made."""
    one = target()
    shows(one, Seen.PAUSED)
    one.silence(TWO)
    one.stocks[THREE] = one.ready(free_mib=0)
    confirm_dead(one)
    assert known(one).node == NOBODY
    [destroy] = one.of(Command)
    assert destroy.order is Order.DESTROY
    one.feed(Hypervisor((), one.free_mib))
    one.feed(Done(destroy.number))
    one.feed(Tick())
    assert (known(one).node, orders(one)) == (ME, [(Order.START, "a")])


def test_what_is_withdrawn_is_destroyed() -> None:
    one = target()
    shows(one, Seen.PAUSED)
    say(one, TWO, Seen.RUNNING, stayed=known(one).live)
    assert orders(one) == [(Order.DESTROY, "a")]
