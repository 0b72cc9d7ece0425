"""The estate on the daemon's loop, beside a real lease: a lone node adopts a machine, and its next life knows it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.daemon.clock import now_us
from coroctl.daemon.inventory.host import EstateHost, Tools
from coroctl.daemon.inventory.keeper import Keeper
from coroctl.daemon.shell import Shell
from coroctl.daemon.shell import Tools as LeaseTools
from coroctl.decision.core import Start
from coroctl.decision.estate.actions import Command, Log, Order, Warn, WarnOver
from coroctl.decision.estate.events import DomainRead, Done, Hypervisor
from coroctl.decision.estate.values import Domain, Position, Seen
from coroctl.decision.events import Asked, Stored
from coroctl.decision.messages import Answer, Edit, Request, Verb, Verdict
from coroctl.decision.settings import Member, Settings
from coroctl.decision.values import Identity, Record
from coroctl.errors import CoroctlError
from coroctl.model import NodeId, Role

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from coroctl.decision.actions import Step
    from coroctl.decision.state import State

ALONE = NodeId(7)
SETTINGS = Settings(
    Identity(1, "x"),
    (Member(ALONE, replica=True),),
    lease_us=500_000,
    heartbeat_us=50_000,
    holdoff_us=100_000,
    service=False,
    ports=False,
    address=False,
)


class House:
    """One node's daemon with its two cores: everything but the network and the hypervisor is the real thing."""

    def __init__(self, folder: Path, domains: dict[str, Domain]) -> None:
        self.loop = asyncio.get_running_loop()
        self.shell = Shell(ALONE, self.loop)
        self.domains = domains
        self.answers: dict[str, asyncio.Future[Answer]] = {}
        self.told: list[str] = []
        self.changed = asyncio.Event()
        self.keeper = Keeper(folder, lambda event: self.host.tell(event))
        self.host = EstateHost(ALONE, Tools(self.keeper, self, self, self), self.shell.tell)  # type: ignore[arg-type]

    def enter(self) -> None:
        found = Start(ALONE, 5, SETTINGS, now_us(), 99, Record(), None, frozenset({ALONE}), quorate=True)
        self.shell.begin(found, lambda _: LeaseTools(self, self, self, self, self, self.host))  # type: ignore[arg-type]
        state = self.shell.state
        assert state is not None
        self.host.begin(self.keeper.load(), state, lost=False, unexpected=self.shell.fail)
        self.show()

    async def end(self) -> None:
        self.shell.close()
        await self.host.close()
        self.keeper.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Looked at after every step."""
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def ask(self, name: str, verb: Verb, machine: str) -> Answer:
        state = self.shell.state
        assert state is not None
        assert state.claim.tenure is not None
        self.answers[name] = self.loop.create_future()
        edit = Edit(verb, ALONE, text=machine)
        self.shell.tell(Asked(Request(name, edit, ALONE, state.claim.tenure.term, SETTINGS.identity)))
        return await asyncio.wait_for(self.answers[name], 10)

    # The hypervisor

    def show(self) -> None:
        self.host.tell(Hypervisor(tuple(self.domains.values()), 4096))

    def give(self, command: Command) -> None:
        self.told.append(f"{command.order.value} {command.machine.name}")
        if command.order is Order.START:
            machine = command.machine
            self.domains[machine.name] = Domain(machine.name, machine.uuid, Seen.RUNNING)
        self.loop.call_soon(self.show)
        self.loop.call_soon(self.host.tell, Done(command.number))

    async def read(self, name: str) -> DomainRead:
        if name not in self.domains:
            raise CoroctlError(f"there is no machine {name}")
        return DomainRead(0, self.domains[name], f"<domain>{name}</domain>", 512)

    # Witness and tools of both

    def machine_logged(self, action: Log) -> None:
        self.told.append(action.event.value)

    def machine_warned(self, action: Warn) -> None:
        self.told.append(f"alarm {action.alarm.value}: {action.detail}")

    def machine_warning_over(self, action: WarnOver) -> None:
        self.told.append(f"over {action.alarm.value}")

    def submit(self, number: int, _record: Record) -> None:
        self.loop.call_soon(self.shell.tell, Stored(number))

    def answered(self, answer: Answer) -> None:
        self.answers[answer.id].set_result(answer)

    def stepped(self, _state: State) -> None:
        self.changed.set()

    def renew(self, _number: int, _until: int, told: Callable[[bool], None], *_: object, **_hurry: bool) -> None:
        self.loop.call_soon(told, True)

    async def carry_out(self, step: Step, _before: int) -> None:
        await self.host.carry_out(step)

    def ignored(self, *_: Any) -> None: ...

    begin = catch_up = manages = send_heartbeat = ignored
    write_run = logged = warned = configured = failed = file_failed = ignored


def serves(house: House) -> bool:
    state = house.shell.state
    return state is not None and state.world.role is Role.MASTER


@pytest.fixture
def domains() -> dict[str, Domain]:
    return {name: Domain(name, f"uuid {name}", Seen.RUNNING) for name in ("a", "b")}


async def test_what_was_adopted_is_known_to_the_next_life_and_started_there(
    tmp_path: Path, domains: dict[str, Domain]
) -> None:
    house = House(tmp_path, domains)
    house.enter()
    await house.until(lambda: serves(house))
    assert await house.ask("one", Verb.MACHINE_ADOPT, "a") == Answer("one", Verdict.OK)
    refused = await house.ask("two", Verb.MACHINE_ADOPT, "nobody")
    assert refused == Answer("two", Verdict.REFUSED, "there is no machine nobody")
    assert house.host.picture()["machines"][0]["name"] == "a"
    await house.end()
    assert house.shell.failure is None
    assert not [word for word in house.told if word.startswith(("start", "stop", "destroy", "pause", "alarm"))]

    domains["a"] = Domain("a", "uuid a", Seen.OFF)
    again = House(tmp_path, domains)
    again.enter()
    await again.until(lambda: serves(again) and "start a" in again.told)
    found = again.host.state
    assert found is not None
    assert found.replica.inventory.machines["a"].xml == "<domain>a</domain>"
    assert found.replica.inventory.position > Position(1, 2)
    await again.end()
    assert "start b" not in again.told


async def test_without_a_machine_nothing_is_written(tmp_path: Path) -> None:
    house = House(tmp_path, {})
    house.enter()
    await house.until(lambda: serves(house))
    await house.end()
    assert list(tmp_path.iterdir()) == []
