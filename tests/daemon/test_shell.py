"""The ordering rules of decision/actions.py, as the shell keeps them around the real core."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from coroctl.daemon.clock import now_us
from coroctl.daemon.shell import Shell, Tools
from coroctl.decision.actions import Do, RenewDeadMan, Step
from coroctl.decision.core import Start
from coroctl.decision.events import Membership, Stop, Stored, StoreFailed
from coroctl.decision.settings import Member, Settings
from coroctl.decision.values import Identity, Office, Record
from coroctl.errors import CoroctlError
from coroctl.model import NodeId, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.decision.state import State
    from coroctl.decision.values import Heartbeat, Run

ALONE = NodeId(1)
SETTINGS = Settings(
    Identity(1, "x"), (Member(ALONE),), lease_us=500_000, heartbeat_us=50_000, holdoff_us=100_000, ports=False
)


class Tool:
    """All tools in one: notes what was asked for, in order, and does as it is told."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.calls: list[str] = []
        self.broken: set[Step] = set()
        self.bug: Step | None = None
        self.gate_works = True
        self.hurries: list[bool] = []
        self.leisure: deque[Callable[[], None]] = deque()
        self.until: Callable[[State], bool] = lambda _state: False
        self.reached = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def tools(self, _state: State) -> Tools:
        return Tools(self, self, self, self, self, self)  # type: ignore[arg-type]

    def send_heartbeat(self, heartbeat: Heartbeat) -> None:
        self.calls.append(f"send {heartbeat.news.office.value}")

    def submit(self, number: int, record: Record) -> None:
        self.calls.append(f"store {record.vote}")
        self.loop.call_soon(self.shell.tell, Stored(number))

    def write_run(self, run: Run) -> None:
        self.calls.append("guard" if run.guard_until else "no guard")

    def renew(self, number: int, until: int, told: Callable[[bool], None], _failed: object, *, hurry: bool) -> None:
        assert 0 < until - now_us() <= SETTINGS.lease_us
        self.calls.append(f"renew {number}")
        self.hurries.append(hurry)
        if hurry or not self.gate_works:
            self.loop.call_soon(told, self.gate_works)
        else:
            self.leisure.append(partial(told, True))

    def catch_up(self) -> None:
        while self.leisure:
            self.leisure.popleft()()

    def after(self, _before: object, _now: object) -> None: ...

    async def carry_out(self, step: Step, _before: int) -> None:
        self.calls.append(step.value)
        if step is self.bug:
            raise ZeroDivisionError
        if step in self.broken:
            raise CoroctlError("broken")

    def failed(self, step: Step, why: str) -> None:
        self.calls.append(f"{step.value}: {why}")

    def logged(self, _action: object) -> None: ...
    def warned(self, _action: object) -> None: ...
    def answered(self, _answer: object) -> None: ...
    def configured(self, _settings: Settings) -> None: ...

    def file_failed(self, why: str) -> None:
        self.calls.append(why)

    def edit(self, _action: object) -> None:
        self.calls.append("edit")

    def stepped(self, state: State) -> None:
        if self.until(state):
            self.reached.set()

    async def wait(self, until: Callable[[State], bool]) -> None:
        self.until = until
        self.reached.clear()
        await asyncio.wait_for(self.reached.wait(), 10)


def start(shell: Shell, tool: Tool, settings: Settings = SETTINGS) -> None:
    members = frozenset({ALONE})
    found = Start(ALONE, 5, settings, now_us(), 99, Record(), None, members, quorate=True)
    shell.begin(found, tool.tools)


def serving(state: State) -> bool:
    return state.world.role is Role.MASTER


async def test_a_lone_node_becomes_master_by_the_steps_in_their_order() -> None:
    shell = Shell(ALONE, asyncio.get_running_loop())
    tool = Tool(shell)
    start(shell, tool)
    await tool.wait(serving)
    shell.close()
    steps = [call for call in tool.calls if call in {one.value for one in Step}]
    up = steps[steps.index("add address") :]
    assert up[:5] == [
        "add address",
        "create the lock file",
        "bring the inventory up",
        "start the manager",
        "queue recovery, mark as relocated",
    ]
    assert tool.calls.index("guard") < tool.calls.index("start the manager")


async def test_the_dead_man_is_set_before_the_address() -> None:
    shell = Shell(ALONE, asyncio.get_running_loop())
    tool = Tool(shell)
    start(shell, tool)
    await tool.wait(serving)
    shell.close()
    first = next(at for at, call in enumerate(tool.calls) if call.startswith("renew"))
    assert first < tool.calls.index("add address")


