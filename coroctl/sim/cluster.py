"""A simulated cluster: machines, network, corosync, configuration files, operators, and the checker over all.

The API for whoever shows or drives one (tests, soak, the console):

    cluster = Cluster(seed=1, nodes=3)
    cluster.start()
    cluster.run(10 * SECOND)            # virtual time
    cluster.views()                     # a value a node: role, reason, term, lease, priority, members ...
    cluster.machines[1].power_off()     # any fault; see faults.py for all of them as values
    cluster.events                      # what has happened so far, one line each
    cluster.checker.violations          # empty, or the core is wrong
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.estate.rules import RULES as ESTATE_RULES
from coroctl.decision.estate.rules import Rules as EstateRules
from coroctl.decision.events import Asked, ConfigurationLoaded, FileEdited, FileFailed, FileFetched
from coroctl.decision.messages import Answer, Verb
from coroctl.decision.rules import RULES, Rules
from coroctl.decision.settings import Member, Settings
from coroctl.decision.values import Identity, Standing, standing_of
from coroctl.model import NodeId
from coroctl.sim.checker import Checker
from coroctl.sim.clock import MS, SECOND, Clock, Timeline
from coroctl.sim.corosync import Corosync, Mode
from coroctl.sim.files import File, edited, restored
from coroctl.sim.machine import Machine
from coroctl.sim.network import Network
from coroctl.sim.power import Power
from coroctl.sim.views import NodeView, summed_up, view_of, words
from coroctl.sim.wishes import in_words, wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.decision.actions import EditFile, FetchFile, LoadFile, Log, Warn
    from coroctl.decision.events import Event

RELOAD_US = 24 * MS
EDIT_US = 17 * MS
PULL_US = 3 * MS


class Line(NamedTuple):
    """Something that happened."""

    moment: int
    node: NodeId
    text: str


class Cluster:
    """See the module's text."""

    def __init__(
        self,
        seed: int,
        nodes: int = 3,
        template: Settings | None = None,
        rules: Rules = RULES,
        prios: tuple[int, ...] = (),
        *,
        keep_events: bool = True,
        nftables: bool = True,
        replicas: int = 0,
        hypervisors: bool = False,
        estate_rules: EstateRules = ESTATE_RULES,
    ) -> None:
        self.random = Random(seed)  # noqa: S311  (a schedule, not a secret)
        self.sweeps = Random(seed)  # noqa: S311
        """When kernels take expired addresses away; apart, as it is drawn so often."""
        self.nftables = nftables
        self.timeline = Timeline()
        self.network = Network(self.timeline, self.random)
        self.rules = rules
        self.estate_rules = estate_rules
        self.power = Power(self)
        self.hypervisors = hypervisors
        """Nodes have machines. (Nodes 1, 2 ... come last in having a replica, first in becoming master.)"""
        self.arrives_paused = True
        """Live migration, with libvirt's flag for that (M6)."""
        self.steps = 0
        self.torn = 0.5
        """How often a write in flight survives a crash."""
        self.daemon_first = 0.5
        """How often, after a whole node's thaw, the daemon runs before the guard does."""
        self.events: list[Line] = []
        self.keep_events = keep_events
        self.listeners: list[Callable[[Line], None]] = []
        members = tuple(
            Member(
                NodeId(number),
                prios[number - 1] if prios else 10 * (nodes - number + 1),
                replica=number > nodes - replicas,
            )
            for number in range(1, nodes + 1)
        )
        first = Identity(1, "f0")
        base = template or Settings(first, members)
        self.template = base._replace(identity=first, members=members)
        self.files: dict[Identity, File] = {first: File(self.template)}
        self.made = 0
        self.speaking: set[NodeId] = set()
        self.machines: dict[NodeId, Machine] = {}
        self.clones: list[Machine] = []
        """Second machines with the id of another one."""
        for member in members:
            self.machines[member.node] = Machine(self, member.node, self.any_clock(), first)
        self.corosync = Corosync(self)
        self.checker = Checker(self)
        self.checker.versions[1] = first
        self.asked = 0
        self.wall_s = 1_700_000_000
        """What a clock on the wall showed at the beginning, for people."""

    def any_clock(self) -> Clock:
        """Started some time ago, and off by up to 0.5 %."""
        return Clock(self.random.randrange(1, 1000) * SECOND, self.random.randrange(-5000, 5001))

    def draw(self) -> int:
        """A random number for an input."""
        return int(self.random.random() * (1 << 53))

    # Time

    def start(self, *, spread_us: int = 50 * MS) -> None:
        """Power is on, corosync has formed, every daemon starts."""
        for node in self.machines:
            self.corosync.views[node] = self.corosync.view(node)
        for machine in self.machines.values():
            self.timeline.after(int(self.random.random() * spread_us), machine.start)

    def run(self, us: int) -> None:
        """Let that much time pass."""
        self.timeline.run(self.timeline.now + us)

    def repair(self) -> None:
        """Nothing is broken any more: what is off is on, what is stopped runs, everybody hears everybody."""
        self.network.heal()
        for clone in self.clones:
            clone.power_off()
        self.corosync.mode = Mode.HONEST
        self.corosync.frozen.clear()
        self.corosync.down.clear()
        self.power.agents.clear()
        for machine in self.machines.values():
            machine.trap = None
            machine.disk.full = False
            machine.disk.fsync_us = 2 * MS
            machine.services.broken.clear()
            machine.services.slow.clear()
            machine.estate.guests.broken.clear()
            machine.estate.guests.ills.clear()
            machine.thaw(machine.life)
            machine.thaw_all(machine.boots)
            machine.power_on()
            machine.start()
        self.corosync.changed(graceful=True)

    def run_until(self, condition: Callable[[], bool], limit_us: int) -> bool:
        """Let time pass until something is so, looking every millisecond."""
        end = self.timeline.now + limit_us
        while not condition():
            if self.timeline.now >= end:
                return False
            self.run(MS)
        return True

    # Datagrams

    def everywhere(self) -> list[Machine]:
        """All machines, also those that have another one's id."""
        return [*self.machines.values(), *self.clones]

    def post(self, source: Machine, node: NodeId, event: Event) -> None:
        """A datagram to a node. Where two machines have its id, it reaches the one or the other."""
        target = self.machines.get(node)
        if target is None:
            return
        if self.clones:
            others = [one for one in self.clones if one.node == node and one.powered]
            reached = [one for one in (target, *others) if self.network.passes(source.place, one.place)]
            target = self.sweeps.choice(reached or [target])
        self.network.send(source.place, target.place, target.deliver, event)

    # What there is to see

    def listed(self) -> list[NodeId]:
        """The nodes of the newest loaded file."""
        newest = max((machine.loaded for machine in self.machines.values()), key=lambda one: one.version)
        return [member.node for member in self.files[newest].settings.members]

    def holder(self) -> Machine | None:
        """Who counts on a valid lease."""
        return next((machine for machine in self.machines.values() if machine.holds()), None)

    def could_serve(self) -> bool:
        """Whether somebody is eligible for the address."""
        states = [machine.state for machine in self.machines.values() if machine.state is not None]
        return any(standing_of(state.world.reason) is Standing.MASTER for state in states)

    def views(self) -> list[NodeView]:
        """One value a node."""
        return [view_of(machine) for machine in self.machines.values()]

    def summary(self) -> str:
        """One line."""
        return "; ".join(summed_up(view) for view in self.views())

    def note(self, node: NodeId, text: str) -> None:
        """Something happened, at a node (0: to all)."""
        if self.keep_events:
            line = Line(self.timeline.now, node, text)
            self.events.append(line)
            for listener in self.listeners:
                listener(line)

    def logged(self, machine: Machine, action: Log) -> None:
        """A line of a daemon's log."""
        if self.keep_events:
            took = f" ({action.took_us / 1000:.0f} ms)" if action.took_us else ""
            detail = "" if action.detail is None else f" {words(action.detail)}"
            machine.note(f"{action.event.value}{detail}{took}")

    def warned(self, machine: Machine, action: Warn) -> None:
        """An alarm of a daemon."""
        machine.note(f"ALARM {action.alarm.value}{f': {action.detail}' if action.detail else ''}")

    def speech(self, machine: Machine) -> None:
        """Address, element or gate have changed somewhere: look who speaks."""
        self.checker.speaks(machine)
        speaks = machine.powered and machine.kernel.speaks(self.timeline.now)
        if speaks != (machine.place in self.speaking):
            (self.speaking.add if speaks else self.speaking.discard)(machine.place)
            machine.note("the address answers" if speaks else "the address is silent")

    # Operators

    def is_replica(self, node: NodeId) -> bool:
        """Whether it has `replication: on`."""
        member = self.template.member(node)
        return member is not None and member.replica

    def ask(self, at: NodeId, verb: Verb, node: NodeId, value: int = 0, request: str = "", *, name: str = "") -> str:
        """An operator asks a node, having just looked at it; the answer comes to `answer`."""
        self.asked += 1
        ident = request or f"r{self.asked}"
        machine = self.machines[at]
        if machine.state is None:
            return ident
        wanted = wish(machine, verb, node, value, ident)
        if name:
            wanted = wanted._replace(edit=wanted.edit._replace(text=name))
        if verb is Verb.ADOPT:
            self.checker.adoptions.add(ident)
        self.note(at, f"asked: {in_words(wanted)} ({ident})")
        machine.deliver(Asked(wanted))
        return ident

    def answer(self, machine: Machine, answer: Answer) -> None:
        """An operator reads it."""
        self.checker.answered(answer)
        why = f": {answer.why}" if answer.why else ""
        machine.note(f"answered {answer.id} {answer.verdict.value}{why}")

    # Files

    def edit(self, machine: Machine, action: EditFile) -> None:
        """The holder's editor."""
        base, took_us, why = self.files[action.base], EDIT_US, "the edit is not possible"
        if action.edit.verb is Verb.RESTORE:
            former, why = action.edit.former, "it differs in nothing but the number"
            source = self.keeper(machine, former)
            took_us += PULL_US if source is not machine else 0
            settings = None if source is None else restored(base.settings, self.files[former].settings)
        else:
            settings = edited(base.settings, action.edit)
        if settings is None:
            machine.later(took_us, FileFailed(action.number, why))
            return
        self.made += 1
        identity = Identity(action.base.version + 1, f"f{self.made}")
        request = (action.edit.request,) if action.edit.request else ()
        self.files[identity] = File(settings._replace(identity=identity), base.requests + request)
        machine.later(took_us, FileEdited(action.number, identity, self.files[identity].settings))

    def keeper(self, machine: Machine, former: Identity) -> Machine | None:
        """Who has that file in its history: the machine itself, else one that can be asked."""
        everybody = (machine, *self.machines.values())
        return next((one for one in everybody if former in one.history and self.answers(machine, one)), None)

    def answers(self, machine: Machine, source: Machine) -> bool:
        """Whether a pull would come: both directions, and a daemon that runs."""
        runs = source.state is not None and not source.frozen and not source.all_frozen
        return source is machine or (runs and self.corosync.linked(machine.node, source.node))

    def fetch(self, machine: Machine, action: FetchFile) -> None:
        """A TCP pull: both directions, and a daemon that answers."""
        self.timeline.after(PULL_US, self.pulled, machine, machine.life, action)

    def pulled(self, machine: Machine, life: int, action: FetchFile) -> None:
        """It is here, or the connection timed out."""
        source = self.machines.get(action.source)
        if source is not None and self.answers(machine, source):
            machine.tell(life, FileFetched(action.number, action.identity))
        else:
            self.timeline.after(SECOND, machine.tell, life, FileFailed(action.number, "no answer"))

    def load(self, machine: Machine, action: LoadFile) -> None:
        """Rename (it is in place from here on), then reload. A file that was only fetched must be written first."""
        staged = machine.disk.staged
        if machine.disk.full and (staged is None or staged.identity != action.identity):
            machine.later(RELOAD_US, FileFailed(action.number, "no space left on device"))
            return
        adopting = machine.state.files.adopting if machine.state is not None else None
        if adopting is not None and adopting.identity == action.identity:
            self.checker.adopts(machine, action.identity, adopting.request)
        else:
            self.checker.loads(machine, action.identity, self.files[action.identity].requests, by_hand=False)
        machine.put_in_force(action.identity)
        machine.later(RELOAD_US, ConfigurationLoaded(self.files[action.identity].settings))
        self.joined(action.identity)

    def load_by_hand(self, node: NodeId, settings: Settings, digest: str) -> None:
        """Somebody edits the file on one node and reloads."""
        machine = self.machines[node]
        identity = settings.identity._replace(digest=digest)
        self.files[identity] = File(settings._replace(identity=identity), self.files[machine.loaded].requests)
        self.checker.loads(machine, identity, (), by_hand=True)
        machine.put_in_force(identity)
        machine.deliver(ConfigurationLoaded(self.files[identity].settings))
        self.joined(identity)

    def joined(self, identity: Identity) -> None:
        """A node that a file names for the first time is powered on, with that file."""
        for member in self.files[identity].settings.members:
            if member.node not in self.machines:
                self.machines[member.node] = Machine(self, member.node, self.any_clock(), identity)
                self.corosync.changed(graceful=True)
                self.timeline.after(SECOND, self.machines[member.node].start)
