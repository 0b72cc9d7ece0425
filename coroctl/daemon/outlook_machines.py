"""What an operator should know before a change about virtual machines: adopt, forget, move, confirm-dead.

Pure, from the lease core's state, the estate as it is known here, and what was looked up. The master has the last
word: where this node does not know the inventory, that is a warning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.machines.orders import STOP_GRACE_S
from coroctl.daemon.outlook import Effect, Outlook
from coroctl.daemon.outlook_checks import quorate_here, safe, view
from coroctl.daemon.outlook_subject import Check, Draft, Probe, Subject, Verdict
from coroctl.daemon.prospect import Prospect, master_of, surveyed_holder
from coroctl.decision import peers
from coroctl.decision.estate.desk import misfit
from coroctl.decision.estate.migration import may_be_live
from coroctl.decision.estate.picture import waits
from coroctl.decision.estate.values import Seen as State
from coroctl.decision.estate.values import WaitsFor, Wanted
from coroctl.decision.messages import COLD, Verb
from coroctl.decision.settings import SECOND
from coroctl.decision.state import Turn
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.daemon.facts import Facts
    from coroctl.daemon.inventory.look import Known, Lookup
    from coroctl.daemon.outlook_subject import Seen
    from coroctl.daemon.prospect import Plan
    from coroctl.decision.estate.inventory import Inventory
    from coroctl.decision.estate.values import Machine
    from coroctl.decision.state import State as Lease
    from coroctl.model import NodeId

SHOWN = 8
"""Machines that are named; of more only the number is told."""
BY_ITSELF = frozenset({WaitsFor.AGENT, WaitsFor.RETRY, WaitsFor.WATCHDOG})
"""What recovery waits for without an operator."""
STAYS = Prospect(None, None, 0, by_failback=False, eligible=frozenset())
"""None of these changes moves the cluster address."""


class Case(NamedTuple):
    """What is asked for, and what is known besides the lease core's state."""

    facts: Facts
    plan: Plan
    known: Known | None
    lookup: Lookup
    seen: Seen | None


class _Matter(NamedTuple):
    """All that the checks look at."""

    subject: Subject
    known: Known | None
    lookup: Lookup

    @property
    def turn(self) -> Turn:
        return self.subject.turn

    @property
    def node(self) -> NodeId:
        return self.subject.plan.node

    @property
    def name(self) -> str:
        return self.subject.name

    @property
    def inventory(self) -> Inventory | None:
        """As far as it is known here."""
        return self.known.estate.replica.inventory if self.known is not None else None

    @property
    def sure(self) -> bool:
        """What is known here is as new as what the master had when it first heard of this daemon."""
        if self.known is None:
            return False
        replica = self.known.estate.replica
        leads = self.known.facts.acts and self.known.estate.desk.opened > 0
        return leads or (replica.floor is not None and replica.inventory.position >= replica.floor)

    @property
    def machine(self) -> Machine | None:
        return self.inventory.machines.get(self.name) if self.inventory is not None else None

    @property
    def live(self) -> bool:
        """Whether the master would have it moved live."""
        cold = self.subject.plan.edit.value == COLD
        migrates = self.turn.files.settings.migrates
        return self.machine is not None and may_be_live(self.machine, self.node, migrates=migrates, cold=cold)

    def label(self, node: NodeId) -> str:
        return self.subject.label(node)


def outlook(state: Lease, now: int, case: Case) -> Outlook:
    """All of it. `now`: the daemon's clock, microseconds."""
    turn = Turn(state, now, 0)
    peers.survey(turn)
    subject = Subject(turn, case.facts, case.plan, Draft(), Probe(), case.seen, STAYS)
    matter = _Matter(subject, case.known, case.lookup)
    holder = surveyed_holder(turn)
    found, tell = VERBS[case.plan.verb]
    return Outlook(
        case.plan,
        subject.name,
        holder.tenure.term if holder else 0,
        case.plan.wanted,
        tuple(check for find in (*SAFETY, *found) for check in find(matter)),
        tuple(tell(matter)),
        STAYS,
        _nothing(matter),
        risks_quorum=False,
        stops=case.plan.verb is Verb.MACHINE_MOVE and _runs(matter.machine) and not matter.live,
    )