async def test_only_the_first_commit_hurries_and_the_others_are_heard_of_all_the_same() -> None:
    shell = Shell(ALONE, asyncio.get_running_loop())
    tool = Tool(shell)
    start(shell, tool)
    await tool.wait(serving)
    renewed: set[int] = set()

    def often(state: State) -> bool:
        renewed.add(state.dead_man.until)
        return len(renewed) > 4

    await tool.wait(often)
    shell.close()
    assert tool.hurries[0]
    assert len(tool.hurries) > 4
    assert not any(tool.hurries[1:])
    assert shell.state is not None
    assert shell.state.world.role is Role.MASTER


async def test_a_renewal_that_is_refused_is_asked_for_again() -> None:
    shell = Shell(ALONE, asyncio.get_running_loop())
    tool = Tool(shell)
    start(shell, tool)
    await tool.wait(serving)
    tool.gate_works = False
    tool.calls.clear()
    await tool.wait(lambda _state: sum(call.startswith("renew") for call in tool.calls) > 3)
    tool.gate_works = True
    await tool.wait(lambda state: state.dead_man.until > now_us())
    shell.close()


async def test_a_gate_that_refuses_never_lets_the_address_in() -> None:
    shell = Shell(ALONE, asyncio.get_running_loop())
    tool = Tool(shell)
    tool.gate_works = False
    start(shell, tool)
    await tool.wait(lambda state: state.claim.office is Office.HOLDING and len(tool.calls) > 60)
    shell.close()
    assert "add address" not in tool.calls


async def test_a_step_that_fails_is_told_with_its_reason_and_a_bug_ends_the_process() -> None:
    shell = Shell(ALONE, asyncio.get_running_loop())
    tool = Tool(shell)
    tool.broken = {Step.LOCK}
    tool.bug = Step.BRING_INVENTORY
    start(shell, tool)
    await asyncio.wait_for(shell.ended.wait(), 10)
    shell.close()
    assert "create the lock file: broken" in tool.calls
    assert isinstance(shell.failure, ZeroDivisionError)


async def test_a_clean_stop_ends_with_everything_given_up() -> None:
    shell = Shell(ALONE, asyncio.get_running_loop())
    tool = Tool(shell)
    start(shell, tool)
    await tool.wait(serving)
    shell.tell(Stop())
    await asyncio.wait_for(shell.ended.wait(), 10)
    shell.close()
    assert shell.failure is None
    down = tool.calls[tool.calls.index("stop the manager") :]
    assert down.index("disarm") < down.index("remove address")
    assert "no guard" in down


async def test_what_came_too_late_is_not_done() -> None:
    shell = Shell(ALONE, asyncio.get_running_loop())
    tool = Tool(shell)
    start(shell, tool)
    tool.calls.clear()
    past = now_us() - 1
    shell._carry_out([RenewDeadMan(7, past), Do(8, Step.ADD_ADDRESS, past)])
    shell.close()
    assert tool.calls == []


async def test_what_is_told_in_the_middle_of_a_step_is_taken_in_after_it() -> None:
    shell = Shell(ALONE, asyncio.get_running_loop())
    tool = Tool(shell)
    seen: list[int] = []

    class Eager(Tool):
        def submit(self, number: int, _record: Record) -> None:
            seen.append(len(self.calls))
            self.shell.tell(StoreFailed(number, "full"))
            assert shell.state is not None
            assert shell.state.disk.storing is not None
            self.calls.append("after")

    tool = Eager(shell)
    start(shell, tool)
    shell.close()
    assert seen
    assert "after" in tool.calls


async def test_a_loop_that_is_held_up_counts_its_stalls() -> None:
    shell = Shell(ALONE, asyncio.get_running_loop())
    tool = Tool(shell)
    start(shell, tool)
    await tool.wait(lambda state: state.life.told)
    until = now_us() + SETTINGS.heartbeat_us + 150_000
    while now_us() < until:
        pass
    await tool.wait(lambda _state: shell.stalls > 0)
    shell.close()
    assert shell.longest_stall_us >= 100_000


async def test_membership_before_the_beginning_waits() -> None:
    shell = Shell(ALONE, asyncio.get_running_loop())
    shell.tell(Membership(frozenset({ALONE, NodeId(2)}), quorate=True))
    tool = Tool(shell)
    start(shell, tool)
    assert shell.state is not None
    assert shell.state.world.members == {ALONE, 2}
    shell.close()
