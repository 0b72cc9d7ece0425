"""What a node's daemon makes happen outside its process: fsync, the manager, lock file, and the guard.

The guard is not the daemon: it kills the manager and drops the address when the lease that /run names has passed
unrenewed, so a frozen or dead daemon leaves neither behind (P1b). It is frozen only with the whole node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.actions import Do, Step
from coroctl.decision.events import Done, Failed, FileFailed, FileStaged, Stored, StoreFailed
from coroctl.decision.values import Record, Staged
from coroctl.sim.clock import MS

if TYPE_CHECKING:
    from coroctl.sim.machine import Machine

GUARD_US = 100 * MS
RESTART_US = 200 * MS
DURATIONS = {
    Step.ADD_ADDRESS: 1 * MS,
    Step.LOCK: 1 * MS,
    Step.BRING_INVENTORY: 5 * MS,
    Step.START_MANAGER: 150 * MS,
    Step.CHECK_PORTS: 20 * MS,
    Step.QUEUE_RECOVERY: 2 * MS,
    Step.STOP_MANAGER: 100 * MS,
    Step.KILL_MANAGER: 5 * MS,
    Step.DISARM: 1 * MS,
    Step.REMOVE_ADDRESS: 1 * MS,
    Step.UNLOCK: 1 * MS,
    Step.RESTORE_GATE: 2 * MS,
    Step.PAUSE_MACHINES: 10 * MS,
    Step.RESUME_MACHINES: 10 * MS,
    Step.EXIT: 0,
}


class Disk:
    """The record and the staged file. A crash loses or keeps what is in flight, as chance has it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.record: Record | None = Record()
        self.staged: Staged | None = None
        self.former: list[Record] = []
        self.full = False
        self.fsync_us = 2 * MS
        self.in_flight: list[tuple[int, Record | Staged]] = []

    def store(self, number: int, record: Record) -> None:
        """Ends in Stored or StoreFailed, unless the process dies."""
        if self.full:
            self.machine.later(self.fsync_us, StoreFailed(number, "no space left on device"))
        else:
            self.begin(number, record)

    def stage(self, number: int, staged: Staged) -> None:
        """Ends in FileStaged or FileFailed."""
        if self.full:
            self.machine.later(self.fsync_us, FileFailed(number, "no space left on device"))
        else:
            self.begin(number, staged)

    def begin(self, number: int, what: Record | Staged) -> None:
        """In flight."""
        machine = self.machine
        self.in_flight.append((number, what))
        spread = int(machine.cluster.random.random() * self.fsync_us)
        machine.cluster.timeline.after(self.fsync_us // 2 + spread, self.land, machine.life, number, what)

    def land(self, life: int, number: int, what: Record | Staged) -> None:
        """fsync returns."""
        machine = self.machine
        if life != machine.life:
            return
        self.in_flight.remove((number, what))
        self.keep(what)
        machine.tell(life, Stored(number) if isinstance(what, Record) else FileStaged(number, what))

    def keep(self, what: Record | Staged) -> None:
        """It is on the platter."""
        if isinstance(what, Staged):
            self.staged = what
        else:
            if self.record is not None:
                self.former = [*self.former[-3:], self.record]
            self.record = what

    def interrupted(self) -> None:
        """The process has died, or the power: what was in flight may be there or not."""
        for _, what in self.in_flight:
            if self.machine.cluster.random.random() < self.machine.cluster.torn:
                self.keep(what)
        self.in_flight.clear()


class Services:
    """Steps, and what they leave behind."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.manager = False
        self.locked = False
        self.paused = False
        """The managed machines, by us."""
        self.broken: set[Step] = set()
        self.slow: dict[Step, int] = {}
        self.attempt = 0
        """Of starting the manager: a kill ends it."""
        self.guarded = 0

    def begin(self, action: Do) -> None:
        """What cannot wait happens now; the answer comes when the step's time is over."""
        machine, what = self.machine, action.step
        cluster = machine.cluster
        if what in (Step.ADD_ADDRESS, Step.START_MANAGER) and machine.state is not None:
            cluster.checker.acts(machine, machine.state, what.value)
        if what is Step.START_MANAGER:
            self.attempt += 1
        elif what is not Step.STOP_MANAGER:
            self.apply(action)
        duration = self.slow.get(what, DURATIONS[what])
        cluster.timeline.after(duration, self.end, machine.life, action, self.attempt)

    def end(self, life: int, action: Do, attempt: int) -> None:
        """The step ends, and is told to the process that asked. systemd goes on without it."""
        machine, what = self.machine, action.step
        if not machine.powered:
            return
        if what in self.broken:
            machine.tell(life, Failed(action.number, what, "broken"))
            return
        if what is Step.START_MANAGER:
            if attempt != self.attempt:
                return
            if machine.expired(action.before):
                # The unit's guard (ExecCondition) reads the clock once more, in the process that would become it.
                machine.tell(life, Failed(action.number, what, "the lease has ended"))
                return
            self.run_manager()
        elif what is Step.STOP_MANAGER:
            self.kill_manager()
        machine.tell(life, Done(action.number, what))

    def apply(self, action: Do) -> None:
        """Effects on the kernel are immediate."""
        machine, what = self.machine, action.step
        if what in self.broken:
            return
        if what is Step.ADD_ADDRESS:
            machine.kernel.add_address(action.before - machine.clock.read(machine.cluster.timeline.now))
        elif what is Step.REMOVE_ADDRESS:
            machine.kernel.remove_address()
        elif what is Step.DISARM:
            machine.kernel.disarm()
        elif what is Step.RESTORE_GATE:
            machine.kernel.restore()
        elif what is Step.KILL_MANAGER:
            self.kill_manager()
        elif what in (Step.LOCK, Step.UNLOCK):
            self.locked = what is Step.LOCK
        elif what in (Step.PAUSE_MACHINES, Step.RESUME_MACHINES):
            self.pause(on=what is Step.PAUSE_MACHINES)
        elif what is Step.EXIT:
            machine.cluster.timeline.after(0, machine.exit)
        machine.cluster.speech(machine)

    def pause(self, *, on: bool) -> None:
        """The managed machines."""
        if on != self.paused:
            self.paused = on
            self.machine.note("the machines are paused" if on else "the machines go on")

    def run_manager(self) -> None:
        """It runs."""
        machine = self.machine
        if not self.manager:
            self.manager = True
            machine.note("the manager runs")
            machine.cluster.checker.manager_runs(machine)

    def kill_manager(self) -> None:
        """It does not, nor does any start of it go on."""
        self.attempt += 1
        if self.manager:
            self.manager = False
            self.machine.note("the manager is gone")

    def guard(self, until: int) -> None:
        """Look at /run again when it should have been written anew."""
        if until and until != self.guarded:
            machine = self.machine
            moment = machine.clock.true(until) + GUARD_US
            machine.cluster.timeline.at(moment, self.check_guard, until, machine.boots)
        self.guarded = until

    def check_guard(self, until: int, boots: int) -> None:
        """Nobody has renewed it: nothing of the master may stay."""
        machine = self.machine
        if boots != machine.boots or not machine.powered or machine.all_frozen or self.guarded != until:
            return
        if self.manager or machine.kernel.address:
            machine.note("the guard removes the address and the manager")
        machine.kernel.disarm()
        machine.kernel.remove_address()
        self.kill_manager()
        if machine.state is not None:
            machine.kill()
            machine.cluster.timeline.after(RESTART_US, machine.start)
        machine.cluster.speech(machine)

    def guard_again(self) -> None:
        """After a thaw of the whole node."""
        machine = self.machine
        now = machine.clock.read(machine.cluster.timeline.now)
        if self.guarded and now > self.guarded + GUARD_US:
            self.check_guard(self.guarded, machine.boots)

    def power_off(self) -> None:
        """All processes are gone."""
        self.manager = self.locked = self.paused = False
        self.attempt += 1
        self.guarded = 0
