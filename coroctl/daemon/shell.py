"""The loop around the core: takes events in, one after the other, and carries out what the core asks for, in order.

Owns the core's state and the ordering rules of decision/actions.py. It decides nothing and does nothing itself: each
kind of action has a tool that does it. An error that nobody expected ends the process: systemd starts it anew, and
the guard takes care of what it held.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from coroctl.daemon.clock import now_us
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
from coroctl.decision.core import boot, step
from coroctl.decision.events import (
    ConfigurationLoaded,
    DeadManCommitted,
    DeadManRefused,
    Done,
    Failed,
    FileFailed,
    Input,
    Tick,
)
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from coroctl.decision.actions import Action
    from coroctl.decision.core import Start
    from coroctl.decision.events import Event
    from coroctl.decision.messages import Answer, Request
    from coroctl.decision.settings import Settings
    from coroctl.decision.state import State
    from coroctl.decision.values import Heartbeat, Record, Run
    from coroctl.model import NodeId

STALL_US = 100_000
"""A loop that is so late was held up: by the machine, or by a bug."""
NEVER_US = 1 << 61
EVENTS_A_TURN = 32


class Voice(Protocol):
    """To the other nodes' daemons. Never blocks, never raises."""

    def send_heartbeat(self, heartbeat: Heartbeat) -> None: ...
    def send_request(self, to: NodeId, request: Request) -> None: ...
    def send_answer(self, to: NodeId, answer: Answer) -> None: ...


class Disk(Protocol):
    """The record. Each number ends in Stored or StoreFailed."""

    def submit(self, number: int, record: Record) -> None: ...


class Files(Protocol):
    """corosync.conf. Each number ends in exactly one event."""

    def edit(self, action: EditFile) -> None: ...
    def fetch(self, action: FetchFile) -> None: ...
    def stage(self, action: StageFile) -> None: ...
    def load(self, action: LoadFile) -> None: ...


class Master(Protocol):
    """Address, dead-man, manager, lock files of this node."""

    def renew(
        self,
        number: int,
        until: int,
        told: Callable[[bool], None],
        failed: Callable[[BaseException], None],
        *,
        hurry: bool,
    ) -> None: ...
    def catch_up(self) -> None: ...
    def write_run(self, run: Run) -> None: ...
    async def carry_out(self, step: Step, before: int) -> None: ...


class Witness(Protocol):
    """Who is told what happens, for people to read."""

    def logged(self, action: Log) -> None: ...
    def warned(self, action: Warn) -> None: ...
    def failed(self, step: Step, why: str) -> None: ...
    def file_failed(self, why: str) -> None: ...
    def answered(self, answer: Answer) -> None: ...
    def configured(self, settings: Settings) -> None: ...
    def stepped(self, state: State) -> None: ...


class Machines(Protocol):
    """The estate, beside the core."""

    def after(self, before: State | None, now: State) -> None: ...
    def pass_on(self, request: Request) -> None: ...


class Tools(NamedTuple):
    """What carries the actions out."""

    voice: Voice
    disk: Disk
    files: Files
    master: Master
    witness: Witness
    machines: Machines


