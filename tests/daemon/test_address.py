"""The address on the real kernel: put there, kept, taken away, and missed when somebody else does that."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon import net_route
from coroctl.daemon.address import Address, AddressError, AddressWatch, preflight
from coroctl.daemon.clock import now_us
from coroctl.daemon.net_thread import ROUTES
from tests.daemon.namespaces import ADDRESS, DEVICE, FAR, OWN, bench, cable, in_namespace, ip, of

if TYPE_CHECKING:
    from coroctl.errors import CoroctlError


def shown(device: str = DEVICE) -> str:
    """What iproute2 says of the device's IPv4 addresses, in one line each."""
    return ip(f"ip -4 -o address show dev {device}")


async def refreshed(address: Address, lifetime_us: int) -> None:
    """When that is done, or has failed."""
    failures: list[CoroctlError] = []
    address.refresh(now_us() + lifetime_us, failures.append, asyncio.get_running_loop())
    await ROUTES(int)
    await asyncio.sleep(0)
    for one in failures:
        raise one


@in_namespace
async def test_it_comes_deprecated_without_a_route_and_with_a_lifetime_in_whole_seconds_rounded_up() -> None:
    cable()
    address = Address(ADDRESS, 24, DEVICE)
    assert await address.add(1_500_000) == ()
    assert await address.present()
    line = next(one for one in shown().splitlines() if ADDRESS in one)
    assert f"{ADDRESS}/24" in line
    for part in ("deprecated", "dynamic", "noprefixroute", "valid_lft 2sec", "preferred_lft 0sec"):
        assert part in line
    assert "10.9.9.0/24" not in ip("ip route")
    await refreshed(address, 60_000_000)
    assert "valid_lft 60sec" in shown()
    await address.add(5_000_000)
    assert "valid_lft 5sec" in shown()
    await address.remove()
    assert not await address.present()
    assert ADDRESS not in shown()
    assert OWN in shown()
    await address.remove()


@in_namespace
async def test_the_node_never_speaks_from_it_by_itself() -> None:
    cable()
    await Address(ADDRESS, 32, DEVICE).add(60_000_000)
    assert f"src {OWN}" in ip("ip route get 10.9.0.77")


@in_namespace
async def test_the_kernel_takes_it_away_when_its_time_is_over() -> None:
    async with bench() as node:
        address = Address(ADDRESS, 32, DEVICE)
        gone: list[bool] = []
        told: list[bool] = []
        watch = AddressWatch(address, lambda: gone.append(True), told.append, lambda: None)
        await watch.start()
        await address.add(1_000_000)
        until = now_us() + 1_000_000
        await node.first("icmp", after=now_us())
        seen = await node.until(until + 1_300_000)
        last = max(one.at for one in of("icmp", seen))
        print(f"last answer {(last - until) / 1000:+.0f} ms from the end of the lifetime")
        assert until - 100_000 <= last < until + 1_300_000
        assert not await address.present()
        assert address.expired
        assert not gone, "that was nobody's doing"
        await refreshed(address, 60_000_000)
        assert await address.present(), "the lease was renewed late: the kernel creates it again"
        watch.stop()


@in_namespace
async def test_a_refresh_that_comes_too_late_does_not_bring_it_back() -> None:
    cable()
    address = Address(ADDRESS, 32, DEVICE)
    await address.add(60_000_000)
    removing = asyncio.create_task(address.remove())
    await asyncio.gather(removing, asyncio.create_task(refreshed(address, 60_000_000)))
    assert ADDRESS not in shown()
    await address.add(60_000_000)
    await refreshed(address, 0)
    await refreshed(address, -1_000_000)
    assert "valid_lft 60sec" in shown(), "no time is left, and that is what the kernel counts already"


@in_namespace
async def test_a_removal_waits_for_the_refresh_before_it() -> None:
    cable()
    address = Address(ADDRESS, 32, DEVICE)
    await address.add(60_000_000)
    failures: list[CoroctlError] = []
    address.refresh(now_us() + 60_000_000, failures.append, asyncio.get_running_loop())
    await address.remove()
    assert ADDRESS not in shown()
    assert not failures