def beside(known: Known | None, verb: Verb, node: NodeId) -> str:
    """What a change of the configuration does to the machines of a node; empty where none is managed."""
    machines = known.estate.replica.inventory.machines if known is not None else {}
    if not machines:
        return ""
    owned = [one for one in machines.values() if one.node == node]
    match verb:
        case Verb.SUSPEND:
            running = sum(_runs(one) for one in owned)
            told = _count(running, "runs there, and is paused", "run there, and are paused")
            return f"{told} until the node is resumed" if running else "none runs there"
        case Verb.RESUME:
            paused = sum(one.seen is State.PAUSED for one in owned)
            return _count(paused, "is paused there, and goes on", "are paused there, and go on", "none is paused there")
        case Verb.NODE_REMOVE if owned:
            told = _count(len(owned), "still belongs to it", "still belong to it")
            return f"{told}: coroctl machine move NAME NODE first"
        case _:
            return _count(len(machines), "goes on as it is", "go on as they are")


def _nothing(matter: _Matter) -> str:
    machine = matter.machine
    match matter.subject.plan.verb:
        case Verb.MACHINE_MOVE if machine is not None and machine.node == matter.node and not machine.to:
            return f"{matter.name} is on {matter.label(matter.node)} already"
        case Verb.CONFIRM_DEAD if matter.sure and not _left(matter):
            return f"no managed machine belongs to {matter.name}"
    return ""


# Checks


def _quorate(matter: _Matter) -> Iterator[Check]:
    yield from quorate_here(matter.subject)


def _view(matter: _Matter) -> Iterator[Check]:
    yield from view(matter.subject)


def _holder(matter: _Matter) -> Iterator[Check]:
    holder = surveyed_holder(matter.turn)
    if holder is None:
        yield safe("holder", "", "nobody holds the lease, so nobody can carry it out")
    else:
        name = matter.label(holder.node)
        well = f"{name} is master and carries it out" if master_of(matter.turn) == holder.node else ""
        yield safe("holder", well, f"{name} is coordinator only: it takes a master to do this")


def _inventory(matter: _Matter) -> Iterator[Check]:
    if not any(one.replica for one in matter.turn.files.settings.members):
        yield safe("inventory", "", "no node has `replication: on`, so there is nowhere to keep an inventory")
    elif matter.sure or (matter.known is not None and _is_begun_by(matter)):
        yield Check("inventory", Verdict.PASS, "this node knows what the master knows", safety=True)
    elif matter.known is not None and matter.known.facts.acts:
        text = "this node is master, and has no inventory: no machine is managed, or it has not been brought here yet"
        yield Check("inventory", Verdict.WARN, text, safety=True)
    else:
        text = "this node has not the newest inventory, or none was begun yet: the master judges by its own"
        yield Check("inventory", Verdict.WARN, text, safety=True)


def _is_begun_by(matter: _Matter) -> bool:
    """The first adoption of all needs no inventory."""
    return matter.subject.plan.verb is Verb.MACHINE_ADOPT


def _managed(matter: _Matter) -> Iterator[Check]:
    machine = matter.machine
    if machine is not None:
        yield safe("managed", f"{matter.name} is managed, {_where(matter, machine)}", "")
    elif matter.sure:
        yield safe("managed", "", f"no machine named {matter.name} is managed")
    else:
        yield Check("managed", Verdict.WARN, f"{matter.name} is not known here", safety=True)


def _adoptable(matter: _Matter) -> Iterator[Check]:
    machine, found = matter.machine, matter.lookup.found
    where = matter.label(matter.node)
    if found is not None:
        text = f"{matter.name} is on {where}: {found.domain.seen.value}, {found.memory_mib} MiB"
        yield Check("found", Verdict.PASS, text)
    else:
        yield Check("found", Verdict.FAIL, f"{matter.name} on {where}: {matter.lookup.why}")
    if machine is None:
        yield safe("managed", "no machine of that name is managed", "")
    elif machine.node not in (matter.node, NOBODY) or (found is not None and found.domain.uuid != machine.uuid):
        text = f"another machine of that name is managed, {_where(matter, machine)}"
        yield safe("managed", "", text)
    else:
        yield safe("managed", f"it is managed, {_where(matter, machine)}: its definition is read again", "")


