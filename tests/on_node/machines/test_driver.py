"""The driver with a real libvirtd and real qemu, on a node of a lab that has machines.

``vm1`` runs when a test begins. The node's libvirtd and qemu are frozen and killed here as they would be by a fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon.machines import driver, processes
from coroctl.daemon.machines.driver import Libvirt
from coroctl.daemon.machines.hypervisor import (
    Gone,
    HypervisorError,
    HypervisorUnknown,
    Picture,
    Route,
    State,
)
from coroctl.daemon.machines.orders import Orders, domain
from coroctl.decision.estate import events
from coroctl.decision.estate.actions import Command, Order
from coroctl.decision.estate.values import Machine, Seen
from coroctl.lab.guest import LINE
from coroctl.lab.machines import SHARED, WRITES, xml
from coroctl.lab.run import until
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from coroctl.daemon.machines.hypervisor import Told
    from coroctl.decision.estate.values import Domain

NAME = "vm1"
THERE = Route("qemu+tcp://node2/system", 60)
WRITTEN = Path(WRITES) / NAME


class Node:
    """The driver, and what it has told."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self._news = asyncio.Event()
        self.hypervisor = Libvirt(self._tell)
        self.hypervisor.begin()

    def _tell(self, told: Told) -> None:
        self.told.append(told)
        self._news.set()

    def state(self) -> State | None:
        last = self.told[-1] if self.told else None
        if not isinstance(last, Picture):
            return None
        return next((one.state for one in last.domains if one.name == NAME), None)

    async def until(self, condition: Callable[[], bool], timeout_s: float = 30) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await self._news.wait()
                self._news.clear()


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Node]:
    node = Node()
    try:
        with contextlib.suppress(HypervisorError):  # unless the test before has left it paused
            await node.hypervisor.resume(NAME)
        await node.hypervisor.start(NAME)
        yield node
    finally:
        await node.hypervisor.close()


@pytest.fixture(autouse=True)
def whole() -> Iterator[None]:
    """libvirtd and qemu run at the end of a test, whatever was done to them."""
    yield
    for pid in (*libvirtd(), *(one.pid for one in processes.running())):
        os.kill(pid, signal.SIGCONT)
    subprocess.run(["systemctl", "start", "libvirtd"], check=True)


def libvirtd() -> list[int]:
    main = subprocess.run(
        ["systemctl", "show", "--property=MainPID", "--value", "libvirtd"], capture_output=True, check=True, text=True
    )
    return [pid for pid in (int(main.stdout),) if pid]


def qemu() -> int:
    return next(one.pid for one in processes.running() if one.name == NAME)


def counted(file: Path = WRITTEN) -> int:
    """What the guest has written last."""
    text = file.read_bytes() if file.exists() else b""
    return int(text[: len(text) // LINE * LINE][-LINE:] or b"0", 16)


def goes_on() -> None:
    before = counted()
    until(lambda: counted() > before, 5, "the guest to count")


async def test_a_paused_guest_is_silent_and_goes_on_where_it_was() -> None:
    async with running() as node:
        goes_on()
        await node.hypervisor.pause(NAME)
        at = counted()
        assert node.state() is State.PAUSED
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(node.until(lambda: counted() != at), 0.5)
        await node.hypervisor.resume(NAME)
        until(lambda: counted() > at, 5, "the guest to go on")
        assert counted() < at + 100


async def test_a_machine_that_does_not_hear_is_stopped_all_the_same() -> None:
    """The guest has no ACPI: it is asked, and then ended."""
    async with running() as node:
        await node.hypervisor.stop(NAME, grace_s=0.3)
        assert node.state() is State.OFF
        assert NAME not in {one.name for one in processes.running()}
        await node.hypervisor.start(NAME)
        goes_on()


async def test_what_a_machine_saved_is_not_what_it_starts_with() -> None:
    async with running() as node:
        goes_on()
        subprocess.run(["virsh", "managedsave", NAME], check=True)
        await node.until(lambda: node.state() is State.OFF)
        WRITTEN.write_bytes(b"")
        await node.hypervisor.start(NAME)
        until(lambda: counted() > 0, 5, "the guest to count")
        assert WRITTEN.read_bytes().startswith(b"00000001\n")


async def test_a_killed_qemu_is_an_event() -> None:
    async with running() as node:
        os.kill(qemu(), signal.SIGKILL)
        await node.until(lambda: node.state() is State.OFF)
        await node.hypervisor.start(NAME)


async def test_a_killed_libvirtd_leaves_machines_and_count_alone() -> None:
    async with running() as node:
        pid = qemu()
        subprocess.run(["systemctl", "kill", "--signal=KILL", "--kill-whom=main", "libvirtd"], check=True)
        await node.until(lambda: any(isinstance(one, Gone) for one in node.told))
        assert processes.Qemu(pid, NAME) in processes.running()
        goes_on()
        await node.until(lambda: node.state() is State.RUNNING)
        await node.hypervisor.pause(NAME)
        await node.hypervisor.resume(NAME)


async def test_a_frozen_libvirtd_makes_the_outcome_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "PAUSE_S", 0.5)
    monkeypatch.setattr(driver, "BRIEF_S", 0.5)
    async with running() as node:
        os.kill(libvirtd()[0], signal.SIGSTOP)
        with pytest.raises(HypervisorUnknown, match=r"^pause vm1: libvirtd has not answered within 0.5 s"):
            await node.hypervisor.pause(NAME)
        await node.until(lambda: isinstance(node.told[-1], Gone))
        assert len(processes.running()) > 0
        os.kill(libvirtd()[0], signal.SIGCONT)
        # It is carried out late, which is why the outcome was unknown.
        await node.until(lambda: node.state() is State.PAUSED)
        await node.hypervisor.resume(NAME)


async def test_a_frozen_qemu_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "PAUSE_S", 0.5)
    async with running() as node:
        os.kill(qemu(), signal.SIGSTOP)
        with pytest.raises(HypervisorUnknown):
            await node.hypervisor.pause(NAME)
        await node.hypervisor.define(Path(f"/etc/libvirt/qemu/{NAME}.xml").read_text())
        with pytest.raises(HypervisorError, match="not begun, for libvirtd has not answered yet: pause vm1"):
            await node.hypervisor.pause(NAME)
        assert not any(isinstance(one, Gone) for one in node.told)
        os.kill(qemu(), signal.SIGCONT)
        await node.until(lambda: node.state() is State.PAUSED)
        await node.hypervisor.resume(NAME)
        goes_on()