@in_namespace
async def test_a_refresh_that_fails_is_told_and_the_next_one_is_tried() -> None:
    cable()
    address = Address(ADDRESS, 32, DEVICE)
    await address.add(60_000_000)
    ip(f"ip link delete {DEVICE}")
    for _ in range(2):
        with pytest.raises(AddressError, match="there is no device"):
            await refreshed(address, 60_000_000)


@in_namespace
async def test_a_lifetime_that_has_passed_adds_nothing() -> None:
    cable()
    with pytest.raises(AddressError, match="its time had passed"):
        await Address(ADDRESS, 32, DEVICE).add(0)
    assert ADDRESS not in shown()


@in_namespace
async def test_what_of_it_is_elsewhere_on_the_node_is_removed_and_named() -> None:
    cable()
    ip(f"ip address add {ADDRESS}/24 dev {FAR}")
    ip(f"ip address add {ADDRESS}/16 dev {DEVICE}")
    removed = await Address(ADDRESS, 32, DEVICE).add(60_000_000)
    assert sorted(removed) == [f"{ADDRESS}/16 on {DEVICE}", f"{ADDRESS}/24 on {FAR}"]
    assert ADDRESS not in shown(FAR)
    assert shown().count(ADDRESS) == 1
    assert OWN in shown()


@in_namespace
async def test_the_same_address_set_by_hand_gets_a_lifetime() -> None:
    cable()
    ip(f"ip address add {ADDRESS}/32 dev {DEVICE}")
    assert await Address(ADDRESS, 32, DEVICE).add(3_000_000) == ()
    assert "valid_lft 3sec" in shown()


@in_namespace
async def test_removing_takes_only_the_configured_mask_on_the_configured_device() -> None:
    cable()
    ip(f"ip address add {ADDRESS}/32 dev {FAR}")
    ip(f"ip address add {ADDRESS}/24 dev {DEVICE}")
    await Address(ADDRESS, 32, DEVICE).remove()
    assert ADDRESS in shown(FAR)
    assert ADDRESS in shown()


@in_namespace
async def test_a_mask_that_would_take_the_nodes_own_address_along_is_refused() -> None:
    cable()
    ours = Address("10.9.0.200", 24, DEVICE)
    ip(f"sysctl -q -w net.ipv4.conf.{DEVICE}.promote_secondaries=0")
    ip("sysctl -q -w net.ipv4.conf.all.promote_secondaries=0")
    with pytest.raises(AddressError, match=f"own {OWN}/24.*cloud_mask 32.*{DEVICE}.promote_secondaries=1"):
        await ours.add(60_000_000)
    assert "10.9.0.200" not in shown()
    await Address("10.9.0.200", 32, DEVICE).add(60_000_000)
    ip(f"sysctl -q -w net.ipv4.conf.{DEVICE}.promote_secondaries=1")
    assert await ours.add(60_000_000) == (f"10.9.0.200/32 on {DEVICE}",)


def test_a_mask_outside_of_the_devices_networks_is_nobodys_danger() -> None:
    preflight("10.9.9.9", 24, "no-such-device", ["10.9.0.1/24", "10.9.9.9/24"])
    with pytest.raises(AddressError):
        preflight("10.9.9.9", 24, "no-such-device", ["10.9.9.1/24"])


@in_namespace
async def test_without_its_device_it_says_so_and_is_gone() -> None:
    address = Address(ADDRESS, 32, "nowhere0")
    with pytest.raises(AddressError, match=r"there is no device nowhere0 .* cloud_ip_dev"):
        await address.add(1_000_000)
    await address.remove()
    assert not await address.present()