def _target(matter: _Matter) -> Iterator[Check]:
    """As the master judges it."""
    machine, known = matter.machine, matter.known
    if machine is None or known is None or machine.node == matter.node:
        return
    fact, own = known.facts.nodes.get(matter.node), matter.node == known.estate.life.node
    stock = known.estate.stock if own else fact.stock if fact is not None and fact.heard else None
    suspended = known.facts.suspended if own else fact is not None and fact.suspended
    epoch = known.facts.leader.term if known.facts.leader is not None else 0
    why = misfit(machine, matter.node, stock, epoch, suspended=suspended)
    name = matter.label(matter.node)
    free = f", {stock.free_mib} MiB are free" if stock is not None else ""
    yield safe("target", "" if why else f"{name} can take it{free}", f"{name}: {why}{free if 'memory' in why else ''}")


def _owner(matter: _Matter) -> Iterator[Check]:
    machine = matter.machine
    if machine is None or machine.node in (NOBODY, matter.turn.life.node, matter.node):
        return
    name = matter.label(machine.node)
    if machine.node in matter.turn.heard:
        yield Check("owner", Verdict.PASS, f"{name}, which has it, is heard")
    else:
        yield Check("owner", Verdict.WARN, f"{name}, which has it, is not heard: the move waits until it is")


def _dead(matter: _Matter) -> Iterator[Check]:
    """As the master judges it; it sees more signs of life than can be told here."""
    signs = ", ".join(_signs(matter))
    yield safe("dead", "" if signs else f"no sign of life of {matter.name} is known here", f"it lives: {signs}")


def _signs(matter: _Matter) -> Iterator[str]:
    turn, node = matter.turn, matter.node
    promise_us = turn.files.settings.promise_us
    if node == turn.life.node:
        yield "it is this node"
        return
    if node in turn.world.members:
        yield "corosync lists it"
    ages = {who: ages[node] for who, ages in matter.subject.facts.hearing.items() if node in ages}
    peer = turn.peers.get(node)
    if peer is not None and peer.heard_at:
        ages.setdefault(turn.life.node, turn.now - peer.heard_at)
    for who, age_us in sorted(ages.items()):
        if age_us < promise_us and (who == turn.life.node or who in turn.heard):
            yield f"{matter.label(who)} heard it {age_us / SECOND:.1f} s ago"


def _recovery(matter: _Matter) -> Iterator[Check]:
    if matter.known is None or not _left(matter):
        return
    found = next((one for one in waits(*matter.known) if one.node == matter.node), None)
    if found is None:
        text = "the master does not tell that it waits for anything: its recovery may be going on"
        yield Check("recovery", Verdict.WARN, text)
        return
    why = f" ({found.why})" if found.why else ""
    left = f", about {max(found.until_s - int(time.time()), 0)} s more" if found.until_s else ""
    if found.waits_for in BY_ITSELF:
        text = f"it goes on by itself, after {found.waits_for.value}{left}{why}: wait, if you can"
        yield Check("recovery", Verdict.WARN, text)
    else:
        yield Check("recovery", Verdict.PASS, f"it waits for {found.waits_for.value}{why}")


# What will happen


def _adopt(matter: _Matter) -> Iterator[Effect]:
    name, where, found = matter.name, matter.label(matter.node), matter.lookup.found
    uuid = f" (uuid {found.domain.uuid})" if found is not None else ""
    yield Effect("machine", f"{name}{uuid} on {where} is managed from now on; it goes on as it is, without autostart")
    if found is not None and found.domain.seen is State.OFF:
        yield Effect("recovery", "it is off: nobody starts it until that is asked for")
    else:
        yield Effect("recovery", f"paused when {where} loses quorum; started elsewhere when {where} surely is dead")


def _forget(matter: _Matter) -> Iterator[Effect]:
    machine = matter.machine
    where = _where(matter, machine) if machine is not None else "where it is"
    yield Effect("machine", f"{matter.name} stays as it is, {where}, and is managed no more")
    yield Effect("recovery", "it is neither paused, nor moved, nor started elsewhere; autostart stays off")


