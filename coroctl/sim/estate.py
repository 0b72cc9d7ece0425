"""The estate's core on a simulated node, beside the lease's: its inputs, its disk, and what becomes of its actions.

The process of `machine.py` runs both: after each step of the lease's core the estate is asked if it is concerned, and
its actions wait in the same queue, so that the process can be stopped between any two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.decision.estate import actions, core, events
from coroctl.decision.estate.facts import concerned, differs, facts_of
from coroctl.decision.estate.inventory import EMPTY, Inventory, apply
from coroctl.decision.estate.replica import serve
from coroctl.decision.events import Done, Failed, Judged, Stocked
from coroctl.decision.messages import COLD
from coroctl.model import Role
from coroctl.sim.clock import MS, SECOND
from coroctl.sim.hypervisor import Guests

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.decision.actions import Do, Pass
    from coroctl.decision.estate.actions import Action
    from coroctl.decision.estate.state import Estate
    from coroctl.decision.state import State
    from coroctl.sim.machine import Machine

PULL_US = 3 * MS
READ_US = 20 * MS
SLOW_US = 200 * MS
"""A pause waits for a disk that is no slower."""
HINDERED_US = 2 * SECOND
STARTED_US = 20 * MS
"""After its start the driver has listed all machines."""


class ForEstate(NamedTuple):
    """An event in the process's inbox that is the estate's."""

    event: events.Event


class Kept(NamedTuple):
    """What is on the disk."""

    inventory: Inventory = EMPTY
    notes: actions.Notes = actions.Notes()


Write = actions.StoreOperations | actions.StoreWhole | actions.StoreNotes


class EstateHost:
    """Of one node."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.state: Estate | None = None
        self.kept = Kept()
        self.former: list[Kept] = []
        self.problem = ""
        self.guests = Guests(machine)
        self.in_flight: list[tuple[int, Write]] = []
        self.wake = 0
        self.suspended_at = 0
        self.hindered_until = 0
        """Until when the disk may keep this node from noting anything."""
        self.pull_late_us = 0
        """How long the answer to a pull of this node's is under way, besides."""

    # The process

    def start(self) -> None:
        """With the daemon."""
        cluster, kept = self.machine.cluster, self.kept
        problem, self.problem = self.problem, ""
        start = core.Start(self.machine.node, kept.inventory, kept.notes, bool(problem), problem, cluster.estate_rules)
        self.state = core.boot(start)
        if cluster.hypervisors:
            cluster.timeline.after(STARTED_US, self.show)
        if self.concerned():
            # Before anything is said: what this node has is part of it.
            self.feed(events.Tick())

    def end(self) -> None:
        """The process has died: what was being written may be there or not."""
        self.state = None
        self.wake = self.suspended_at = 0
        for _, what in self.in_flight:
            if self.machine.cluster.random.random() < self.machine.cluster.torn:
                self.keep(what)
        self.in_flight.clear()

    def concerned(self) -> bool:
        """Whether there is anything to do with machines."""
        lease, state = self.machine.state, self.state
        return lease is not None and state is not None and (concerned(lease) or not core.idle(state))

    def after(self, before: State, now: State) -> None:
        """A step of the lease's core is over."""
        if self.state is not None and self.concerned() and differs(before, now):
            self.feed(events.Tick())

    def feed(self, event: events.Event) -> None:
        """One step of the estate; what it tells goes to the lease's core before anything else is begun."""
        machine, before = self.machine, self.state
        lease = machine.state
        if before is None or lease is None:
            return
        cluster = machine.cluster
        now = machine.clock.read(cluster.timeline.now)
        given = events.Input(now, cluster.wall_s + cluster.timeline.now // SECOND, facts_of(lease, now), event)
        self.state, asked = core.step(before, given)
        cluster.checker.machines.stepped(machine, before, self.state)
        for action in asked:
            if isinstance(action, actions.Tell):
                machine.step(Stocked(action.stock))
        machine.pending.extend(action for action in asked if not isinstance(action, actions.Tell))
        self.watch(given.facts.suspended)

    def tell(self, life: int, event: events.Event) -> None:
        """To the process that asked, unless it has died meanwhile."""
        self.machine.tell(life, ForEstate(event))

    def later(self, delay: int, event: events.Event) -> None:
        """An effect's end."""
        self.machine.later(delay, ForEstate(event))

    def show(self) -> None:
        """The hypervisor tells what it has."""
        if self.machine.state is not None and self.machine.cluster.hypervisors:
            self.machine.deliver(ForEstate(self.guests.listing()))

    def watch(self, suspended: bool) -> None:
        """M4: for how long this node has been suspended, and known it."""
        machine, now = self.machine, self.machine.cluster.timeline.now
        self.suspended_at = (self.suspended_at or now) if suspended else 0
        stopped = max(machine.thawed_at, machine.all_thawed_at)
        if self.suspended_at:
            machine.cluster.checker.machines.rests(machine, max(self.suspended_at, stopped))

    # Its actions

    def perform(self, action: Action) -> None:
        """Any of them."""
        match action:
            case actions.StoreOperations() | actions.StoreWhole() | actions.StoreNotes():
                self.write(action)
            case actions.PullFrom():
                self.machine.cluster.timeline.after(PULL_US, self.pull, self.machine.life, action)
            case actions.ReadDomain():
                self.machine.cluster.timeline.after(READ_US, self.read, self.machine.life, action)
            case actions.Command():
                self.command(action)
            case actions.Fence():
                self.machine.cluster.power.fence(self.machine, action)
            case actions.DisarmWatchdog():
                self.machine.cluster.power.disarm(self.machine)
            case actions.Wake(at):
                self.set_wake(at)
            case _:
                self.say(action)

    def say(self, action: Action) -> None:
        """What is for people, or for the lease's core."""
        machine = self.machine
        match action:
            case actions.Answer(to, answer):
                machine.deliver(Judged(to, answer))
            case actions.StepDone(number, step):
                machine.deliver(Done(number, step))
            case actions.StepFailed(number, step, why):
                machine.deliver(Failed(number, step, why))
            case actions.Log(event, name, node, detail):
                words = (event.value, name, f"node {node}" if node else "", detail)
                machine.note(" ".join(word for word in words if word))
            case actions.Warn(alarm, about, detail):
                machine.note("ALARM " + ": ".join(word for word in (alarm.value, about, detail) if word))
            case actions.WarnOver(alarm, about):
                machine.note(f"over: {alarm.value}{f': {about}' if about else ''}")
            case _:
                raise TypeError(action)

    def command(self, action: actions.Command) -> None:
        """To the hypervisor."""
        lease, cluster = self.machine.state, self.machine.cluster
        if action.order is actions.Order.PAUSE and cluster.timeline.now > self.hindered_until:
            cluster.checker.machines.pauses(self.machine, action.machine.name)
        starts = action.order in (actions.Order.START, actions.Order.RESUME)
        if starts and lease is not None and lease.world.role is Role.SUSPENDED:
            cluster.checker.acts(self.machine, lease, f"{action.order.value} {action.machine.name}")
        self.guests.command(action)

    def set_wake(self, at: int) -> None:
        """A timer of its own."""
        if at != self.wake:
            self.wake = at
            if at < 1 << 61:
                timeline = self.machine.cluster.timeline
                timeline.at(self.machine.clock.true(at), self.ring, at, self.machine.life)

    def ring(self, at: int, life: int) -> None:
        """Unless it was set anew meanwhile."""
        if at == self.wake and life == self.machine.life:
            self.wake = 0
            self.machine.deliver(ForEstate(events.Tick()))

    # The disk

    def write(self, action: Write) -> None:
        """Ends in Stored or StoreFailed, unless the process dies."""
        disk, cluster = self.machine.disk, self.machine.cluster
        if disk.full or disk.fsync_us > SLOW_US:
            self.hindered_until = cluster.timeline.now + 2 * disk.fsync_us + HINDERED_US
        if disk.full:
            self.later(disk.fsync_us, events.StoreFailed(action.number, "no space left on device"))
            return
        entry = (action.number, action)
        self.in_flight.append(entry)
        spread = int(cluster.random.random() * disk.fsync_us)
        cluster.timeline.after(disk.fsync_us // 2 + spread, self.land, self.machine.life, entry)

    def land(self, life: int, entry: tuple[int, Write]) -> None:
        """fsync returns. Stores end in the order in which they were begun."""
        if life != self.machine.life or entry not in self.in_flight:
            return
        while self.in_flight:
            number, what = self.in_flight.pop(0)
            self.keep(what)
            self.tell(life, events.Stored(number))
            if number == entry[0]:
                return

    def keep(self, what: Write) -> None:
        """It is on the platter."""
        self.former = [*self.former[-3:], self.kept]
        match what:
            case actions.StoreOperations(_, operations):
                inventory = self.kept.inventory
                for operation in operations:
                    inventory = apply(inventory, operation)
                self.kept = self.kept._replace(inventory=inventory)
            case actions.StoreWhole(_, inventory):
                self.kept = self.kept._replace(inventory=inventory)
            case actions.StoreNotes(_, notes):
                self.kept = self.kept._replace(notes=notes)

    # Other nodes

    def reached(self, node: int) -> EstateHost | None:
        """The estate of a node whose daemon answers now."""
        cluster = self.machine.cluster
        there = next((one for one in cluster.machines.values() if one.node == node), None)
        if there is None or there.state is None or there.frozen or there.all_frozen:
            return None
        return there.estate if cluster.corosync.linked(self.machine.node, there.node) or there is self.machine else None

    def pull(self, life: int, action: actions.PullFrom) -> None:
        """Over TCP: all or nothing."""
        there = self.reached(action.node)
        if there is None or there.state is None:
            self.fail(life, action.number)
            return
        told = events.Pulled(action.number, serve(there.state, action.position))
        if self.pull_late_us:
            # Said now, heard later: whoever said it may hold the lease no more.
            self.machine.cluster.timeline.after(self.pull_late_us, self.tell, life, told)
        else:
            self.tell(life, told)

    def pull_in_time(self) -> None:
        """The way is as fast as ever."""
        self.pull_late_us = 0

    def read(self, life: int, action: actions.ReadDomain) -> None:
        """A machine's definition."""
        there = self.reached(action.node)
        if there is None:
            self.fail(life, action.number)
            return
        found = there.guests.all.get(action.name)
        if found is None:
            self.tell(life, events.Failed(action.number, "no such machine there"))
        else:
            self.tell(life, events.DomainRead(action.number, found.domain, found.xml, found.memory_mib))

    def fail(self, life: int, number: int) -> None:
        """No answer, in a while."""
        self.machine.cluster.timeline.after(SECOND, self.tell, life, events.Failed(number, "no answer"))


def pass_on(machine: Machine, action: Pass) -> None:
    """A request about machines."""
    ident, edit = action.request.id, action.request.edit
    cold = edit.value == COLD
    wish = events.Wish(ident, edit.verb, edit.text, edit.node, action.request.origin, ident, cold)
    machine.deliver(ForEstate(wish))


def ask_step(machine: Machine, action: Do) -> None:
    """A step of the lease's core about machines."""
    machine.deliver(ForEstate(events.StepAsked(action.number, action.step)))


def perform(machine: Machine, action: Action) -> None:
    """Whatever the estate asks for."""
    machine.estate.perform(action)


PERFORM: dict[type, Callable[[Machine, Any], None]] = dict.fromkeys(
    (
        actions.StoreOperations,
        actions.StoreWhole,
        actions.StoreNotes,
        actions.PullFrom,
        actions.ReadDomain,
        actions.Command,
        actions.Fence,
        actions.DisarmWatchdog,
        actions.Answer,
        actions.StepDone,
        actions.StepFailed,
        actions.Log,
        actions.Warn,
        actions.WarnOver,
        actions.Wake,
    ),
    perform,
)