@in_namespace
async def test_without_the_right_it_says_which() -> None:
    cable()
    os.setuid(65534)
    with pytest.raises(AddressError, match="CAP_NET_ADMIN"):
        await Address(ADDRESS, 32, DEVICE).add(1_000_000)


class Told:
    """What a watch said, in order."""

    def __init__(self, address: Address) -> None:
        self.queue = asyncio.Queue[str]()
        put = self.queue.put_nowait
        self.watch = AddressWatch(address, lambda: put("gone"), lambda up: put(f"carrier {up}"), lambda: put("back"))

    async def next(self) -> str:
        """The next word."""
        return await asyncio.wait_for(self.queue.get(), 10)


@in_namespace
async def test_an_address_that_somebody_removes_is_missed_and_ours_is_not() -> None:
    cable()
    ip(f"ip link set {FAR} up")
    address = Address(ADDRESS, 32, DEVICE)
    told = Told(address)
    await told.watch.start()
    assert await told.next() == "carrier True"
    await address.add(60_000_000)
    await address.remove()
    await address.add(60_000_000)
    for number in range(20):
        await refreshed(address, 60_000_000 + number * 1_000_000)
    began = now_us()
    ip(f"ip address del {ADDRESS}/32 dev {DEVICE}")
    assert await told.next() == "gone"
    print(f"missed {(now_us() - began) / 1000:.1f} ms after `ip` began")
    await address.add(60_000_000)
    ip(f"ip address flush dev {DEVICE}")
    assert await told.next() == "gone"
    assert told.queue.empty()
    told.watch.stop()


@in_namespace
async def test_carrier_is_told_at_start_and_on_every_change() -> None:
    cable()
    told = Told(Address(ADDRESS, 32, DEVICE))
    await told.watch.start()
    assert await told.next() == "carrier False"
    for command, word in (
        (f"ip link set {FAR} up", "carrier True"),
        (f"ip link set {FAR} down", "carrier False"),
        (f"ip link set {FAR} up", "carrier True"),
        (f"ip link set {DEVICE} down", "carrier False"),
        (f"ip link set {DEVICE} up", "carrier True"),
        (f"ip link set {DEVICE} mtu 1400", ""),
        (f"ip link delete {DEVICE}", "carrier False"),
    ):
        ip(command)
        if word:
            assert await told.next() == word, command
    cable()
    assert await told.next() == "back"
    ip(f"ip link set {FAR} up")
    assert await told.next() == "carrier True"
    assert told.queue.empty()
    told.watch.stop()


@in_namespace
async def test_a_device_that_takes_the_name_is_another_device() -> None:
    told = Told(Address(ADDRESS, 32, DEVICE))
    await told.watch.start()
    assert await told.next() == "carrier False"
    cable()
    assert await told.next() == "back"
    ip(f"ip link set {FAR} up")
    assert await told.next() == "carrier True"
    ip(f"ip link set {DEVICE} down")
    assert await told.next() == "carrier False"
    ip(f"ip link set {DEVICE} name other")
    ip("ip link add swap type veth peer name swapped")
    ip(f"ip link set swap name {DEVICE}")
    assert await told.next() == "back"
    told.watch.stop()


@in_namespace
async def test_every_address_of_the_node_is_listed() -> None:
    cable()
    for number in range(300):
        net_route.set_address(
            net_route.Held(net_route.link(DEVICE).device, f"10.20.{number // 200}.{number % 200 + 1}", 32), 600
        )
    assert len(net_route.addresses()) == 302, "300, the device's own, and the loopback's"
    assert len(net_route.addresses(net_route.link(FAR).device)) == 0


@in_namespace
async def test_a_refresh_costs_little() -> None:
    cable()
    address = Address(ADDRESS, 32, DEVICE)
    await address.add(2_000_000)
    took = []
    for _ in range(300):
        began = now_us()
        await refreshed(address, 2_000_000)
        took.append(now_us() - began)
    print(f"refresh: median {sorted(took)[150] / 1000:.2f} ms")
    assert sorted(took)[150] < 20_000
