"""step(estate, input) -> (estate, actions): the whole of the estate, and nothing else to call but `boot`.

Pure, as decision/core.py is. A step takes the event in, follows or leads the inventory, takes in what owners report,
tends this node's own machines, stores, answers, and tells what the heartbeats are to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never

from coroctl.decision.estate import desk, fences, machines, recovery, replica
from coroctl.decision.estate.actions import Alarm, Notes, Tell, Wake
from coroctl.decision.estate.events import (
    Disarm,
    DomainRead,
    Done,
    Event,
    Failed,
    Fenced,
    Hypervisor,
    HypervisorGone,
    Input,
    Leaving,
    Pulled,
    StepAsked,
    Stored,
    StoreFailed,
    Tick,
    Watchdog,
    Wish,
)
from coroctl.decision.estate.inventory import EMPTY, Inventory
from coroctl.decision.estate.rules import RULES, Rules
from coroctl.decision.estate.state import Estate, Life, Own, Replica, Turn
from coroctl.decision.estate.values import NOTHING

if TYPE_CHECKING:
    from coroctl.decision.estate.actions import Action
    from coroctl.model import NodeId


class Start(NamedTuple):
    """What the daemon finds on its disk when it starts."""

    node: NodeId
    inventory: Inventory = EMPTY
    notes: Notes = Notes()
    lost: bool = False
    """There is no replica, and there may have been one: it counts as none, and is fetched again."""
    problem: str = ""
    """Why, if an operator should know: it is damaged."""
    rules: Rules = RULES


def boot(start: Start) -> Estate:
    """The beginning of a life. Nothing is done before the first step."""
    return Estate(
        Life(start.node, start.rules),
        Replica(start.inventory, start.inventory.position, lost=start.lost),
        own=Own(notes=start.notes, noted=start.notes),
        problem=start.problem,
    )


def step(estate: Estate, given: Input) -> tuple[Estate, list[Action]]:
    """One event: the estate after it, and what to do, in order."""
    turn = Turn(estate, given)
    if turn.problem:
        turn.alarm(Alarm.STORE, detail=turn.problem)
        turn.problem = ""
    absorb(turn, given.event)
    replica.lead(turn)
    replica.follow(turn)
    fences.follow(turn)
    fences.follow_own(turn)
    desk.take_reports(turn)
    recovery.follow(turn)
    machines.act(turn)
    replica.store(turn)
    desk.follow_up(turn)
    desk.follow_steps(turn)
    speak(turn)
    turn.do(Wake(turn.wake))
    return turn.close(), turn.actions


def absorb(turn: Turn, event: Event) -> None:  # noqa: C901  (one line an event, as in decision/core.py)
    """Take the event in."""
    match event:
        case Tick():
            pass
        case Stored(number):
            replica.stored(turn, number)
            machines.noted(turn, number, well=True)
        case StoreFailed(number, why):
            replica.store_failed(turn, number, why)
            machines.noted(turn, number, well=False)
        case Pulled(number, batch):
            replica.pulled(turn, number, batch)
        case Hypervisor(domains, free_mib):
            machines.shown(turn, domains, free_mib)
        case HypervisorGone():
            machines.gone(turn)
        case Done(number):
            machines.ended(turn, number, None)
        case Failed(number, why):
            replica.pull_failed(turn, number)
            desk.read_failed(turn, number, why)
            machines.ended(turn, number, why)
        case DomainRead():
            desk.read(turn, event)
        case Fenced():
            fences.fenced(turn, event)
        case Watchdog(timeout_us):
            fences.watched(turn, timeout_us)
        case Disarm():
            fences.disarm(turn)
        case Leaving():
            turn.life = turn.life._replace(leaving=True)
        case StepAsked(number, asked):
            desk.step_asked(turn, number, asked)
        case Wish():
            desk.wished(turn, event)
        case _:
            assert_never(event)


def speak(turn: Turn) -> None:
    """Tell what the heartbeats are to say, if it is anything new."""
    stock = desk.own_stock(turn)
    if stock != turn.stock:
        turn.stock = stock
        turn.actions.insert(0, Tell(stock))


def idle(estate: Estate) -> bool:
    """Whether there is nothing to do with machines here, as long as no other node has anything either."""
    return estate.replica.inventory.position == NOTHING and estate.own.domains is None and not estate.desk.steps
