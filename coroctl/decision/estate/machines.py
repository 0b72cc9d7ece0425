"""This node's own machines: when they are started and resumed (M1), destroyed (M3), paused (M4), and given up (M2 a).

`migration` has the rules of those that are moved live (M6).

Why a machine that was given up is not started again by a later life of this node, which does not remember: that life
starts nothing before it has caught up with a holder that has heard of it (replica.told_by_leader), and what the holder
has granted to others on the former life's word was made before that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.estate import migration, replica
from coroctl.decision.estate.actions import Alarm, Command, Event, Notes, Order, StoreNotes
from coroctl.decision.estate.values import (
    NOTHING,
    RECOVERY,
    UNKNOWN_COUNT,
    Domain,
    Machine,
    Position,
    Seen,
    Wanted,
)
from coroctl.decision.settings import SECOND
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.decision.estate.state import Turn

AGAIN_US = 10 * SECOND
"""A machine that has just been told something is not told the same again before this."""
PAUSE_AGAIN_US = SECOND // 2
"""A pause is urgent; but one that fails at once must not be asked for without end."""
NOTE_AGAIN_US = SECOND
NOTED_US = SECOND // 2
"""A pause waits that long for the note of it: a disk that hangs or is full must not keep machines running."""
LATE_US = SECOND // 10
LIVE = frozenset({Seen.RUNNING, Seen.PAUSED})
ENDED = {
    Order.START: Event.STARTED,
    Order.STOP: Event.STOPPED,
    Order.PAUSE: Event.PAUSED,
    Order.RESUME: Event.RESUMED,
    Order.DESTROY: Event.DESTROYED,
    Order.MIGRATE: Event.MIGRATED,
}


def owned(turn: Turn) -> list[Machine]:
    """What is this node's, as far as it knows."""
    return turn.inventory.owned(turn.life.node)


def act(turn: Turn) -> None:
    """Tell the hypervisor what the rules ask for."""
    forget_given_up(turn)
    if turn.own.domains is not None:
        if turn.facts.suspended:
            pause_all(turn)
        elif not turn.life.rules.heard_the_epoch or replica.caught_up(turn):
            migration.expect(turn)
            destroy_foreign(turn)
            for machine in owned(turn):
                tend(turn, machine)
            release_unmanaged(turn)
    note(turn)


def tell(turn: Turn, order: Order, machine: Machine) -> None:
    """One command, unless one is under way for this machine or has just been given."""
    own = turn.own
    if machine.name in own.commands and not aborts(turn, order, machine):
        return
    last, again = own.again.get(machine.name, (order, 0))
    if turn.now < again and order is last:
        turn.wake_at(again)
        return
    number = turn.number()
    wait_us = PAUSE_AGAIN_US if order is Order.PAUSE else AGAIN_US
    turn.own = own._replace(
        commands={**own.commands, machine.name: (number, order)},
        again={**own.again, machine.name: (order, turn.now + wait_us)},
    )
    if order is Order.MIGRATE:
        turn.log(Event.COPYING, machine.name, machine.to)
    turn.do(Command(number, order, machine))


def aborts(turn: Turn, order: Order, machine: Machine) -> bool:
    """M6 (e): a pause does not wait for a migration; what becomes of that is seen then."""
    migrates = turn.own.commands[machine.name][1] is Order.MIGRATE
    return migrates and order is Order.PAUSE and turn.life.rules.copying_is_aborted


def domain_of(turn: Turn, machine: Machine) -> Domain | None:
    """The machine as the hypervisor has it."""
    found = (turn.own.domains or {}).get(machine.name)
    return found if found is not None and found.uuid == machine.uuid else None


# M4


def managed(turn: Turn) -> list[Machine]:
    """What may be ours here: by the inventory, or by what was noted when this node last obeyed."""
    found = {one.name: one for one in owned(turn)}
    for name in turn.own.notes.managed:
        domain = (turn.own.domains or {}).get(name)
        if name not in found and domain is not None:
            found[name] = turn.inventory.machines.get(name) or Machine(name, domain.uuid, "", turn.life.node)
    return list(found.values())


