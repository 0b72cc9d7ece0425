"""The shell around the estate's core: its events in, one after the other, its actions out; beside the lease's shell.

After each step of the lease's core the estate is asked if it is concerned and something has changed for it: a cluster
without machines pays for a comparison. Decides nothing; what blocks is on the keeper's thread or on a worker's.
"""

from __future__ import annotations

import asyncio
import time
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from coroctl.daemon.clock import now_us
from coroctl.daemon.inventory import carriage
from coroctl.daemon.inventory.look import Known, Lookup
from coroctl.daemon.seal import DATA_MAX
from coroctl.decision import events as lease
from coroctl.decision.estate import actions, core, events
from coroctl.decision.estate.facts import concerned, differs, facts_of
from coroctl.decision.estate.fences import may_feed
from coroctl.decision.estate.picture import brief, picture
from coroctl.decision.estate.replica import serve
from coroctl.decision.messages import COLD, Verb
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from coroctl.daemon.inventory.keeper import Kept, Write
    from coroctl.daemon.pull_wire import Flow, Question
    from coroctl.decision.actions import Step
    from coroctl.decision.estate.actions import Action
    from coroctl.decision.estate.state import Estate
    from coroctl.decision.estate.values import Position
    from coroctl.decision.messages import Request
    from coroctl.decision.state import State
    from coroctl.model import NodeId

NEVER_US = 1 << 61
READ_S = 10.0
LOOK_S = 3.0
"""For a preflight; an adoption waits longer."""


class StepFailed(CoroctlError):
    """A step of the lease's core about machines."""


class NoHypervisor(CoroctlError):
    """This node has none, or it cannot be asked."""


class Hypervisor(Protocol):
    """This node's. Each command ends in Done or Failed, told to the host; and so is what it has."""

    def begin(self) -> None:
        """Reach it, from the first time on that there may be machines. Again and again."""

    def give(self, command: actions.Command) -> None: ...
    async def read(self, name: str) -> events.DomainRead: ...

    def manages(self, names: frozenset[str]) -> None:
        """This node's own machines from now on."""


class Disk(Protocol):
    """The replica and the notes."""

    def submit(self, loop: asyncio.AbstractEventLoop, what: Write) -> None: ...


class Fences(Protocol):
    """Agents and the watchdog of this node."""

    def fence(self, action: actions.Fence) -> None: ...
    def disarm(self) -> None: ...


class Peers(Protocol):
    """Other nodes' daemons, over TCP. CoroctlError if they do not answer."""

    def inventory(self, source: NodeId, position: Position) -> Awaitable[bytes]: ...
    def machine(self, source: NodeId, name: str) -> Awaitable[bytes]: ...


class Witness(Protocol):
    """Who is told what happens, for people to read."""

    def machine_logged(self, action: actions.Log) -> None: ...
    def machine_warned(self, action: actions.Warn) -> None: ...
    def machine_warning_over(self, action: actions.WarnOver) -> None: ...


class Tools(NamedTuple):
    """What carries the actions out. hypervisor, fences None: this node has none."""

    disk: Disk
    peers: Peers
    witness: Witness
    hypervisor: Hypervisor | None = None
    fences: Fences | None = None