class Shell:
    """One node's core, on one loop."""

    def __init__(self, node: NodeId, loop: asyncio.AbstractEventLoop) -> None:
        self.node = node
        self.ended = asyncio.Event()
        self.failure: BaseException | None = None
        """What nobody expected: the process ends with it."""
        self.stalls = 0
        self.longest_stall_us = 0
        self.state: State | None = None
        self._loop = loop
        self._tools: Tools | None = None
        self._inbox: deque[Event] = deque()
        self._working = False
        self._timer: asyncio.TimerHandle | None = None
        self._wake = 0
        self._steps: set[asyncio.Task[None]] = set()

    def begin(self, start: Start, tools_of: Callable[[State], Tools]) -> None:
        """The first step of this life; the tools are made for its state (they need its incarnation)."""
        self.state, actions = boot(start)
        self._tools = tools_of(self.state)
        self._working = True
        self._carry_out(actions)
        self._working = False
        self._work()

    def tell(self, event: Event) -> None:
        """Something has happened. On the loop's thread only; before `begin` it waits."""
        if self._tools is not None and not self._working:
            self._tools.master.catch_up()
        self._inbox.append(event)
        self._work()

    def fail(self, error: BaseException) -> None:
        """End with an error that nobody expected."""
        self.failure = self.failure or error
        self.ended.set()

    def close(self) -> None:
        """Nothing is taken in or carried out any more."""
        self._tools = None
        if self._timer is not None:
            self._timer.cancel()
        for task in self._steps:
            task.cancel()

    def _work(self) -> None:
        """What waits, unless somebody up the stack is at it; of a flood the rest after others had their turn."""
        if self._working or self._tools is None:
            return
        self._working = True
        try:
            for _ in range(EVENTS_A_TURN):
                if not self._inbox or self._tools is None:
                    return
                self._take(self._inbox.popleft(), self._tools)
        finally:
            self._working = False
        self._loop.call_soon(self._work)

    def _take(self, event: Event, tools: Tools) -> None:
        before = self.state
        assert before is not None
        self.state, actions = step(before, Input(now_us(), secrets.randbits(63), event))
        self._carry_out(actions)
        tools.machines.after(before, self.state)
        if isinstance(event, ConfigurationLoaded):
            tools.witness.configured(self.state.files.settings)
        elif isinstance(event, FileFailed):
            tools.witness.file_failed(event.why)
        tools.witness.stepped(self.state)

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            if self._tools is None:
                return
            PERFORM[type(action)](self, self._tools, action)

    # One kind of action each

    def _send(self, tools: Tools, action: Send) -> None:
        tools.voice.send_heartbeat(action.heartbeat)

    def _relay(self, tools: Tools, action: Relay) -> None:
        tools.voice.send_request(action.to, action.request)

    def _pass(self, tools: Tools, action: Pass) -> None:
        tools.machines.pass_on(action.request)

    def _reply(self, tools: Tools, action: Reply) -> None:
        if action.to == self.node:
            tools.witness.answered(action.answer)
        else:
            tools.voice.send_answer(action.to, action.answer)

    def _store(self, tools: Tools, action: Store) -> None:
        tools.disk.submit(action.number, action.record)

    def _edit(self, tools: Tools, action: EditFile) -> None:
        tools.files.edit(action)

    def _fetch(self, tools: Tools, action: FetchFile) -> None:
        tools.files.fetch(action)

    def _stage(self, tools: Tools, action: StageFile) -> None:
        tools.files.stage(action)

    def _load(self, tools: Tools, action: LoadFile) -> None:
        tools.files.load(action)

    def _log(self, tools: Tools, action: Log) -> None:
        tools.witness.logged(action)

    def _warn(self, tools: Tools, action: Warn) -> None:
        tools.witness.warned(action)

    def _write_run(self, tools: Tools, action: WriteRun) -> None:
        tools.master.write_run(action.run)

    def _renew(self, tools: Tools, action: RenewDeadMan) -> None:
        """L6. Somebody waits for the first one; the others only move the end of an element that lives."""
        if not expired(action.until):
            assert self.state is not None
            hurry = self.state.dead_man.until <= now_us()
            tools.master.renew(
                action.ticket, action.until, partial(self._renewed, action.ticket), self.fail, hurry=hurry
            )

    def _renewed(self, ticket: int, done: bool) -> None:
        self.tell(DeadManCommitted(ticket) if done else DeadManRefused(ticket))

    def _do(self, tools: Tools, action: Do) -> None:
        """A step, beside the loop; begun in the order of the actions."""
        if action.step is Step.EXIT:
            self.ended.set()
        elif not expired(action.before):
            self._begin(self._carry_out_step(tools, action))

    async def _carry_out_step(self, tools: Tools, action: Do) -> None:
        if expired(action.before):
            return
        try:
            await tools.master.carry_out(action.step, action.before)
        except (CoroctlError, OSError) as error:
            tools.witness.failed(action.step, str(error))
            self.tell(Failed(action.number, action.step, str(error)))
        else:
            self.tell(Done(action.number, action.step))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._steps.add(task)
        task.add_done_callback(self._step_over)

    def _step_over(self, task: asyncio.Task[None]) -> None:
        self._steps.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def _set_wake(self, _tools: Tools, action: Wake) -> None:
        if action.at == self._wake and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._wake, self._timer = action.at, None
        if action.at < NEVER_US:
            self._timer = self._loop.call_later(max(action.at - now_us(), 0) / 1_000_000, self._ring)

    def _ring(self) -> None:
        self._timer = None
        late = now_us() - self._wake
        if late > STALL_US:
            self.stalls += 1
            self.longest_stall_us = max(self.longest_stall_us, late)
        self.tell(Tick())


def expired(before: int) -> bool:
    """Rule 2 of actions.py: the clock is read before every action (L5)."""
    return bool(before) and now_us() >= before


PERFORM: dict[type, Callable[[Shell, Tools, Any], None]] = {
    Send: Shell._send,
    Store: Shell._store,
    WriteRun: Shell._write_run,
    RenewDeadMan: Shell._renew,
    Do: Shell._do,
    EditFile: Shell._edit,
    FetchFile: Shell._fetch,
    StageFile: Shell._stage,
    LoadFile: Shell._load,
    Relay: Shell._relay,
    Pass: Shell._pass,
    Reply: Shell._reply,
    Log: Shell._log,
    Warn: Shell._warn,
    Wake: Shell._set_wake,
}