def pause_all(turn: Turn) -> None:
    """Every managed machine that runs."""
    if not turn.life.rules.pause_below_quorum:
        return
    found, notes = running(turn), turn.own.notes
    paused = notes.paused.union(one.name for one in found)
    if paused != notes.paused:
        turn.own = turn.own._replace(notes=notes._replace(paused=paused), unnoted_since=turn.now)
    note(turn)
    for machine in found:
        if is_noted(turn, machine.name) or not turn.life.rules.noted_before_paused:
            tell(turn, Order.PAUSE, machine)


def is_noted(turn: Turn, name: str) -> bool:
    """Whether a later life will know that we have paused it; or that cannot be waited for.

    Else a daemon that dies in between (the guard may kill it after a freeze) leaves a machine paused for ever. One that
    has stood still has not heard yet what its disk has said: it waits anew.
    """
    own = turn.own
    if name in own.noted.paused or not own.noting:
        return True
    if turn.now > own.unnoted_since + NOTED_US + LATE_US:
        turn.own = own = own._replace(unnoted_since=turn.now)
    turn.wake_at(own.unnoted_since + NOTED_US)
    return turn.now >= own.unnoted_since + NOTED_US


def running(turn: Turn) -> list[Machine]:
    """Managed machines that run now."""
    found = ((machine, domain_of(turn, machine)) for machine in managed(turn))
    return [machine for machine, domain in found if domain is not None and domain.seen is Seen.RUNNING]


# M3


def foreign(turn: Turn) -> list[Machine]:
    """Machines that are here, and another node's or nobody's: never one that is not managed, or comes as is asked."""
    found = []
    for domain in (turn.own.domains or {}).values():
        machine = turn.inventory.machines.get(domain.name)
        if machine is None or machine.uuid != domain.uuid or machine.node == turn.life.node:
            continue
        if not migration.is_expected(turn, machine, domain):
            found.append(machine)
    return found


def arriving(turn: Turn, machine: Machine) -> bool:
    """Whether a live migration brings it here just now."""
    domain = domain_of(turn, machine)
    return domain is not None and domain.arriving


def destroy_foreign(turn: Turn) -> None:
    """Paused or running, before anything else is started or resumed. One that is arriving runs elsewhere yet."""
    for machine in foreign(turn):
        if not arriving(turn, machine) or not turn.life.rules.arriving_is_left:
            tell(turn, Order.DESTROY, machine)


def obeys(turn: Turn) -> Position:
    """Up to where this node surely acts by the inventory."""
    ready = replica.caught_up(turn) and not turn.facts.suspended and not foreign(turn)
    return turn.inventory.position if ready else NOTHING


# M1, M2 (a)


def tend(turn: Turn, machine: Machine) -> None:
    """One machine of this node's own, when it may be started or resumed."""
    if turn.life.rules.settled_before_start and machine.grant > turn.replica.settled:
        return
    domain = domain_of(turn, machine)
    seen = domain.seen if domain is not None else Seen.OFF
    if seen is Seen.OFF:
        unnote(turn, machine.name)
    if machine.name in turn.own.given_up:
        return
    if machine.to not in (NOBODY, turn.life.node) and machine.live == NOTHING:
        yield_up(turn, machine, seen)
    elif migration.departs(turn, machine) or migration.has_left(machine, domain):
        depart(turn, machine, domain)
    else:
        keep(turn, machine, domain)