class EstateHost:
    """One node's estate, on the daemon's loop. `tell_lease` takes the events of the lease's core."""

    def __init__(self, node: NodeId, tools: Tools, tell_lease: Callable[[lease.Event], None]) -> None:
        self.state: Estate | None = None
        self._node = node
        self._tools = tools
        self._tell_lease = tell_lease
        self._lease: State | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wake = 0
        self._reaching = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._steps: dict[int, asyncio.Future[None]] = {}
        self._numbers = count(1)
        self._unexpected: Callable[[BaseException], None] | None = None

    def begin(self, kept: Kept, state: State, *, lost: bool, unexpected: Callable[[BaseException], None]) -> None:
        """The first step of this life comes with the first event that concerns it."""
        self._unexpected = unexpected
        self.state = core.boot(core.Start(self._node, kept.inventory, kept.notes, lost, kept.problem))
        if self._tools.hypervisor is not None:
            self._tools.hypervisor.manages(kept.notes.managed)
        self.after(None, state)

    async def close(self) -> None:
        """Nothing is taken in or carried out any more. Machines stay as they are (M5)."""
        self.state = None
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # In

    def after(self, before: State | None, now: State) -> None:
        """A step of the lease's core is over."""
        self._lease = now
        if not self.concerned():
            return
        if self._reaching and self._tools.hypervisor is not None:
            self._tools.hypervisor.begin()
        if before is None or differs(before, now):
            self.tell(events.Tick())

    def reach(self) -> None:
        """The daemon's start is over, and has time for libvirt (which takes 50 ms to load)."""
        self._reaching = True
        if self._lease is not None:
            self.after(self._lease, self._lease)

    def concerned(self) -> bool:
        """Whether there is anything to do with machines."""
        if self.state is None or self._lease is None:
            return False
        return not core.idle(self.state) or concerned(self._lease)

    def tell(self, event: events.Event) -> None:
        """Something has happened. On the loop's thread only."""
        if self.state is None or self._lease is None:
            return
        now = now_us()
        given = events.Input(now, int(time.time()), facts_of(self._lease, now), event)
        self.state, asked = core.step(self.state, given)
        for action in asked:
            self._perform(action)

    def picture(self) -> dict[str, Any]:
        """For people."""
        if self.state is None or self._lease is None:
            return {"inventory": None, "recovery": [], "machines": []}
        return picture(self.state, facts_of(self._lease, now_us()))

    def brief(self) -> dict[str, Any] | None:
        """For the snapshot; None where nobody has anything to do with machines."""
        if self.state is None or self._lease is None or not self.concerned():
            return None
        return brief(self.state, facts_of(self._lease, now_us()))

    def known(self) -> Known | None:
        """For whoever judges a change; None before the beginning."""
        if self.state is None or self._lease is None:
            return None
        return Known(self.state, facts_of(self._lease, now_us()))

    async def find(self, node: NodeId, name: str) -> Lookup:
        """Look for a machine on a node's hypervisor, in time for somebody who waits. Never raises."""
        try:
            async with asyncio.timeout(LOOK_S):
                return Lookup(await self._definition(node, name))
        except (CoroctlError, OSError, TimeoutError) as error:
            return Lookup(None, str(error) or "it did not answer in time")

    def may_feed(self) -> bool:
        """Whether this node's watchdog may be fed now (C2)."""
        if self.state is None or self._lease is None:
            return False
        return may_feed(self.state, facts_of(self._lease, now_us()))

    def pass_on(self, request: Request) -> None:
        """An operator's request about machines."""
        edit = request.edit
        wish = events.Wish(request.id, edit.verb, edit.text, edit.node, request.origin, edit.actor)
        self.tell(wish._replace(cold=edit.verb is Verb.MACHINE_MOVE and edit.value == COLD))

    async def carry_out(self, step: Step) -> None:
        """A step of the lease's core about machines, to its end. StepFailed says why not."""
        if not self.concerned():
            return
        number = next(self._numbers)
        self._steps[number] = self._loop.create_future()
        try:
            self.tell(events.StepAsked(number, step))
            await self._steps[number]
        finally:
            del self._steps[number]

    async def answer(self, question: Question) -> Flow:
        """Another node asks for what it misses, or for a machine of this node's hypervisor."""
        if self.state is None or question.position is None:
            data = carriage.packed_domain(await self._read(question.machine))
        else:
            data = await asyncio.to_thread(carriage.packed, serve(self.state, question.position))
        for at in range(0, len(data), DATA_MAX):
            yield data[at : at + DATA_MAX]

    # Out

    def _perform(self, action: Action) -> None:
        match action:
            case actions.StoreOperations() | actions.StoreWhole() | actions.StoreNotes():
                self._store(action)
            case actions.PullFrom():
                self._begin(self._pull(action))
            case actions.ReadDomain():
                self._begin(self._look_at(action))
            case actions.Command() | actions.Fence() | actions.DisarmWatchdog():
                self._command(action)
            case actions.Log() | actions.Warn() | actions.WarnOver():
                self._witness(action)
            case actions.Wake(at):
                self._set_wake(at)
            case _:
                self._answer(action)

    def _store(self, action: Write) -> None:
        self._tools.disk.submit(self._loop, action)
        if isinstance(action, actions.StoreNotes) and self._tools.hypervisor is not None:
            self._tools.hypervisor.manages(action.notes.managed)

    def _answer(self, action: actions.Tell | actions.Answer | actions.StepDone | actions.StepFailed) -> None:
        match action:
            case actions.Tell(stock):
                self._tell_lease(lease.Stocked(stock))
            case actions.Answer(to, answer):
                self._tell_lease(lease.Judged(to, answer))
            case actions.StepDone(number):
                self._end_step(number, None)
            case actions.StepFailed(number, _, why):
                self._end_step(number, StepFailed(why))

    def _command(self, action: actions.Command | actions.Fence | actions.DisarmWatchdog) -> None:
        hypervisor, fences = self._tools.hypervisor, self._tools.fences
        match action:
            case actions.Command(number):
                if hypervisor is None:
                    self._loop.call_soon(self.tell, events.Failed(number, "this node has no hypervisor"))
                else:
                    hypervisor.give(action)
            case actions.Fence() if fences is not None:
                fences.fence(action)
            case actions.DisarmWatchdog() if fences is not None:
                fences.disarm()

    def _witness(self, action: actions.Log | actions.Warn | actions.WarnOver) -> None:
        witness = self._tools.witness
        match action:
            case actions.Log():
                witness.machine_logged(action)
            case actions.Warn():
                witness.machine_warned(action)
            case actions.WarnOver():
                witness.machine_warning_over(action)

    def _end_step(self, number: int, why: StepFailed | None) -> None:
        future = self._steps.get(number)
        if future is None or future.done():
            return
        if why is None:
            future.set_result(None)
        else:
            future.set_exception(why)

    def _set_wake(self, at: int) -> None:
        if at == self._wake and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._wake, self._timer = at, None
        if at < NEVER_US:
            self._timer = self._loop.call_later(max(at - now_us(), 0) / 1_000_000, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.tell(events.Tick())

    async def _pull(self, action: actions.PullFrom) -> None:
        """Over TCP, in bounded time; what came is unpacked on another thread."""
        try:
            data = await self._tools.peers.inventory(action.node, action.position)
            batch = await asyncio.to_thread(carriage.unpacked, data)
        except (CoroctlError, OSError) as error:
            self.tell(events.Failed(action.number, str(error)))
        else:
            self.tell(events.Pulled(action.number, batch))

    async def _look_at(self, action: actions.ReadDomain) -> None:
        try:
            found = await self._definition(action.node, action.name)
        except (CoroctlError, OSError, TimeoutError) as error:
            self.tell(events.Failed(action.number, str(error) or "it did not answer in time"))
        else:
            self.tell(found._replace(number=action.number))

    async def _definition(self, node: NodeId, name: str) -> events.DomainRead:
        if node == self._node:
            return await self._read(name)
        return carriage.unpacked_domain(await self._tools.peers.machine(node, name))

    async def _read(self, name: str) -> events.DomainRead:
        if self._tools.hypervisor is None:
            raise NoHypervisor("that node has no hypervisor")
        async with asyncio.timeout(READ_S):
            return await self._tools.hypervisor.read(name)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and self._unexpected is not None:
            self._unexpected(error)
