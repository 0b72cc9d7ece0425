"""The promises about machines, watched after every step: P2, P3 for changes of the inventory, I3 and M4.

P3 by the chain of operations: each names the one that it was made on, so whatever was answered ok must be found by
walking back from wherever a later epoch is opened, and from where everything stands in the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.estate.events import Input, Tick
from coroctl.decision.estate.facts import facts_of
from coroctl.decision.estate.machines import running
from coroctl.decision.estate.state import Turn
from coroctl.decision.estate.values import NOTHING, Opened, Operation, Position, Seen, Wanted
from coroctl.decision.messages import Verdict
from coroctl.model import Role
from coroctl.sim.clock import MS, SECOND

if TYPE_CHECKING:
    from coroctl.decision.estate.inventory import Inventory
    from coroctl.decision.estate.state import Estate
    from coroctl.decision.messages import Answer
    from coroctl.model import NodeId
    from coroctl.sim.checker import Checker
    from coroctl.sim.machine import Machine

PAUSED_WITHIN_US = 10 * SECOND


class Made(NamedTuple):
    """An operation, and what it was made on."""

    operation: Operation
    on: Position


class MachineChecker:
    """Beside the checker of address and configuration."""

    def __init__(self, checker: Checker) -> None:
        self.checker = checker
        self.made: dict[Position, Made] = {}
        self.asked: dict[str, Position] = {}
        """Requests, and the operation that was made for each."""
        self.good: set[str] = set()
        """Answered ok."""
        self.refused: set[str] = set()
        self.opened: list[Position] = []
        self.had: dict[Position, Inventory] = {}
        """What the first node had that was at that position: its maker."""
        self.loose: dict[NodeId, dict[str, int]] = {}
        """By place: managed machines that run on a suspended node, since when that is known."""
        self.ran_until: dict[str, int] = {}
        """When a machine was last seen to stop or pause, wherever."""

    # P2

    def runs(self, machine: Machine, name: str, copied_at: int) -> None:
        """A machine begins to run, or goes on; with the memory of a copy (then: of when) only if nothing ran since."""
        if copied_at and self.ran_until.get(name, 0) > copied_at:
            late = (self.ran_until[name] - copied_at) // MS
            self.checker.violated("M6", f"{name} goes on on {machine.node} with a memory that is {late} ms too old")
        for other in self.checker.cluster.everywhere():
            if other is not machine and name in other.estate.guests.running():
                self.checker.violated("P2", f"{name} runs on {machine.node} and {other.node}")

    def rests(self, machine: Machine, since: int) -> None:
        """M4: a node that is suspended, and can act, runs no managed machine after a while."""
        state, lease, now = machine.estate.state, machine.state, self.checker.cluster.timeline.now
        if state is None or lease is None:
            return
        found = running(Turn(state, Input(now, 0, facts_of(lease, now), Tick())))
        known = self.loose.get(machine.place, {})
        loose = self.loose[machine.place] = {one.name: known.get(one.name, now) for one in found}
        if now < since + PAUSED_WITHIN_US or machine.estate.guests.broken:
            return
        # What has just been started by a command of before is paused now; so is what has just become a managed one.
        busy = machine.estate.guests.busy
        left = [one for one in found if now > max(busy.get(one.name, 0), loose[one.name]) + SECOND]
        if left:
            names = " ".join(one.name for one in left)
            self.checker.violated("M4", f"{machine.node} is suspended, and runs {names}")

    def pauses(self, machine: Machine, name: str) -> None:
        """M4: a machine is told to pause, on a node whose disk does what it should."""
        if name not in machine.estate.kept.notes.paused:
            self.checker.violated("M4", f"{machine.node} pauses {name}, and would not know it after a crash")

    # I3

    def follows(self, machine: Machine, former: Position, inventory: Inventory) -> None:
        """Whoever is at a position has what its maker had there; and no life of a daemon goes back."""
        position = inventory.position
        if position < former:
            self.checker.violated("I3", f"{machine.node} goes back from {former} to {position}")
        if self.had.setdefault(position, inventory) != inventory:
            self.checker.violated("I3", f"{machine.node} has something else at {position} than its maker")

    # P3

    def stepped(self, machine: Machine, before: Estate, after: Estate) -> None:
        """Note what a holder has made."""
        former, position = before.replica.inventory.position, after.replica.inventory.position
        if position == former:
            return
        self.follows(machine, former, after.replica.inventory)
        if not after.desk.opened:
            return
        fresh = [one for one in after.replica.tail if one.position > former and one.position.epoch == position.epoch]
        for operation in fresh:
            change = operation.change
            self.note(machine, operation, change.on if isinstance(change, Opened) else former)
            former = operation.position

    def note(self, machine: Machine, operation: Operation, on: Position) -> None:
        """One operation: no other has its position; what was answered ok is before it."""
        known = self.made.get(operation.position)
        if known is not None and known.operation == operation:
            return
        if known is not None:
            self.checker.violated("P3", f"{machine.node} makes another operation {operation.position}")
        self.made[operation.position] = Made(operation, on)
        if operation.actor:
            self.asked[operation.actor] = operation.position
        if isinstance(operation.change, Opened):
            self.opened.append(operation.position)
            self.kept(on, f"{machine.node} opens {operation.position} on {on}")

    def chain(self, position: Position) -> set[Position]:
        """All operations up to one."""
        found: set[Position] = set()
        while position != NOTHING and position in self.made:
            found.add(position)
            position = self.made[position].on
        return found

    def kept(self, position: Position, where: str) -> None:
        """Nothing that was answered ok is lost; nothing that was refused is there."""
        chain = self.chain(position)
        lost = sorted(one for one in self.good if self.asked[one] not in chain)
        if lost:
            self.checker.violated("P3", f"{where}, and {' '.join(lost)} was ok and is lost")

    def answered(self, answer: Answer) -> bool:
        """An operator got an answer; whether it is one about machines."""
        made = self.asked.get(answer.id)
        if answer.verdict is Verdict.OK and made is not None:
            self.good.add(answer.id)
        if answer.verdict is Verdict.REFUSED and made is not None:
            self.checker.violated("P3", f"{answer.id} was refused, and {made} is its operation")
        return made is not None

    # In the end

    def finally_good(self) -> None:
        """Every replica has everything; every machine runs where it belongs, and is nowhere else."""
        cluster = self.checker.cluster
        holder = cluster.holder()
        if holder is None or holder.estate.state is None:
            return
        inventory = holder.estate.state.replica.inventory
        self.kept(inventory.position, "in the end")
        listed = [cluster.machines[node] for node in cluster.listed()]
        awake = {one.node for one in listed if one.state is not None and one.state.world.role is not Role.SUSPENDED}
        for one in listed:
            state = one.estate.state
            if cluster.is_replica(one.node) and one.estate.kept.inventory != inventory:
                found = one.estate.kept.inventory.position
                self.checker.violated("liveness", f"{one.node} has {found} of {inventory.position}")
            if state is not None and state.own.notes.paused and one.node in awake:
                self.checker.violated("liveness", f"{one.node} left {sorted(state.own.notes.paused)} paused")
        for machine in inventory.machines.values():
            places = [
                (one.node, one.estate.guests.all[machine.name].domain.seen)
                for one in cluster.machines.values()
                if machine.name in one.estate.guests.all
            ]
            # A suspended node destroys what is not its own any more when it is resumed (M3).
            there = [(node, seen) for node, seen in places if node in awake or seen is Seen.RUNNING]
            wanted = [(machine.node, Seen.RUNNING)]
            if machine.node in awake and machine.wanted is Wanted.RUNNING and there != wanted:
                self.checker.violated("liveness", f"{machine.name} is {there}, and belongs to {machine.node}")
