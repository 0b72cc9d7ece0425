"""A node's hypervisor: machines that live on when the daemon dies, and end with the node's power.

Definitions survive a power-off, as libvirt's do; what ran is off then. Commands take their time, and are carried out
by the hypervisor's own process: whoever asked may be dead when they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.estate.actions import Order
from coroctl.decision.estate.events import Done, Failed, Hypervisor
from coroctl.decision.estate.values import Domain, Seen
from coroctl.sim.clock import MS, SECOND
from coroctl.sim.migration import Migration

if TYPE_CHECKING:
    from coroctl.decision.estate.actions import Command
    from coroctl.sim.machine import Machine
    from coroctl.sim.migration import Ill

TOTAL_MIB = 64_000
DURATIONS = {
    Order.START: 500 * MS,
    Order.STOP: 1 * SECOND,
    Order.PAUSE: 10 * MS,
    Order.RESUME: 10 * MS,
    Order.DESTROY: 200 * MS,
    Order.MIGRATE: 20 * MS,
}
"""MIGRATE: until it begins (migration.py)."""
BECOMES = {
    Order.START: Seen.RUNNING,
    Order.STOP: Seen.OFF,
    Order.PAUSE: Seen.PAUSED,
    Order.RESUME: Seen.RUNNING,
}
LEFT_US = 20 * MS
FROZEN_US = 50 * MS
LIVE = frozenset({Seen.RUNNING, Seen.PAUSED})


class Guest(NamedTuple):
    """A machine that is defined here."""

    domain: Domain
    xml: str
    memory_mib: int
    copied_at: int = 0
    """Paused, as a live migration has brought it: when its memory was what ran elsewhere."""


def guest(name: str, seen: Seen, memory_mib: int = 512) -> Guest:
    """As an operator has made it: its uuid follows from its name."""
    return Guest(Domain(name, f"uuid of {name}", seen), f"<domain>{name}</domain>", memory_mib)


class Guests:
    """All of a node."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.all: dict[str, Guest] = {}
        self.broken: set[Order] = set()
        self.slow: dict[Order, int] = {}
        """What they take longer now."""
        self.busy: dict[str, int] = {}
        """A machine's commands are carried out one after the other: until when the last one is."""
        self.waiting: dict[str, list[Command]] = {}
        self.ills: set[Ill] = set()
        self.leaving: dict[str, Migration] = {}
        self.arriving: dict[str, Migration] = {}

    def listing(self) -> Hypervisor:
        """Everything, as the driver tells it."""
        used = sum(one.memory_mib for one in self.all.values() if one.domain.seen in LIVE)
        return Hypervisor(tuple(self.all[name].domain for name in sorted(self.all)), TOTAL_MIB - used)

    def running(self) -> set[str]:
        """Those that run now. (Whatever is frozen with the whole node will go on.)"""
        if not self.machine.powered:
            return set()
        return {name for name, one in self.all.items() if one.domain.seen is Seen.RUNNING}

    def put(self, one: Guest) -> None:
        """It is there now, in this state."""
        name = one.domain.name
        self.rests(name)
        runs = one.domain.seen is Seen.RUNNING
        self.all[name] = one._replace(copied_at=0) if runs else one
        self.machine.note(f"machine {name} is {in_words(one.domain)}")
        if runs:
            self.machine.cluster.checker.machines.runs(self.machine, name, one.copied_at)
        self.machine.estate.show()

    def rests(self, name: str) -> None:
        """Whatever ran until now runs no more, or goes on at once."""
        known = self.all.get(name)
        if known is not None and known.domain.seen is Seen.RUNNING:
            self.machine.cluster.checker.machines.ran_until[name] = self.machine.cluster.timeline.now

    def is_live(self, name: str) -> bool:
        """Whether it has a process here."""
        return name in self.all and self.all[name].domain.seen in LIVE

    def drop(self, name: str) -> None:
        """Destroyed and undefined."""
        self.rests(name)
        if self.all.pop(name, None) is not None:
            self.machine.note(f"machine {name} is gone")
            self.machine.estate.show()

    def command(self, action: Command) -> None:
        """It takes its time, and goes on if the daemon dies."""
        machine, order, name = self.machine, action.order, action.machine.name
        timeline = machine.cluster.timeline
        if order is Order.PAUSE and name in self.leaving and self.pauses_beside(self.leaving[name]):
            machine.estate.later(DURATIONS[order], Done(action.number))
            return
        begin = max(timeline.now, self.busy.get(name, 0))
        self.busy[name] = begin + self.takes(order, name)
        self.waiting.setdefault(name, []).append(action)
        timeline.at(self.busy[name], self.carry_out, machine.boots, machine.life, action)

    def takes(self, order: Order, name: str) -> int:
        """How long. A migration begins soon, whatever slows it down; to stop what has left there is nothing to do."""
        if order is Order.MIGRATE:
            return DURATIONS[order]
        left = order is Order.STOP and name in self.all and self.all[name].domain.left
        return (LEFT_US if left else DURATIONS[order]) + self.slow.get(order, 0)

    def carry_out(self, boots: int, life: int, action: Command) -> None:
        """Now, unless the node is off; frozen with the whole node, later, and after those before it."""
        machine, name = self.machine, action.machine.name
        if machine.boots != boots or not machine.powered:
            return
        if machine.all_frozen or self.waiting[name][0] is not action:
            machine.cluster.timeline.after(FROZEN_US, self.carry_out, boots, life, action)
            return
        if action.order is Order.MIGRATE:
            self.leaving[name] = Migration(self, action, life)
            self.leaving[name].begin()
            return
        self.waiting[name].pop(0)
        known = self.all.get(name)
        needs = action.order in (Order.PAUSE, Order.RESUME)
        if action.order in self.broken or (known is None and needs):
            machine.estate.tell(
                life, Failed(action.number, "broken" if action.order in self.broken else "no such machine")
            )
            return
        if action.order is Order.DESTROY:
            if known is not None and known.domain.arriving:
                machine.cluster.checker.violated("M3", f"{machine.node} destroys {name}, which is arriving")
            self.drop(name)
        elif known is not None or action.order is Order.START:
            self.apply(action, known)
        machine.estate.tell(life, Done(action.number))

    def apply(self, action: Command, known: Guest | None) -> None:
        """Defined first, where it is not."""
        wanted = action.machine
        one = known or Guest(Domain(wanted.name, wanted.uuid, Seen.OFF), wanted.xml, wanted.memory_mib)
        off = one.domain.seen is Seen.OFF
        if off and action.order in (Order.PAUSE, Order.RESUME):
            return
        if one.domain.seen is BECOMES[action.order]:
            return
        copied_at = 0 if action.order is Order.START else one.copied_at
        domain = one.domain._replace(seen=BECOMES[action.order], arriving=False, left=False)
        self.put(one._replace(domain=domain, copied_at=copied_at))

    def power_off(self) -> None:
        """Nothing runs; what was defined is defined."""
        self.busy.clear()
        self.waiting.clear()
        self.leaving.clear()
        self.arriving.clear()
        for name, one in self.all.items():
            self.rests(name)
            self.all[name] = one._replace(domain=Domain(name, one.domain.uuid, Seen.OFF), copied_at=0)

    # Live migration

    def pauses_beside(self, migration: Migration) -> bool:
        """libvirt lets it. The driver first aborts what this life of its daemon has begun, and waits if that helps."""
        if migration.life == self.machine.life:
            migration.aborted = True
            if migration.connected():
                return False
        one = self.all.get(migration.name)
        if one is not None and one.domain.seen is Seen.RUNNING:
            self.put(one._replace(domain=one.domain._replace(seen=Seen.PAUSED)))
        return True

    def migrated(self, migration: Migration, event: Done | Failed) -> None:
        """It is over, one way or the other."""
        del self.leaving[migration.name]
        self.waiting[migration.name].pop(0)
        self.machine.estate.tell(migration.life, event)

    def drop_copy(self, migration: Migration) -> None:
        """What has not arrived whole."""
        if self.arriving.get(migration.name) is migration:
            del self.arriving[migration.name]
            self.drop(migration.name)


def in_words(domain: Domain) -> str:
    """For the log."""
    more = " (migrated)" if domain.left else " (migration)" if domain.arriving else ""
    return domain.seen.value + more