def keep(turn: Turn, machine: Machine, domain: Domain | None) -> None:
    """It is this node's, and stays so."""
    seen = domain.seen if domain is not None else Seen.OFF
    if migration.is_leftover(turn, machine, domain):
        if not arriving(turn, machine):
            tell(turn, Order.RESUME if migration.arrived(turn, machine) else Order.DESTROY, machine)
    elif migration.is_stuck(machine, domain):
        tell(turn, Order.RESUME, machine)
    elif seen in LIVE and machine.name in turn.own.notes.paused and not arriving(turn, machine):
        # Also if it is shown as running: a pause may be under way, of a former life even.
        tell(turn, Order.RESUME, machine)
    elif seen is Seen.OFF and machine.wanted is Wanted.RUNNING and not turn.life.leaving:
        tell(turn, Order.START, machine)


def depart(turn: Turn, machine: Machine, domain: Domain | None) -> None:
    """Another node is to have it by live migration (M6)."""
    seen = domain.seen if domain is not None else Seen.OFF
    if machine.name in turn.own.commands:
        return
    if seen is Seen.OFF:
        yield_up(turn, machine, seen)
    elif migration.is_stuck(machine, domain) or machine.name in turn.own.notes.paused:
        keep(turn, machine, domain)
    elif seen is not Seen.RUNNING:
        migration.stay(turn, machine.name, f"it is {seen.value}")
    elif not turn.life.leaving and not migration.waits(turn, machine):
        tell(turn, Order.MIGRATE, machine)


def yield_up(turn: Turn, machine: Machine, seen: Seen) -> None:
    """Somebody else is to have it: stop it, and when it is off say so, once for all under this grant.

    Also where it is shown as off: a start whose outcome nobody knows, maybe of a former life, may be under way. The
    stop ends after it.
    """
    if seen in LIVE or turn.life.rules.stopped_before_given_up:
        tell(turn, Order.STOP, machine)
    elif machine.name not in turn.own.commands:
        give_up(turn, machine, Seen.OFF)


def give_up(turn: Turn, machine: Machine, seen: Seen) -> None:
    """From here on it is not started under this grant. `seen`: off, failed or left."""
    given_up = {**turn.own.given_up, machine.name: (machine.grant, seen)}
    turn.own = turn.own._replace(given_up=given_up)
    unnote(turn, machine.name)


def forget_given_up(turn: Turn) -> None:
    """A later grant is another matter."""
    given_up = turn.own.given_up
    machines = turn.inventory.machines
    departing = {name: one for name, one in turn.own.departures.items() if name in machines}
    departing = {name: one for name, one in departing.items() if machines[name].live == one.live}
    if len(departing) < len(turn.own.departures):
        turn.own = turn.own._replace(departures=departing)
    kept = {name: one for name, one in given_up.items() if name in machines and machines[name].grant == one[0]}
    if len(kept) < len(given_up):
        turn.own = turn.own._replace(given_up=kept)


def release_unmanaged(turn: Turn) -> None:
    """What we have paused and is managed no more (forgotten, or its adoption was never acknowledged) goes on."""
    for name in turn.own.notes.paused - turn.inventory.machines.keys():
        domain = (turn.own.domains or {}).get(name)
        if domain is not None and domain.seen in LIVE:
            tell(turn, Order.RESUME, Machine(name, domain.uuid, "", turn.life.node))
        else:
            unnote(turn, name)


# What came of it


def shown(turn: Turn, domains: tuple[Domain, ...], free_mib: int) -> None:
    """The hypervisor has told all that it has."""
    turn.own = turn.own._replace(domains={one.name: one for one in domains}, free_mib=free_mib)


def gone(turn: Turn) -> None:
    """It cannot be asked: nothing is known, and nothing is told to it."""
    turn.own = turn.own._replace(domains=None, free_mib=UNKNOWN_COUNT)


