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

if TYPE_CHECKING:
    from coroctl.decision.estate.actions import Command
    from coroctl.sim.machine import Machine

TOTAL_MIB = 64_000
DURATIONS = {
    Order.START: 500 * MS,
    Order.STOP: 1 * SECOND,
    Order.PAUSE: 10 * MS,
    Order.RESUME: 10 * MS,
    Order.DESTROY: 200 * MS,
}
BECOMES = {
    Order.START: Seen.RUNNING,
    Order.STOP: Seen.OFF,
    Order.PAUSE: Seen.PAUSED,
    Order.RESUME: Seen.RUNNING,
}
FROZEN_US = 50 * MS
LIVE = frozenset({Seen.RUNNING, Seen.PAUSED})


class Guest(NamedTuple):
    """A machine that is defined here."""

    domain: Domain
    xml: str
    memory_mib: int


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
        self.all[name] = one
        self.machine.note(f"machine {name} is {one.domain.seen.value}")
        if one.domain.seen is Seen.RUNNING:
            self.machine.cluster.checker.machines.runs(self.machine, name)
        self.machine.estate.show()

    def drop(self, name: str) -> None:
        """Destroyed and undefined."""
        if self.all.pop(name, None) is not None:
            self.machine.note(f"machine {name} is gone")
            self.machine.estate.show()

    def command(self, action: Command) -> None:
        """It takes its time, and goes on if the daemon dies."""
        machine, order, name = self.machine, action.order, action.machine.name
        timeline = machine.cluster.timeline
        begin = max(timeline.now, self.busy.get(name, 0))
        self.busy[name] = begin + DURATIONS[order] + self.slow.get(order, 0)
        self.waiting.setdefault(name, []).append(action)
        timeline.at(self.busy[name], self.carry_out, machine.boots, machine.life, action)

    def carry_out(self, boots: int, life: int, action: Command) -> None:
        """Now, unless the node is off; frozen with the whole node, later, and after those before it."""
        machine, name = self.machine, action.machine.name
        if machine.boots != boots or not machine.powered:
            return
        if machine.all_frozen or self.waiting[name][0] is not action:
            machine.cluster.timeline.after(FROZEN_US, self.carry_out, boots, life, action)
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
        self.put(one._replace(domain=one.domain._replace(seen=BECOMES[action.order])))

    def power_off(self) -> None:
        """Nothing runs; what was defined is defined."""
        self.busy.clear()
        self.waiting.clear()
        self.all = {name: one._replace(domain=one.domain._replace(seen=Seen.OFF)) for name, one in self.all.items()}
