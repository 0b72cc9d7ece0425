"""Announcements and strangers: frames to the byte, and what the neighbour sees of them."""

from __future__ import annotations

import asyncio
import socket

import pytest

from coroctl.daemon.announce import Announcer, announcements, mac_of, packet_socket, probe
from coroctl.daemon.clock import now_us
from coroctl.daemon.gate import Gate
from coroctl.daemon.net_conflict import ConflictWatch, listener, stranger
from tests.daemon.namespaces import ADDRESS, DEVICE, FAR, OWN, bench, cable, in_namespace, ip, mac_here, of

MAC = bytes.fromhex("02aabbccddee")


def test_the_frames_are_these_bytes() -> None:
    ethernet = "ffffffffffff02aabbccddee0806"
    arp = "000108000604"
    request, reply = announcements(MAC, "10.9.9.9")
    assert request.hex() == ethernet + arp + "000102aabbccddee0a0909090000000000000a090909"
    assert reply.hex() == ethernet + arp + "000202aabbccddee0a09090902aabbccddee0a090909"
    assert probe(MAC, "10.9.9.9").hex() == ethernet + arp + "000102aabbccddee000000000000000000000a090909"


@in_namespace
async def test_five_times_over_five_seconds_with_both_frames() -> None:
    async with bench() as node:
        announcer = Announcer(ADDRESS, DEVICE)
        began = now_us()
        announcer.start()
        seen = of("announced", await node.until(began + 5_400_000))
        announcer.stop()
        assert len(seen) == 10
        assert {one.mac for one in seen} == {mac_here()}
        first, last = seen[0].at - began, seen[-1].at - began
        print(f"first after {first / 1000:.1f} ms, last after {last / 1000:.0f} ms")
        assert first < 200_000
        assert 4_900_000 < last < 5_400_000


@in_namespace
async def test_they_leave_only_while_the_gate_is_open_and_none_after_stop() -> None:
    async with bench() as node:
        gate = Gate(ADDRESS, DEVICE)
        gate.install()
        taken: list[bool] = []
        announcer = Announcer(ADDRESS, DEVICE, taken.append)
        announcer.start()
        assert not of("announced", await node.asked(5))
        assert gate.ticket(1)
        assert gate.commit(1, 60_000_000)
        began = now_us()
        announcer.start()
        assert len(of("announced", await node.until(began + 80_000))) == 2
        announcer.stop()
        assert not of("announced", await node.asked(40))
        assert taken == [False, True]


@in_namespace
async def test_a_bridge_announces_with_its_own_hardware_address() -> None:
    async with bench() as node:
        ip("ip link add vmbr0 type bridge")
        ip("ip link set vmbr0 address 02:00:00:00:00:42")
        ip(f"ip link set {DEVICE} master vmbr0")
        ip("ip link set vmbr0 up")
        gate = Gate(ADDRESS, "vmbr0")
        gate.install()
        ip(f"ip address add {ADDRESS}/32 dev vmbr0")
        ip(f"ip address del {OWN}/24 dev {DEVICE}")
        announcer = Announcer(ADDRESS, "vmbr0")
        announcer.start()
        seen = await node.asked(5)
        assert not of("announced", seen)
        assert not of("arp", seen)
        assert gate.ticket(1)
        assert gate.commit(1, 60_000_000)
        announcer.start()
        assert (await node.first("announced")).mac == "02:00:00:00:00:42"
        assert (await node.first("arp")).mac == "02:00:00:00:00:42"
        announcer.stop()


@in_namespace
async def test_a_device_that_is_down_or_missing_is_announced_on_when_it_is_there() -> None:
    taken = asyncio.Queue[bool]()
    announcer = Announcer(ADDRESS, DEVICE, taken.put_nowait)
    announcer.start()
    assert not await asyncio.wait_for(taken.get(), 10)
    cable()
    ip(f"ip link set {FAR} up")
    assert await asyncio.wait_for(taken.get(), 10)
    ip(f"ip link set {DEVICE} down")
    assert not await asyncio.wait_for(taken.get(), 10)
    announcer.stop()


async def conflicting() -> tuple[ConflictWatch, asyncio.Queue[str]]:
    """A watch that has begun."""
    found = asyncio.Queue[str]()
    watch = ConflictWatch(ADDRESS, DEVICE, found.put_nowait)
    watch.start()
    return watch, found


@in_namespace
async def test_a_stranger_who_has_the_address_and_says_nothing_is_found_by_asking() -> None:
    async with bench() as node:
        await node.next()
        assert await stranger(ADDRESS, DEVICE) is None
        # The neighbour's own address is one that a neighbour has.
        began = now_us()
        found = await stranger("10.9.0.2", DEVICE, 5)
        print(f"a stranger answered after {(now_us() - began) / 1000:.1f} ms")
        assert found is not None
        assert found != mac_here()
        # Asking for it left nothing in anybody's table, and did not look like us having it.
        assert not of("announced", await node.asked(5))


@in_namespace
async def test_a_stranger_who_announces_the_address_is_told_once() -> None:
    cable()
    ip(f"ip link set {FAR} up")
    watch, found = await conflicting()
    with packet_socket(FAR) as far, packet_socket(DEVICE) as near:
        for _ in range(3):
            near.send(announcements(mac_of(near), ADDRESS)[0])
            far.send(announcements(mac_of(near), ADDRESS)[0])
            far.send(announcements(MAC, "10.9.9.10")[0])
            far.send(announcements(MAC, ADDRESS)[0])
        far.send(announcements(bytes.fromhex("02aabbccddef"), ADDRESS)[1])
    assert await asyncio.wait_for(found.get(), 10) == "02:aa:bb:cc:dd:ee"
    assert await asyncio.wait_for(found.get(), 10) == "02:aa:bb:cc:dd:ef"
    assert found.empty()
    watch.stop()


@in_namespace
async def test_many_strangers_are_told_a_few_times() -> None:
    cable()
    ip(f"ip link set {FAR} up")
    watch, found = await conflicting()
    with packet_socket(FAR) as far:
        for number in range(100):
            far.send(announcements(bytes([2, 0, 0, 0, 0, number]), ADDRESS)[0])
    for _ in range(16):
        await asyncio.wait_for(found.get(), 10)
    watch.stop()
    assert found.empty()


@in_namespace
async def test_what_is_not_arp_about_the_address_never_reaches_the_listener() -> None:
    """The filter is the kernel's: an idle listener is not woken by anybody's broadcasts."""
    cable()
    ip(f"ip link set {FAR} up")
    with listener(ADDRESS, DEVICE) as ears, packet_socket(FAR) as far:
        for number in range(50):
            far.send(announcements(MAC, f"10.9.9.{number + 20}")[0])
            far.send(b"\xff" * 6 + MAC + b"\x08\x06")
        far.send(announcements(MAC, ADDRESS)[0])
        loop = asyncio.get_running_loop()
        frame = await asyncio.wait_for(loop.sock_recv(ears, 64), 10)
        assert frame[28:32] == socket.inet_aton(ADDRESS)
        with pytest.raises(BlockingIOError):
            ears.recv(64)


@in_namespace
async def test_without_the_device_nobody_is_a_stranger() -> None:
    assert await stranger(ADDRESS, "nowhere0") is None
