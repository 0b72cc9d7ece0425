"""The estate's orders, carried out by the hypervisor: its commands in, and what came of them and what there is out.

It never says *failed* of a start that may still succeed: whoever gave the order would give the machine to another node.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, assert_never

from coroctl.daemon.machines.hypervisor import (
    Gone,
    HypervisorAway,
    HypervisorError,
    HypervisorUnknown,
    Picture,
    State,
)
from coroctl.decision.estate import events
from coroctl.decision.estate.actions import Order
from coroctl.decision.estate.values import Domain, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from coroctl.daemon.machines import hypervisor
    from coroctl.daemon.machines.hypervisor import Hypervisor, Route, Told
    from coroctl.decision.estate.actions import Command
    from coroctl.decision.estate.values import Machine
    from coroctl.model import NodeId

STOP_GRACE_S = 60.0
AGAIN_S = 1.0
"""Between two attempts to learn what became of a start."""

SEEN = {
    State.RUNNING: Seen.RUNNING,
    State.PAUSED: Seen.PAUSED,
    State.CRASHED: Seen.PAUSED,
    State.OFF: Seen.OFF,
    State.UNKNOWN: Seen.UNKNOWN,
}
"""What is left of a crashed guest is a process that executes nothing."""
LEFT = "migrated"
"""Why a machine is off that runs, or waits to, where a live migration has taken it."""
ARRIVING = frozenset({"migration", "starting up"})
"""Why a machine is paused that will run, or vanish again, without anybody's doing."""
REACHED: dict[Order, frozenset[State]] = {
    Order.START: frozenset({State.RUNNING}),
    Order.STOP: frozenset({State.OFF}),
    Order.PAUSE: frozenset({State.PAUSED, State.OFF, State.CRASHED}),
    Order.RESUME: frozenset({State.RUNNING}),
    Order.DESTROY: frozenset(),
    Order.MIGRATE: frozenset({State.OFF}),
}
"""What shows that an order was carried out whose answer is missing; one that destroys is given again."""


def domain(one: hypervisor.Domain) -> Domain:
    """A machine as it is here. libvirt shows what is migrated to here as starting up first, and so what is started."""
    arriving = one.state is State.PAUSED and one.reason in ARRIVING
    return Domain(one.name, one.uuid, SEEN[one.state], arriving, one.state is State.OFF and one.reason == LEFT)


def told(what: Told) -> events.Hypervisor | events.HypervisorGone:
    """What the driver tells, in the estate's words."""
    match what:
        case Picture():
            return events.Hypervisor(tuple(map(domain, what.domains)), what.free_mib)
        case Gone():
            return events.HypervisorGone()
        case _:
            assert_never(what)


def autostarted(picture: Picture, managed: Collection[str]) -> frozenset[str]:
    """Managed machines that libvirtd would start by itself when this node boots."""
    return frozenset(one.name for one in picture.domains if one.autostart and one.name in managed)


class Orders:
    """Each command ends in one event; one after the other for each machine. `route`: to a node's hypervisor."""

    def __init__(
        self, hypervisor: Hypervisor, tell: Callable[[events.Event], None], route: Callable[[NodeId], Route]
    ) -> None:
        self._hypervisor = hypervisor
        self._tell = tell
        self._route = route
        self._migrating: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def give(self, command: Command) -> None:
        """Begin it. Ends in Done or Failed."""
        task = asyncio.create_task(self._carry_out(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """What is under way ends by itself, and nobody is told."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _carry_out(self, command: Command) -> None:
        try:
            await self._do(command.order, command.machine)
        except (HypervisorError, HypervisorUnknown) as error:
            self._tell(events.Failed(command.number, str(error)))
        else:
            self._tell(events.Done(command.number))

    async def _do(self, order: Order, machine: Machine) -> None:
        """To a definite end."""
        try:
            await self._ask(order, machine)
        except HypervisorAway:
            raise  # it was not asked for, and nothing is known of machines here (HypervisorGone)
        except (HypervisorError, HypervisorUnknown) as error:
            # Refused or not: what was asked for before, by a former life of this daemon maybe, may still succeed.
            if await self._settled(machine.name) not in REACHED[order]:
                raise HypervisorError(f"{error}; it has not") from None

    async def _ask(self, order: Order, machine: Machine) -> None:
        hypervisor, name = self._hypervisor, machine.name
        match order:
            case Order.START:
                await hypervisor.define(machine.xml)
                await hypervisor.autostart_off(name)
                await hypervisor.start(name)
            case Order.STOP:
                await hypervisor.stop(name, STOP_GRACE_S)
                if await self._settled(name) is not State.OFF:
                    raise HypervisorError(f"stop {name}: a start of it was under way, and has succeeded")
            case Order.PAUSE:
                if name in self._migrating:
                    await hypervisor.abort(name)
                await hypervisor.pause(name)
            case Order.RESUME:
                await self._settled(name)
                await hypervisor.resume(name)
            case Order.DESTROY:
                await hypervisor.destroy(name)
                await hypervisor.undefine(name)
            case Order.MIGRATE:
                await self._migrate(machine)
            case _:
                assert_never(order)

    async def _migrate(self, machine: Machine) -> None:
        self._migrating.add(machine.name)
        try:
            await self._hypervisor.migrate(machine.name, self._route(machine.to))
        finally:
            self._migrating.discard(machine.name)

    async def _settled(self, name: str) -> State:
        """What it does when nothing is under way any more. As long as that cannot be known, it is not said."""
        while True:
            try:
                return await self._hypervisor.settled(name)
            except (HypervisorError, HypervisorUnknown):
                await asyncio.sleep(AGAIN_S)