async def test_a_machine_is_undefined_with_all_that_was_saved() -> None:
    async with running() as node:
        definition = await node.hypervisor.xml(NAME)
        subprocess.run(["virsh", "managedsave", NAME], check=True)
        await node.hypervisor.undefine(NAME)
        assert node.state() is None
        assert not list(Path("/var/lib/libvirt/qemu/save").iterdir())
        await node.hypervisor.define(definition)
        await node.hypervisor.start(NAME)


async def ordered(node: Node, order: Order, timeout_s: float = 30) -> events.Event:
    """How the estate's order about vm1 ends."""
    ends: asyncio.Queue[events.Event] = asyncio.Queue()
    orders = Orders(node.hypervisor, ends.put_nowait, lambda _: THERE)
    try:
        orders.give(Command(7, order, Machine(NAME, "", xml(NAME), NodeId(1), to=NodeId(2))))
        return await asyncio.wait_for(ends.get(), timeout_s)
    finally:
        await orders.close()


async def test_the_estates_orders_are_carried_out() -> None:
    async with running() as node:
        for order, state in (
            (Order.PAUSE, State.PAUSED),
            (Order.RESUME, State.RUNNING),
            (Order.DESTROY, None),
            (Order.START, State.RUNNING),
        ):
            assert await ordered(node, order) == events.Done(7)
            assert node.state() is state
        goes_on()


async def test_a_start_that_may_still_succeed_has_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes longer than it was given: until it has ended, nobody may start the machine elsewhere."""
    async with running() as node:
        await node.hypervisor.destroy(NAME)
        monkeypatch.setattr(driver, "START_S", 0.01)
        before = len(processes.running())
        with pytest.raises(HypervisorUnknown, match=r"^start vm1: .* it may still happen$"):
            await node.hypervisor.start(NAME)
        assert await ordered(node, Order.DESTROY) == events.Done(7)
        assert await ordered(node, Order.START) == events.Done(7)
        assert node.state() is State.RUNNING
        assert len(processes.running()) == before + 1


def on_the_other(*words: str, check: bool = True) -> str:
    """What the other node's libvirtd is told, and says."""
    told = subprocess.run(["virsh", "-q", "-c", THERE.uri, *words], check=check, capture_output=True, text=True)
    return told.stdout.strip()


def shown(node: Node) -> Domain:
    """The machine, as the estate is told of it."""
    last = node.told[-1]
    assert isinstance(last, Picture)
    return domain(next(one for one in last.domains if one.name == NAME))


async def test_it_is_copied_running_and_waits_there_until_it_is_resumed() -> None:
    async with running() as node:
        goes_on()
        at, there = counted(), Path(SHARED) / "node2" / NAME
        assert await ordered(node, Order.MIGRATE) == events.Done(7)
        assert (shown(node).seen, shown(node).left) == (Seen.OFF, True)
        assert on_the_other("domstate", "--reason", NAME) == "paused (user)"
        before = counted(there)
        on_the_other("resume", NAME)
        until(lambda: max(at, before) < counted(there) < at + 200, 5, "the guest to go on there")
        for verb in ("destroy", "undefine"):
            on_the_other(verb, NAME)
        assert await ordered(node, Order.START) == events.Done(7)
        assert not shown(node).left


