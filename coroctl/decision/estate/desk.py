"""This node as holder: what operators wish, what owners report, and the steps of the lease's core.

Every wish ends in one answer (I4): refused before its operation is made, ok when that is acknowledged, else unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import messages
from coroctl.decision.actions import Step
from coroctl.decision.estate import fences, machines, migration, replica, reports
from coroctl.decision.estate.actions import Alarm, Answer, Event, ReadDomain, StepDone, StepFailed
from coroctl.decision.estate.inventory import MOVED, MOVED_LIVE, START_FAILED
from coroctl.decision.estate.state import Reading, Waiting
from coroctl.decision.estate.values import (
    EMPTY,
    NOTHING,
    Adopted,
    Asked,
    Forgotten,
    GivenUp,
    Granted,
    Machine,
    Position,
    Report,
    Reported,
    Seen,
    Stock,
    Wanted,
)
from coroctl.decision.messages import Verb, Verdict
from coroctl.decision.settings import SECOND
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.decision.estate.events import DomainRead, Wish
    from coroctl.decision.estate.state import Turn
    from coroctl.model import NodeId

PATIENCE_US = 5 * SECOND
"""I4: a replica that is heard and does not follow within this makes the answer unknown."""
STEP_US = 30 * SECOND
"""A promotion does not wait longer for its inventory."""
PAUSE_US = 10 * SECOND
REMEMBERED = 256
GIVEN_UP = {Seen.FAILED: START_FAILED, Seen.LEFT: MOVED_LIVE}
"""Why: by what became of it. Otherwise it was moved."""


# Wishes


def wished(turn: Turn, wish: Wish) -> None:
    """A new one."""
    desk = turn.desk
    waiting, reading = (one.wish.id for one in desk.waiting), (one.wish.id for one in desk.reading)
    if wish.id in {*waiting, *reading, *(one.id for one, _ in desk.unopened)}:
        return
    known = next((one for one in desk.answered if one.id == wish.id), None)
    if known is not None:
        turn.do(Answer(wish.origin, known))
        return
    if not turn.facts.acts:
        refuse(turn, wish, "there is no master that could do it")
    elif desk.opened:
        begin(turn, wish)
    else:
        turn.desk = desk._replace(unopened=(*desk.unopened, (wish, turn.now)))


def refuse(turn: Turn, wish: Wish, why: str) -> None:
    """Nothing was changed."""
    end(turn, wish, Verdict.REFUSED, why)


def end(turn: Turn, wish: Wish, verdict: Verdict, why: str = "") -> None:
    """Its one answer."""
    answer = messages.Answer(wish.id, verdict, why)
    turn.desk = turn.desk._replace(answered=(*turn.desk.answered, answer)[-REMEMBERED:])
    turn.do(Answer(wish.origin, answer))


def begin(turn: Turn, wish: Wish) -> None:
    """Refuse it, or make its operation."""
    known = turn.inventory.machines.get(wish.name)
    if wish.verb is Verb.CONFIRM_DEAD:
        fences.confirm(turn, wish)
    elif wish.verb is Verb.MACHINE_ADOPT:
        adopt(turn, wish, known)
    elif known is None:
        refuse(turn, wish, "no such machine is managed")
    elif wish.verb is Verb.MACHINE_FORGET and (known.live > NOTHING or known.seen is Seen.LEFT):
        # What arrives is paused, and nobody would resume it.
        refuse(turn, wish, f"a live migration takes it to node {known.to or known.node}")
    elif wish.verb is Verb.MACHINE_FORGET:
        turn.log(Event.FORGOTTEN, wish.name, known.node)
        wait(turn, wish, replica.make(turn, Forgotten(wish.name), wish.actor))
    elif wish.verb is Verb.MACHINE_MOVE:
        move(turn, wish, known)
    else:
        refuse(turn, wish, "the master does not know how")


def wait(turn: Turn, wish: Wish, position: Position) -> None:
    """Until it is acknowledged."""
    turn.desk = turn.desk._replace(waiting=(*turn.desk.waiting, Waiting(wish, position, turn.now)))


def move(turn: Turn, wish: Wish, machine: Machine) -> None:
    """Its owner is asked to give it up; where it has none, the target gets it."""
    why = unfit(turn, wish.node, machine)
    if why:
        refuse(turn, wish, why)
    else:
        live = migration.may_be_live(machine, wish.node, migrates=turn.facts.migrates, cold=wish.cold)
        wait(turn, wish, replica.make(turn, Asked(machine.name, wish.node, live), wish.actor))


def unfit(turn: Turn, node: NodeId, machine: Machine) -> str:
    """Why a node cannot be given a machine; empty if it can."""
    fact = turn.facts.nodes.get(node)
    suspended = turn.facts.suspended if node == turn.life.node else fact is not None and fact.suspended
    return misfit(machine, node, stock_of(turn, node), turn.desk.opened, suspended=suspended)


def misfit(machine: Machine, node: NodeId, stock: Stock | None, epoch: int, *, suspended: bool) -> str:
    """The same of what is known of the node; `epoch`: the one in force."""
    if machine.node == node:
        return "it is there"
    if migration.under_way(machine):
        return f"a live migration takes it to node {machine.to}"
    if stock is None:
        return "the master does not hear that node"
    if stock.free_mib < 0:
        return "that node has no hypervisor"
    if suspended:
        return "that node is suspended"
    if stock.obeys.epoch != epoch:
        return "that node has not caught up with the inventory"
    # A copy that has arrived has its memory already.
    enough = stock.free_mib >= machine.memory_mib or (machine.seen is Seen.LEFT and node == machine.to)
    return "" if enough else "that node has not enough free memory"


def stock_of(turn: Turn, node: NodeId) -> Stock | None:
    """What a node says of itself now; None if it is not heard."""
    if node == turn.life.node:
        return own_stock(turn)
    fact = turn.facts.nodes.get(node)
    return fact.stock if fact is not None and fact.heard else None


def adopt(turn: Turn, wish: Wish, known: Machine | None) -> None:
    """Its definition is asked for where it is."""
    if known is not None and known.node not in (wish.node, NOBODY):
        refuse(turn, wish, f"a machine of that name is managed, and node {known.node} has it")
    elif stock_of(turn, wish.node) is None:
        refuse(turn, wish, "the master does not hear that node")
    else:
        number = turn.number()
        turn.desk = turn.desk._replace(reading=(*turn.desk.reading, Reading(number, wish)))
        turn.do(ReadDomain(number, wish.node, wish.name))


def read(turn: Turn, event: DomainRead) -> None:
    """It is known what it is: manage it, as it is."""
    found = taken(turn, event.number)
    if found is None:
        return
    wish, domain = found.wish, event.domain
    known = turn.inventory.machines.get(wish.name)
    if not replica.leads(turn):
        refuse(turn, wish, "the master has changed")
    elif known is not None and (known.uuid != domain.uuid or known.node != wish.node):
        refuse(turn, wish, "a machine of that name is managed, and it is not that one")
    else:
        wanted = Wanted.OFF if domain.seen is Seen.OFF else Wanted.RUNNING
        fresh = Machine(domain.name, domain.uuid, event.xml, wish.node, wanted, domain.seen, wish.node)
        machine = (known or fresh)._replace(xml=event.xml, memory_mib=event.memory_mib, wanted=wanted)
        wait(turn, wish, replica.make(turn, Adopted(machine), wish.actor))
        turn.log(Event.ADOPTED, wish.name, wish.node)


def read_failed(turn: Turn, number: int, why: str) -> None:
    """It is not there, or its node did not answer."""
    found = taken(turn, number)
    if found is not None:
        refuse(turn, found.wish, why)


def taken(turn: Turn, number: int) -> Reading | None:
    """The reading with that number, which is over."""
    reading = turn.desk.reading
    found = next((one for one in reading if one.number == number), None)
    if found is not None:
        turn.desk = turn.desk._replace(reading=tuple(one for one in reading if one is not found))
    return found


def follow_up(turn: Turn) -> None:
    """Begin what waited for the epoch; answer what is acknowledged, or cannot be."""
    wishes = turn.desk.unopened
    if wishes and turn.desk.opened:
        turn.desk = turn.desk._replace(unopened=())
        for wish, _ in wishes:
            begin(turn, wish)
    else:
        drop_unopened(turn)
    answer_waiting(turn)
    note_behind(turn)


def drop_unopened(turn: Turn) -> None:
    """An epoch that is not opened in time, or by this node no more: nothing was changed."""
    kept = []
    for wish, since in turn.desk.unopened:
        if turn.facts.acts and turn.now < since + PATIENCE_US:
            turn.wake_at(since + PATIENCE_US)
            kept.append((wish, since))
        else:
            refuse(turn, wish, replica.why_not(turn) or "the newest replica has not been copied yet")
    if len(kept) < len(turn.desk.unopened):
        turn.desk = turn.desk._replace(unopened=tuple(kept))


def answer_waiting(turn: Turn) -> None:
    """I4."""
    kept = []
    for one in turn.desk.waiting:
        if not replica.leads(turn):
            end(turn, one.wish, Verdict.UNKNOWN, "the master's lease ended before every replica had stored it")
        elif turn.replica.settled >= one.position:
            end(turn, one.wish, Verdict.OK)
        elif turn.now >= one.since + PATIENCE_US:
            nodes = ", ".join(map(str, replica.behind(turn, one.position))) or "none is heard"
            end(turn, one.wish, Verdict.UNKNOWN, f"not stored yet by the replicas of all nodes: {nodes}")
        else:
            turn.wake_at(one.since + PATIENCE_US)
            kept.append(one)
    if len(kept) < len(turn.desk.waiting):
        turn.desk = turn.desk._replace(waiting=tuple(kept))


def note_behind(turn: Turn) -> None:
    """An alarm for each replica that has not followed in time, until it does."""
    late = set()
    if replica.leads(turn) and turn.replica.settled < turn.inventory.position:
        since = turn.desk.unsettled_since or turn.now
        turn.desk = turn.desk._replace(unsettled_since=since)
        if turn.now >= since + PATIENCE_US:
            late = {str(node) for node in replica.behind(turn, turn.inventory.position)}
        else:
            turn.wake_at(since + PATIENCE_US)
    elif turn.desk.unsettled_since:
        turn.desk = turn.desk._replace(unsettled_since=0)
    for what, about in sorted(turn.alarms, key=str):
        if what is Alarm.BEHIND and about not in late:
            turn.over(what, about)
    for node in sorted(late):
        turn.alarm(Alarm.BEHIND, node)


# Reports


def take_reports(turn: Turn) -> None:
    """What owners say of their machines, into the inventory. Only of the grant that is in force (M2 a)."""
    if not replica.leads(turn):
        return
    told = {node: fact.stock.reports for node, fact in replica.heard(turn).items()}
    told[turn.life.node] = reports.reports(turn)
    for node, said in sorted(told.items()):
        for report in said:
            take_report(turn, node, report)


def take_report(turn: Turn, node: NodeId, report: Report) -> None:
    """One machine."""
    machine = turn.inventory.machines.get(report.name)
    if machine is None or (machine.node, machine.grant) != (node, report.grant):
        return
    if report.given_up:
        why = GIVEN_UP.get(report.seen, MOVED)
        replica.make(turn, GivenUp(report.name, report.seen, why))
        turn.log(Event.GIVEN_UP, report.name, node, why)
    elif report.stayed > NOTHING:
        if report.stayed == machine.live:
            replica.make(turn, Asked(report.name, NOBODY, why=report.why))
            turn.log(Event.STAYED, report.name, node, report.why)
    elif (report.seen, node) != (machine.seen, machine.seen_on):
        replica.make(turn, Reported(report.name, report.seen))


def grant(turn: Turn, machine: Machine, node: NodeId, why: str) -> None:
    """M2: only where no node owns it. Its new owner starts it once this is acknowledged."""
    replica.make(turn, Granted(machine.name, node, why))
    turn.log(Event.GRANTED, machine.name, node, why)


# Steps of the lease's core


def step_asked(turn: Turn, number: int, step: Step) -> None:
    """It ends when it is done, or takes too long."""
    turn.desk = turn.desk._replace(steps=(*turn.desk.steps, (number, step, turn.now)))


def follow_steps(turn: Turn) -> None:
    """Tell the lease's core what is done."""
    kept = []
    for number, step, since in turn.desk.steps:
        limit = since + (PAUSE_US if step is Step.PAUSE_MACHINES else STEP_US)
        why = undone(turn, step)
        if not why:
            turn.do(StepDone(number, step))
        elif turn.now >= limit:
            turn.do(StepFailed(number, step, why))
        else:
            turn.wake_at(limit)
            kept.append((number, step, since))
    if len(kept) < len(turn.desk.steps):
        turn.desk = turn.desk._replace(steps=tuple(kept))