def _move(matter: _Matter) -> Iterator[Effect]:
    name, machine, to = matter.name, matter.machine, matter.label(matter.node)
    if machine is None:
        yield Effect("machine", f"{name} moves to {to}: live if that is possible, else it is stopped and started")
        return
    if machine.to and machine.to != matter.node:
        yield Effect("machine", f"it was on its way to {matter.label(machine.to)}; that is given up")
    starts = f"started on {to}" if machine.wanted is Wanted.RUNNING else f"defined on {to}, off"
    if machine.node == NOBODY:
        yield Effect("machine", f"{name} ({machine.memory_mib} MiB), which no node has, is {starts}")
    elif matter.live:
        text = f"{name} ({machine.memory_mib} MiB) moves live from {matter.label(machine.node)} to {to}"
        yield Effect("machine", f"{text}: it goes on, after a moment of silence")
        yield Effect(
            "recovery", f"where that fails it stays on {matter.label(machine.node)}: --cold stops and starts it"
        )
    elif _runs(machine):
        text = f"{name} ({machine.memory_mib} MiB) is shut down on {matter.label(machine.node)}"
        grace = f"switched off after {STOP_GRACE_S:g} s if it goes on"
        yield Effect("machine", f"{text} ({grace}), and then {starts}: it is down meanwhile")
    else:
        yield Effect("machine", f"{name} leaves {matter.label(machine.node)}, and is {starts}")


def _confirm(matter: _Matter) -> Iterator[Effect]:
    left = sorted(_left(matter), key=lambda one: (-one.priority, one.name))
    start = [one for one in left if one.wanted is Wanted.RUNNING]
    if start:
        memory = sum(one.memory_mib for one in start)
        names = ", ".join(one.name for one in start[:SHOWN])
        more = f" and {len(start) - SHOWN} more" if len(start) > SHOWN else ""
        of = f"({memory} MiB) of {matter.name}"
        told = _count(len(start), f"{of} runs on another node then", f"{of} run on other nodes then")
        what = f"{told}: {names}{more}"
        yield Effect("recovery", f"{what}; by priority, where most memory is free")
    if len(left) > len(start):
        off, of = len(left) - len(start), f"of {matter.name}, off: no node has"
        yield Effect("machine", _count(off, f"{of} it then", f"{of} them then"))
    if not matter.sure:
        yield Effect("recovery", f"whatever of {matter.name} the master knows is started on other nodes")
    text = f"if {matter.name} is not dead, each machine may run twice and ruin its disks: be sure that it has no power"
    yield Effect("danger", text)


# Words


def _left(matter: _Matter) -> list[Machine]:
    return matter.inventory.owned(matter.node) if matter.inventory is not None else []


def _runs(machine: Machine | None) -> bool:
    return machine is not None and machine.node != NOBODY and machine.seen is State.RUNNING


def _where(matter: _Matter, machine: Machine) -> str:
    if machine.node == NOBODY:
        return "and no node has it"
    return f"{machine.seen.value} on {matter.label(machine.node)}"


def _count(number: int, does: str, do: str, none: str = "") -> str:
    """What one machine does, or several do; `none`: instead of "0 machines"."""
    if number == 0 and none:
        return none
    return f"1 machine {does}" if number == 1 else f"{number} machines {do}"


Finder = Callable[[_Matter], "Iterator[Check]"]
Teller = Callable[[_Matter], "Iterator[Effect]"]
SAFETY: tuple[Finder, ...] = (_quorate, _holder, _inventory, _view)
VERBS: Mapping[Verb, tuple[tuple[Finder, ...], Teller]] = {
    Verb.MACHINE_ADOPT: ((_adoptable,), _adopt),
    Verb.MACHINE_FORGET: ((_managed,), _forget),
    Verb.MACHINE_MOVE: ((_managed, _target, _owner), _move),
    Verb.CONFIRM_DEAD: ((_dead, _recovery), _confirm),
}
"""What is checked besides, and what is told."""
