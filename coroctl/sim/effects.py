"""What becomes of each action of a core on a simulated node: the table PERFORM, one function an action.

Nothing here decides. An effect that takes time ends in an event, told to the process that asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coroctl.decision.actions import (
    Do,
    EditFile,
    FetchFile,
    LoadFile,
    Log,
    Pass,
    Relay,
    RenewDeadMan,
    Reply,
    Send,
    StageFile,
    Step,
    Store,
    Wake,
    Warn,
    WriteRun,
)
from coroctl.decision.events import Answered, Heard, Relayed, Tick
from coroctl.sim import dead_man, estate

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.sim.machine import Machine

ABOUT_MACHINES = frozenset({Step.BRING_INVENTORY, Step.QUEUE_RECOVERY, Step.PAUSE_MACHINES, Step.RESUME_MACHINES})


def send(machine: Machine, action: Send) -> None:
    """To every configured node."""
    heard = Heard(action.heartbeat)
    for node in machine.cluster.machines:
        if node != machine.node:
            machine.cluster.post(machine, node, heard)


def set_wake(machine: Machine, action: Wake) -> None:
    """One timer."""
    if action.at == machine.wake:
        return
    machine.wake = action.at
    if action.at < 1 << 61:
        machine.cluster.timeline.at(machine.clock.true(action.at), ring, machine, action.at, machine.life)


def ring(machine: Machine, at: int, life: int) -> None:
    """Unless it was set anew meanwhile."""
    if at == machine.wake and life == machine.life:
        machine.wake = 0
        machine.deliver(Tick())


def write_run(machine: Machine, action: WriteRun) -> None:
    """tmpfs; the guard follows."""
    machine.run = action.run
    machine.services.guard(action.run.guard_until)


def do(machine: Machine, action: Do) -> None:
    """A step of a sequence."""
    if machine.expired(action.before):
        return
    if action.step in ABOUT_MACHINES and machine.estate.concerned():
        estate.ask_step(machine, action)
    else:
        machine.services.begin(action)


def store(machine: Machine, action: Store) -> None:
    """Write and fsync."""
    machine.disk.store(action.number, action.record)


def stage(machine: Machine, action: StageFile) -> None:
    """Write beside, fsync."""
    machine.disk.stage(action.number, action.staged)


def edit(machine: Machine, action: EditFile) -> None:
    """The file system's matter is the cluster's: a file is known by its identity."""
    machine.cluster.edit(machine, action)


def fetch(machine: Machine, action: FetchFile) -> None:
    """From another node."""
    machine.cluster.fetch(machine, action)


def load(machine: Machine, action: LoadFile) -> None:
    """Rename, reload."""
    machine.cluster.load(machine, action)


def relay(machine: Machine, action: Relay) -> None:
    """To another daemon; may be lost like any datagram."""
    machine.cluster.post(machine, action.to, Relayed(machine.node, action.request))


def reply(machine: Machine, action: Reply) -> None:
    """To the operator here, or to the daemon that was asked."""
    if action.to == machine.node:
        machine.cluster.answer(machine, action.answer)
    else:
        machine.cluster.post(machine, action.to, Answered(action.answer))


def log(machine: Machine, action: Log) -> None:
    """One line."""
    machine.cluster.logged(machine, action)


def warn(machine: Machine, action: Warn) -> None:
    """One alarm."""
    machine.cluster.warned(machine, action)


PERFORM: dict[type, Callable[[Machine, Any], None]] = {
    Send: send,
    Store: store,
    WriteRun: write_run,
    RenewDeadMan: dead_man.renew,
    dead_man.CommitDeadMan: dead_man.commit,
    Do: do,
    EditFile: edit,
    FetchFile: fetch,
    StageFile: stage,
    LoadFile: load,
    Relay: relay,
    Pass: estate.pass_on,
    Reply: reply,
    Log: log,
    Warn: warn,
    Wake: set_wake,
    **estate.PERFORM,
}
