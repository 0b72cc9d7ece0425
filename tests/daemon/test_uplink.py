"""Carrier and ping, as the core is told of them."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from coroctl.daemon.address import Address, AddressWatch
from coroctl.daemon.uplink import Pinger, Uplink, UplinkError, available
from coroctl.decision import events
from tests.daemon.namespaces import ADDRESS, DEVICE, FAR, NEIGHBOUR, bench, cable, in_namespace, ip


def told_to(queue: asyncio.Queue[events.Uplink], target: str | None) -> Uplink:
    """An uplink that puts what it tells into a queue."""
    return Uplink(DEVICE, target, queue.put_nowait)


def pings() -> list[int]:
    """The ping processes of this test."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(one) for one in children if Path(f"/proc/{one}/comm").read_text().strip() == "ping"]


async def test_without_a_target_carrier_is_all_there_is() -> None:
    told = asyncio.Queue[events.Uplink]()
    uplink = told_to(told, None)
    uplink.start()
    assert told.empty()
    for up in (True, True, False):
        uplink.carrier(up)
    await uplink.stop()
    assert [told.get_nowait() for _ in range(told.qsize())] == [
        events.Uplink(carrier=True),
        events.Uplink(carrier=False),
    ]


@in_namespace
async def test_ping_is_told_with_the_first_answer_and_with_three_seconds_of_silence() -> None:
    async with bench():
        told = asyncio.Queue[events.Uplink]()
        uplink = told_to(told, NEIGHBOUR)
        uplink.start()
        uplink.carrier(True)
        assert await asyncio.wait_for(told.get(), 10) == events.Uplink(carrier=True, ping=True)
        ip(f"ip route add blackhole {NEIGHBOUR}/32")
        began = asyncio.get_running_loop().time()
        assert await asyncio.wait_for(told.get(), 10) == events.Uplink(carrier=True, ping=False)
        assert asyncio.get_running_loop().time() - began < 4
        ip(f"ip route del blackhole {NEIGHBOUR}/32")
        assert await asyncio.wait_for(told.get(), 15) == events.Uplink(carrier=True, ping=True)
        assert len(pings()) == 1
        await uplink.stop()
        assert not pings()
        assert told.empty()


@in_namespace
async def test_a_target_that_never_answers_is_told_after_three_seconds() -> None:
    """There is no route to it, so ping ends at once, again and again."""
    told = asyncio.Queue[events.Uplink]()
    uplink = told_to(told, "192.0.2.1")
    uplink.carrier(True)
    uplink.start()
    assert await asyncio.wait_for(told.get(), 10) == events.Uplink(carrier=True, ping=False)
    await uplink.stop()


@in_namespace
async def test_a_ping_that_is_killed_is_started_again_before_anybody_misses_it() -> None:
    async with bench():
        answers = asyncio.Queue[bool]()
        pinger = Pinger(NEIGHBOUR, answers.put_nowait)
        pinger.start()
        assert await asyncio.wait_for(answers.get(), 10)
        killed = pings()
        os.kill(killed[0], signal.SIGKILL)
        loop = asyncio.get_running_loop()
        again = loop.create_future()
        loop.call_later(3.5, again.set_result, None)
        await again
        assert answers.empty()
        assert len(pings()) == 1
        assert pings() != killed
        await pinger.stop()


@in_namespace
async def test_a_target_that_is_an_option_is_no_option() -> None:
    answers = asyncio.Queue[bool]()
    pinger = Pinger("-f", answers.put_nowait)
    pinger.start()
    assert not await asyncio.wait_for(answers.get(), 10)
    await pinger.stop()


@in_namespace
async def test_the_watch_on_the_device_feeds_it() -> None:
    cable()
    told = asyncio.Queue[events.Uplink]()
    uplink = told_to(told, None)
    watch = AddressWatch(Address(ADDRESS, 32, DEVICE), lambda: None, uplink.carrier, lambda: None)
    await watch.start()
    assert await asyncio.wait_for(told.get(), 10) == events.Uplink(carrier=False)
    ip(f"ip link set {FAR} up")
    assert await asyncio.wait_for(told.get(), 10) == events.Uplink(carrier=True)
    watch.stop()
    await uplink.stop()


@in_namespace
async def test_another_target_is_asked_from_then_on() -> None:
    async with bench():
        told = asyncio.Queue[events.Uplink]()
        uplink = told_to(told, "192.0.2.1")
        uplink.start()
        uplink.carrier(True)
        assert await asyncio.wait_for(told.get(), 10) == events.Uplink(carrier=True, ping=False)
        await uplink.aim(NEIGHBOUR)
        assert await asyncio.wait_for(told.get(), 10) == events.Uplink(carrier=True, ping=True)
        assert len(pings()) == 1
        await uplink.aim("192.0.2.1")
        assert await asyncio.wait_for(told.get(), 10) == events.Uplink(carrier=True, ping=False)
        await uplink.aim(None)
        assert await asyncio.wait_for(told.get(), 10) == events.Uplink(carrier=True, ping=True)
        assert not pings()
        await uplink.stop()


def test_without_ping_it_says_which_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    available()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UplinkError, match="iputils-ping"):
        available()