def ended(turn: Turn, number: int, why: str | None) -> None:
    """A command has succeeded (None) or failed."""
    own = turn.own
    found = next((name for name, one in own.commands.items() if one[0] == number), None)
    if found is None:
        return
    order = own.commands[found][1]
    rest = {name: one for name, one in own.commands.items() if name != found}
    turn.own = own._replace(commands=rest)
    if why is None:
        turn.log(ENDED[order], found)
        turn.over(Alarm.COMMAND, found)
        if order is Order.START:
            started(turn, found)
        elif order is Order.STOP:
            stopped(turn, found)
        elif order is Order.RESUME:
            resumed(turn, found)
        if order is not Order.START:
            again = {name: one for name, one in own.again.items() if name != found}
            turn.own = turn.own._replace(again=again)
        return
    turn.log(Event.COMMAND_FAILED, found, detail=f"{order.value}: {why}")
    machine = turn.inventory.machines.get(found)
    if order is Order.START and machine is not None and machine.node == turn.life.node:
        if is_off(turn, machine):
            give_up(turn, machine, Seen.FAILED)
    elif order is Order.MIGRATE:
        # The next ask is another wish.
        turn.own = turn.own._replace(again={name: one for name, one in turn.own.again.items() if name != found})
        not_copied(turn, found, why)
    else:
        turn.alarm(Alarm.COMMAND, found, f"{order.value}: {why}")


def not_copied(turn: Turn, name: str, why: str) -> None:
    """M6 (c): it stays, unless it is off, for whatever reason."""
    machine = turn.inventory.machines.get(name)
    if machine is not None and not is_off(turn, machine):
        migration.stay(turn, name, why)


def started(turn: Turn, name: str) -> None:
    """Told apart: a machine of a failed node runs here."""
    machine = turn.inventory.machines.get(name)
    granted = next((one for one in reversed(turn.inventory.moves) if one.name == name), None)
    if machine is not None and granted is not None and (granted.position, granted.why) == (machine.grant, RECOVERY):
        turn.log(Event.RECOVERED, name)


def stopped(turn: Turn, name: str) -> None:
    """It is off, and no start is under way: given up, if somebody else is (still) to have it."""
    machine = turn.inventory.machines.get(name)
    if machine is None or machine.node != turn.life.node or machine.to in (NOBODY, machine.node):
        return
    if is_off(turn, machine):
        left = migration.has_left(machine, domain_of(turn, machine))
        give_up(turn, machine, Seen.LEFT if left else Seen.OFF)


def resumed(turn: Turn, name: str) -> None:
    """No pause of it is under way any more."""
    domain = (turn.own.domains or {}).get(name)
    if domain is not None and domain.seen is Seen.RUNNING:
        unnote(turn, name)


def is_off(turn: Turn, machine: Machine) -> bool:
    """As the hypervisor shows it; somebody may have started it meanwhile."""
    domain = domain_of(turn, machine)
    return turn.own.domains is not None and (domain is None or domain.seen is Seen.OFF)


# Notes


def unnote(turn: Turn, name: str) -> None:
    """It is not paused by us any more."""
    notes = turn.own.notes
    if name in notes.paused:
        turn.own = turn.own._replace(notes=notes._replace(paused=notes.paused - {name}))


def note(turn: Turn) -> None:
    """Keep what must be remembered on the disk; what we have paused is noted before the pause is told."""
    own = turn.own
    if replica.caught_up(turn) and not turn.facts.suspended:
        names = frozenset(one.name for one in owned(turn))
        foreign_names = turn.inventory.machines.keys() - names
        turn.own = own = own._replace(notes=Notes(names, own.notes.paused - foreign_names))
    if own.noting or own.notes == own.noted:
        return
    if turn.now < own.note_again_at:
        turn.wake_at(own.note_again_at)
        return
    number = turn.number()
    turn.own = own._replace(noting=number, noting_what=own.notes)
    turn.do(StoreNotes(number, own.notes))


def noted(turn: Turn, number: int, *, well: bool) -> None:
    """The notes are stored, or must be stored again."""
    own = turn.own
    if number != own.noting:
        return
    if well:
        turn.own = own._replace(noting=0, noted=own.noting_what)
    else:
        turn.own = own._replace(noting=0, note_again_at=turn.now + NOTE_AGAIN_US)