async def test_a_move_to_nowhere_leaves_it_here() -> None:
    async with running() as node:
        with pytest.raises((HypervisorError, HypervisorUnknown), match="migrate vm1"):
            await node.hypervisor.migrate(NAME, Route("qemu+tcp://10.255.255.1/system", 60))
        assert node.state() is State.RUNNING
        goes_on()


@contextlib.asynccontextmanager
async def grown() -> AsyncIterator[Node]:
    """The machine with 2 GiB of nothing, which take some seconds to be copied at this bandwidth."""
    async with running() as node:
        definition = await node.hypervisor.xml(NAME)
        large = definition.replace("2048</", "2097152</")
        assert large != definition
        for given in (large, definition):
            await node.hypervisor.destroy(NAME)
            await node.hypervisor.define(given)
            await node.hypervisor.start(NAME)
            if given is large:
                subprocess.run(["virsh", "migrate-setspeed", NAME, "1"], check=True)
                yield node


async def begun() -> None:
    """Until the other node has something of it."""
    async with asyncio.timeout(10):
        while NAME not in on_the_other("list", "--name").split():
            await asyncio.to_thread(on_the_other, "list")


async def test_a_migration_that_takes_too_long_is_aborted() -> None:
    async with grown() as node:
        with pytest.raises(HypervisorError, match=r"^migrate vm1: aborted, it had not arrived in 1 s$"):
            await node.hypervisor.migrate(NAME, THERE._replace(limit_s=1))
        assert node.state() is State.RUNNING
        assert NAME not in on_the_other("list", "--name").split()
        goes_on()


async def test_a_pause_does_not_wait_for_a_migration() -> None:
    """M4: what is copied is aborted, and paused here."""
    async with grown() as node:
        ends: asyncio.Queue[events.Event] = asyncio.Queue()
        orders = Orders(node.hypervisor, ends.put_nowait, lambda _: THERE)
        machine = Machine(NAME, "", "", NodeId(1), to=NodeId(2))
        orders.give(Command(7, Order.MIGRATE, machine))
        await begun()
        orders.give(Command(8, Order.PAUSE, machine))
        async with asyncio.timeout(5):
            found = [await ends.get(), await ends.get()]
        assert events.Done(8) in found
        assert [one.number for one in found if isinstance(one, events.Failed)] == [7]
        assert node.state() is State.PAUSED
        assert not shown(node).left
        await orders.close()


async def test_another_life_of_the_daemon_learns_what_became_of_a_migration() -> None:
    """It was begun by somebody else, and is not over when it is looked at: nothing is said before it is."""
    async with grown() as node:
        words = ("migrate", "--live", "--p2p", "--persistent", "--suspend", NAME, THERE.uri)
        migrating = await asyncio.create_subprocess_exec("virsh", *words)
        await begun()
        with pytest.raises(HypervisorError, match="a migration of it is under way"):
            await node.hypervisor.settled(NAME)
        assert await ordered(node, Order.MIGRATE, 60) == events.Done(7)
        assert await migrating.wait() == 0
        assert shown(node).left
        for verb in ("destroy", "undefine"):
            on_the_other(verb, NAME)


async def test_what_arrives_is_known_from_what_is_paused() -> None:
    """Two gigabytes of nothing take some seconds at this bandwidth; the other node's machine is looked at meanwhile."""
    async with running() as node:
        there = Libvirt(node._tell, "qemu+tcp://node2/system")
        definition = await node.hypervisor.xml(NAME)
        large = definition.replace("2048</", "2097152</")
        assert large != definition
        await node.hypervisor.destroy(NAME)
        await node.hypervisor.define(large)
        await node.hypervisor.start(NAME)
        there.begin()
        words = ("migrate", "--live", "--p2p", "--bandwidth", "1", NAME, "qemu+tcp://node2/system")
        migrating = await asyncio.create_subprocess_exec("virsh", *words)
        try:
            await node.until(lambda: any(is_arriving(one) for one in node.told))
        finally:
            await migrating.wait()
        await node.until(lambda: not is_arriving(node.told[-1]))
        for verb in ("destroy", "undefine"):
            subprocess.run(["virsh", "-c", "qemu+tcp://node2/system", verb, NAME], check=False)
        await there.close()
        await node.hypervisor.define(definition)
        await node.hypervisor.start(NAME)


def is_arriving(what: Told) -> bool:
    return isinstance(what, Picture) and any(one.name == NAME and domain(one).arriving for one in what.domains)