def undone(turn: Turn, step: Step) -> str:
    """What is missing; empty if the step is done."""
    match step:
        case Step.BRING_INVENTORY:
            return unready(turn)
        case Step.PAUSE_MACHINES if turn.facts.suspended:
            left = machines.running(turn)
            return f"still running: {', '.join(one.name for one in left)}" if left else ""
        case _:
            return ""


def unready(turn: Turn) -> str:
    """Why the inventory is not in place here; a cluster that never had one needs none."""
    if turn.desk.opened:
        missing = replica.keeps(turn) and turn.replica.stored.epoch < turn.desk.opened
        return "the inventory is not stored yet" if missing else ""
    if turn.inventory.position == NOTHING and replica.best(turn) == NOBODY and not turn.desk.unopened:
        return ""
    return replica.why_not(turn) or "the newest replica has not been copied yet"


# What the heartbeats say


def own_stock(turn: Turn) -> Stock:
    """Composed anew at the end of each step."""
    leads = replica.leads(turn)
    said = fences.words(turn)
    dog_us = turn.fences.dog.timeout_us
    nothing = turn.own.domains is None and turn.inventory.position == NOTHING
    if not replica.keeps(turn) and not leads and nothing and not said and not dog_us:
        return EMPTY
    return Stock(
        replica.told_position(turn),
        turn.inventory.position if leads else NOTHING,
        turn.replica.settled if leads else NOTHING,
        machines.obeys(turn),
        reports.processes(turn),
        bool(turn.own.notes.paused),
        turn.own.free_mib,
        reports.reports(turn),
        dog_us,
        turn.life.leaving and not turn.own.commands,
        said,
        tuple(wait for _, wait in sorted(turn.fences.waits.items())),
    )
