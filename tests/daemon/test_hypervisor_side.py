"""The estate's hypervisor with libvirt's own test driver behind it: what it tells, reads and switches off."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pytest

from coroctl.daemon.machines import driver, session
from coroctl.daemon.machines.driver import Libvirt
from coroctl.daemon.machines.hypervisor import HypervisorError, Route
from coroctl.daemon.machines.side import HypervisorSide
from coroctl.daemon.rendering import Level
from coroctl.decision.estate.actions import Command, Order
from coroctl.decision.estate.events import Done, Event, Failed, Hypervisor, HypervisorGone
from coroctl.decision.estate.values import Domain, Machine, Seen
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from coroctl.daemon.rendering import Value

libvirt = pytest.importorskip("libvirt", reason="libvirt-python is not installed (scripts/debian-packages libvirt)")

URI = "test:///default"
XML = "<domain type='test'><name>{}</name><memory unit='MiB'>32</memory><os><type>hvm</type></os></domain>"
T = TypeVar("T")


class Told:
    """What the estate and the journal were told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.notes: list[str] = []
        self.news = asyncio.Event()

    def tell(self, event: Event) -> None:
        self.events.append(event)
        self.news.set()

    def note(self, level: Level, name: str, **details: Value) -> None:
        assert isinstance(level, Level)
        self.notes.append(" ".join((name, *(f"{key}={value}" for key, value in details.items()))))
        self.news.set()

    async def until(self, condition: Callable[[], T | None]) -> T:
        async with asyncio.timeout(10):
            while not (found := condition()):
                self.news.clear()
                await self.news.wait()
        return found

    def seen(self, name: str) -> Seen | None:
        shown = [one for one in self.events if isinstance(one, Hypervisor)]
        return next((one.seen for one in shown[-1].domains if one.name == name), None) if shown else None

    def noted(self, words: str) -> bool:
        return any(note.startswith(words) for note in self.notes)


def route(_: NodeId) -> Route:
    """libvirt's test driver migrates nothing."""
    return Route("test:///default", 1)


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[HypervisorSide, Told]]:
    told = Told()
    side = HypervisorSide(told.tell, told.note, route, partial(Libvirt, uri=URI))
    try:
        yield side, told
    finally:
        await side.close()


@pytest.fixture
def vm1() -> Iterator[Machine]:
    """Gone afterwards: the test driver's machines are the process's."""
    yield Machine("vm1", "00000000-0000-0000-0000-000000000001", XML.format("vm1"), NodeId(1))
    connection = libvirt.open(URI)
    with contextlib.suppress(libvirt.libvirtError):
        found = connection.lookupByName("vm1")
        if found.isActive():
            found.destroy()
        found.undefine()
    connection.close()


async def ordered(side: HypervisorSide, told: Told, order: Order, machine: Machine) -> Done | Failed:
    before = len(told.events)
    side.give(Command(7, order, machine))
    return await told.until(lambda: next((one for one in told.events[before:] if isinstance(one, Done | Failed)), None))


async def test_nothing_is_asked_of_libvirt_before_there_may_be_machines(vm1: Machine) -> None:
    async with connected() as (side, told):
        assert told.events == []
        side.begin()
        side.begin()
        assert await told.until(lambda: told.seen("test")) is Seen.RUNNING
        assert told.notes[0].startswith("hypervisor machines=1 free_mib=")
        assert await ordered(side, told, Order.DESTROY, vm1) == Done(7)


async def test_an_order_is_carried_out_and_shown_before_its_end(vm1: Machine) -> None:
    async with connected() as (side, told):
        side.begin()
        for order, seen in (
            (Order.START, Seen.RUNNING),
            (Order.PAUSE, Seen.PAUSED),
            (Order.RESUME, Seen.RUNNING),
            (Order.STOP, Seen.OFF),
        ):
            assert await ordered(side, told, order, vm1) == Done(7)
            assert told.seen("vm1") is seen


async def test_a_machine_is_read_as_it_is() -> None:
    async with connected() as (side, told):
        side.begin()
        await told.until(lambda: told.seen("test"))
        found = await side.read("test")
        assert found.domain == Domain("test", "6695eb01-f6a4-8304-79aa-97f2502e193f", Seen.RUNNING)
        assert "<name>test</name>" in found.xml
        assert found.memory_mib == 8192
        with pytest.raises(HypervisorError, match="read nobody: is not defined here"):
            await side.read("nobody")


async def test_autostart_is_switched_off_for_what_is_managed_and_for_nothing_else(vm1: Machine) -> None:
    async with connected() as (side, told):
        side.begin()
        await ordered(side, told, Order.START, vm1)
        other = libvirt.open(URI)
        for name in ("vm1", "test"):
            other.lookupByName(name).setAutostart(1)
        await ordered(side, told, Order.PAUSE, vm1)
        side.manages(frozenset({"vm1"}))
        await told.until(lambda: told.noted("machine-autostart-off machine=vm1"))
        assert [other.lookupByName(name).autostart() for name in ("vm1", "test")] == [0, 1]
        other.lookupByName("test").setAutostart(0)
        other.close()


async def test_a_node_without_the_library_has_no_hypervisor(monkeypatch: pytest.MonkeyPatch, vm1: Machine) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)
    monkeypatch.setattr(driver, "library", session.library.__wrapped__)
    async with connected() as (side, told):
        side.begin()
        await told.until(lambda: HypervisorGone() in told.events)
        assert told.noted("no-hypervisor why=libvirt-python is not installed: pip install coroctl[libvirt]")
        failed = await ordered(side, told, Order.START, vm1)
        assert isinstance(failed, Failed)
        assert "libvirt-python is not installed" in failed.why
