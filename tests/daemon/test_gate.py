"""The dead-man on the real kernel: what the neighbour hears, to the millisecond."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from coroctl.daemon.announce import announcements, mac_of, packet_socket
from coroctl.daemon.clock import now_us
from coroctl.daemon.gate import SHORTEST_MS, TICKET_MS, Gate, GateError, GateWatch, available
from coroctl.daemon.net_events import NETLINK_NETFILTER, Message, NetlinkEvents
from tests.daemon.namespaces import (
    ADDRESS,
    DEVICE,
    FAR,
    NEIGHBOUR,
    OWN,
    Bench,
    bench,
    cable,
    in_namespace,
    ip,
    mac_here,
    of,
)

ETH_P_IP = 0x0800
NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM = 0xA0C, 0xA0E
KERNELS_TICK_US = 10_000
"""The kernel counts timeouts in jiffies; 10 ms is the longest there is (100 Hz)."""
A_BUSY_PROBER_US = 250_000
"""It asks every 10 ms, if the machine lets it."""
ANSWERS = ("arp", "icmp")
TRIES = 20


def armed(gate: Gate, number: int, remaining_us: int) -> int:
    """Ticket and commit; when the element expires at the latest, by the boot clock.

    On a busy machine the ticket may expire before this process runs on; that is what tickets are for.
    """
    for attempt in range(TRIES):
        ticket = number * TRIES + attempt
        assert gate.ticket(ticket)
        if gate.commit(ticket, remaining_us):
            return now_us() + remaining_us
    raise AssertionError("no ticket lived long enough")


def gate_and_address() -> Gate:
    """The gate is closed, the address is behind it."""
    gate = Gate(ADDRESS, DEVICE)
    gate.install()
    ip(f"ip address add {ADDRESS}/32 dev {DEVICE}")
    return gate


async def silent(node: Bench, times: int = 15) -> bool:
    """Whether the neighbour asked so many times and got no answer of either kind."""
    seen = await node.asked(times)
    assert len(of("asked", seen)) >= times - 2, "the prober did not ask"
    return not of("arp", seen) and not of("icmp", seen)


@in_namespace
async def test_the_address_is_silent_until_the_first_commit() -> None:
    async with bench() as node:
        gate = gate_and_address()
        assert await silent(node)
        # And that silence was the gate's doing.
        gate.remove()
        for kind in ANSWERS:
            await node.first(kind, after=now_us())


@in_namespace
async def test_it_answers_from_the_commit_to_the_timeout_and_not_a_moment_longer() -> None:
    async with bench() as node:
        gate = gate_and_address()
        for number, remaining in enumerate((300_000, 523_999, 1_000_000)):
            began = now_us()
            until = armed(gate, number, remaining)
            seen = await node.until(until + 150_000)
            for kind in ANSWERS:
                answers = [one.at for one in of(kind, seen) if one.at >= began]
                assert answers, f"no answer by {kind} in {remaining} us"
                assert max(answers) <= until + KERNELS_TICK_US
                assert max(answers) >= began + remaining - A_BUSY_PROBER_US
                print(f"{kind} {remaining // 1000} ms: silent {(max(answers) - began) / 1000:.0f} ms after the commit")


@in_namespace
async def test_renewals_lose_no_answer_and_do_not_look_like_a_loss() -> None:
    async with bench() as node:
        gate = gate_and_address()
        lost: list[int] = []
        watch = GateWatch(gate, lambda: lost.append(now_us()))
        watch.start()
        armed(gate, 0, 2_000_000)
        await node.first("icmp", after=now_us())
        seen = []
        for number in range(1, 40):
            armed(gate, number, 2_000_000)
            seen += await node.until(now_us() + 40_000)
        watch.stop()
        for kind in ANSWERS:
            # The last question's answer may be under way.
            assert len(of(kind, seen)) >= len(of("asked", seen)) - 1, f"an answer by {kind} was lost"
        assert not lost


@in_namespace
async def test_an_expired_ticket_is_refused_and_nothing_changes() -> None:
    async with bench() as node:
        gate = gate_and_address()
        assert gate.ticket(1)
        await node.until(now_us() + (TICKET_MS + 15) * 1000)
        assert not gate.commit(1, 5_000_000)
        assert gate.remaining_us() == 0
        assert await silent(node)

        until = armed(gate, 2, 1_000_000)
        assert gate.ticket(3)
        await node.until(now_us() + (TICKET_MS + 15) * 1000)
        assert not gate.commit(3, 5_000_000)
        left = gate.remaining_us()
        assert 0 < left <= until - now_us() + KERNELS_TICK_US


@in_namespace
async def test_a_ticket_is_good_for_one_commit_and_its_number_for_one_ticket_at_a_time() -> None:
    cable()
    gate = gate_and_address()
    assert not gate.commit(1, 1_000_000), "no ticket, no commit"
    assert gate.ticket(1)
    assert not gate.ticket(1)
    assert gate.commit(1, 1_000_000)
    assert not gate.commit(1, 9_000_000)
    assert gate.remaining_us() <= 1_000_000


@in_namespace
async def test_a_renewal_reads_the_clock_after_its_ticket_and_gives_what_is_left() -> None:
    cable()
    gate = gate_and_address()
    until = now_us() + 5_000_000
    assert gate.renew(1, until)
    assert 0 < gate.remaining_us() <= until - now_us() + KERNELS_TICK_US

    class Slow(Gate):
        """Its thread stands still after the ticket was set."""

        def ticket(self, number: int) -> bool:
            there = super().ticket(number)
            begun = now_us()
            while now_us() < begun + TICKET_MS * 1000 // 4:
                pass
            return there

    slow = Slow(gate.address, gate.device)
    # On a busy machine the pause may be longer than the ticket lives.
    assert any(slow.renew(number, until) for number in range(10, 20))
    left = slow.remaining_us()
    assert 0 < left <= until - now_us() + KERNELS_TICK_US, "and the pause was not given on top"
    assert not gate.renew(20, now_us())
    assert not gate.renew(21, now_us() - 5_000_000)
    assert gate.remaining_us() <= left


@in_namespace
async def test_what_is_too_short_for_the_kernel_is_refused() -> None:
    """A timeout of 0 is none: the element would stay for ever."""
    cable()
    gate = gate_and_address()
    for remaining in (-1, 0, 999, SHORTEST_MS * 1000 - 1):
        assert gate.ticket(1)
        assert not gate.commit(1, remaining)
        assert gate.remaining_us() == 0
        assert gate.disarm()


@in_namespace
async def test_disarming_closes_at_once_and_voids_the_tickets() -> None:
    async with bench() as node:
        gate = gate_and_address()
        armed(gate, 1, 60_000_000)
        await node.first("icmp", after=now_us())
        assert gate.ticket(2)
        assert gate.disarm()
        closed = now_us()
        assert not gate.commit(2, 60_000_000)
        seen = await node.until(closed + 150_000)
        assert not [one for one in seen if one.what in ANSWERS and one.at > closed]
        assert gate.disarm(), "nothing to disarm is disarmed"


@in_namespace
async def test_disarming_what_somebody_removed_puts_it_back_closed() -> None:
    cable()
    gate = gate_and_address()
    armed(gate, 1, 60_000_000)
    ip("nft flush ruleset")
    assert not gate.present()
    assert gate.disarm()
    assert gate.present()
    assert gate.remaining_us() == 0


@in_namespace
async def test_installing_again_never_opens_the_gate_nor_shuts_a_running_lease() -> None:
    async with bench() as node:
        gate = gate_and_address()
        assert await silent(node, 5)
        for _ in range(60):
            gate.install()
            Gate(ADDRESS, DEVICE).install()
            await node.next()
        assert await silent(node, 5)
        assert not [one for one in node.seen if one.what in ANSWERS]

        until = armed(gate, 1, 600_000)
        await node.first("icmp", after=now_us())
        # The daemon was killed and is here again.
        Gate(ADDRESS, DEVICE).install()
        seen = await node.until(until + 100_000)
        last = max(one.at for one in of("icmp", seen))
        assert until - A_BUSY_PROBER_US <= last <= until + KERNELS_TICK_US


@in_namespace
async def test_tables_of_another_shape_are_replaced_in_one_go() -> None:
    async with bench() as node:
        gate = gate_and_address()
        for stranger in (
            "nft delete table inet corolistener",
            "nft flush chain arp corolistener output",
            "nft delete table netdev corolistener",
        ):
            ip(stranger)
            assert not gate.present(), stranger
            gate.install()
            assert gate.present(), stranger
        ip("nft flush ruleset")
        for family in ("arp", "inet", "netdev"):
            ip(f"nft add table {family} corolistener")
            ip(f"nft add set {family} corolistener lease {{ type mark; }}")
        gate.install()
        assert await silent(node)
        armed(gate, 1, 500_000)
        await node.first("arp", after=now_us())


@in_namespace
async def test_whatever_somebody_takes_away_is_back_at_once_and_closed() -> None:
    async with bench() as node:
        gate = gate_and_address()
        gone = asyncio.Queue[int]()
        watch = GateWatch(gate, lambda: gone.put_nowait(now_us()))
        watch.start()
        for number, blow in enumerate(
            (
                "nft flush ruleset",
                "nft delete table netdev corolistener",
                "nft flush table arp corolistener",
                "nft flush chain inet corolistener output",
                "nft insert rule inet corolistener output accept",
            )
        ):
            armed(gate, number, 60_000_000)
            await node.first("icmp", after=now_us())
            began = now_us()
            ip(blow)
            took = await asyncio.wait_for(gone.get(), 10) - began
            assert gate.present(), blow
            assert gone.empty(), f"{blow}: told twice"
            print(f"{blow}: back after {took / 1000:.1f} ms, nft's own start included")
            if number == 0:
                assert gate.remaining_us() == 0
                assert await silent(node)
            assert gate.disarm()
        watch.stop()


@in_namespace
async def test_a_loss_among_messages_that_were_lost_is_found() -> None:
    """The kernel drops what a slow reader leaves lying, and our own table's end was the last of it."""
    cable()
    gate = gate_and_address()
    gone, lost = asyncio.Queue[None](), asyncio.Queue[None]()
    watch = GateWatch(gate, lambda: gone.put_nowait(None))
    watch.start()
    heard: list[Message] = []
    second = NetlinkEvents(NETLINK_NETFILTER, (7,), heard.extend, lambda: lost.put_nowait(None))
    second.start()
    flood = "add table ip foreign\nadd chain ip foreign some\n"
    flood += "".join(f"add rule ip foreign some ip saddr 10.0.{n // 250}.{n % 250} drop\n" for n in range(8000))
    flood += "delete table arp corolistener\n"
    subprocess.run(["nft", "-f", "-"], input=flood, text=True, check=True)
    await asyncio.wait_for(lost.get(), 10)
    assert not any(b"corolistener\0" in one.body for one in heard)
    await asyncio.wait_for(gone.get(), 10)
    assert gate.present()
    second.stop()
    watch.stop()


@in_namespace
async def test_renewals_do_not_wake_their_own_watch() -> None:
    """What a foreign program does to the same set is told."""
    cable()
    gate = gate_and_address()
    all_told, told = asyncio.Queue[list[Message]](), asyncio.Queue[list[Message]]()
    every = NetlinkEvents(NETLINK_NETFILTER, (7,), all_told.put_nowait, lambda: None)
    others = NetlinkEvents(NETLINK_NETFILTER, (7,), told.put_nowait, lambda: None, but=gate.port)
    every.start()
    others.start()
    for number in range(5):
        armed(gate, number, 5_000_000)
    await asyncio.wait_for(all_told.get(), 10)
    ip("nft flush set inet corolistener lease")
    foreign = await asyncio.wait_for(told.get(), 10)
    assert any(one.kind == NFT_MSG_DELSETELEM for one in foreign)
    assert not any(one.kind == NFT_MSG_NEWSETELEM for one in foreign)
    assert told.empty()
    every.stop()
    others.stop()


@in_namespace
async def test_what_others_do_to_their_own_tables_is_not_our_business() -> None:
    cable()
    gate = gate_and_address()
    gone = asyncio.Queue[int]()
    watch = GateWatch(gate, lambda: gone.put_nowait(now_us()))
    watch.start()
    ip("nft add table inet foreign")
    ip("nft add chain inet foreign some")
    ip("nft delete table inet foreign")
    began = now_us()
    ip("nft delete table arp corolistener")
    assert await asyncio.wait_for(gone.get(), 10) > began
    assert gone.empty()
    watch.stop()


@in_namespace
async def test_the_gate_outlives_its_device_and_is_whole_again_with_the_next_one() -> None:
    gate = Gate(ADDRESS, DEVICE)
    gate.install()
    assert gate.present(), "without the device, arp and inet are all there is"
    assert not gate.watches_device()
    async with bench() as node:
        gate.install()
        assert gate.watches_device()
        ip(f"ip address add {ADDRESS}/32 dev {DEVICE}")
        assert await silent(node)
        armed(gate, 1, 300_000)
        await node.first("icmp", after=now_us())
    with pytest.raises(OSError, match="No such device"):
        mac_here()
    assert gate.present()
    armed(gate, 2, 60_000_000)
    async with bench() as node:
        gate.install()
        assert gate.disarm()
        ip(f"ip address add {ADDRESS}/32 dev {DEVICE}")
        assert await silent(node)
        await announced_while_closed(node)
        armed(gate, 3, 300_000)
        await node.first("arp", after=now_us())


async def announced_while_closed(node: Bench) -> None:
    """A frame by AF_PACKET, which passes the arp family's hook, is dropped at the device."""
    with packet_socket(DEVICE) as raw:
        for frame in announcements(mac_of(raw), ADDRESS):
            with pytest.raises(OSError, match="buffer space"):
                raw.send(frame)
    assert not of("announced", await node.asked(5))


@in_namespace
async def test_a_frame_by_af_packet_passes_only_while_armed() -> None:
    async with bench() as node:
        gate = gate_and_address()
        await announced_while_closed(node)
        armed(gate, 1, 100_000)
        with packet_socket(DEVICE) as raw:
            raw.send(announcements(mac_of(raw), ADDRESS)[0])
        assert (await node.first("announced")).mac == mac_here()
        await node.until(now_us() + 120_000)
        await announced_while_closed(node)


@in_namespace
async def test_the_other_devices_are_silent_too() -> None:
    """A node answers for any address of its own on every device; the chain at the device does not see that."""
    async with bench() as node:
        ip("ip link add other0 type veth peer name other1")
        ip("ip link set other0 up")
        gate = Gate(ADDRESS, "other0")
        gate.install()
        ip(f"ip address add {ADDRESS}/32 dev other0")
        assert await silent(node)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((ADDRESS, 0))
            with pytest.raises(PermissionError):
                client.sendto(b"while closed", (NEIGHBOUR, 9))
        armed(gate, 1, 60_000_000)
        for kind in ANSWERS:
            await node.first(kind, after=now_us())


@in_namespace
async def test_nothing_reaches_the_address_either() -> None:
    """A manager that is still there must not take in what it could not acknowledge."""
    cable()
    gate = gate_and_address()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as manager,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        manager.bind((ADDRESS, 0))
        manager.setblocking(False)
        client.bind((OWN, 0))
        client.sendto(b"while closed", manager.getsockname())
        armed(gate, 1, 60_000_000)
        client.sendto(b"while open", manager.getsockname())
        received = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(manager, 100), 10)
        assert received == b"while open"


@in_namespace
async def test_a_node_that_stands_by_learns_where_the_address_is_and_can_talk_to_it() -> None:
    """Its own gate is closed; the holder is at the other end of the cable."""
    cable()
    ip(f"ip link set {FAR} up")
    Gate(ADDRESS, DEVICE).install()
    ip(f"ip route add {ADDRESS}/32 dev {DEVICE}")
    ip(f"ip neigh add {ADDRESS} lladdr 02:00:00:00:00:01 dev {DEVICE} nud stale")
    with packet_socket(FAR, ETH_P_IP) as holder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        holder.send(announcements(mac_of(holder), ADDRESS)[0])
        client.sendto(b"hello", (ADDRESS, 9))
        holder.setblocking(True)
        holder.settimeout(5)
        while not (frame := holder.recv(2000)).endswith(b"hello"):
            pass
        assert frame[:6] == mac_of(holder)


@in_namespace
async def test_a_stopped_process_falls_silent_when_its_lease_ends() -> None:
    async with bench() as node:
        gate_and_address()
        report, theirs = os.pipe()
        child = os.fork()
        if not child:
            renew_for_ever(theirs)
        try:
            os.close(theirs)
            await node.first("icmp", after=now_us())
            os.kill(child, signal.SIGSTOP)
            os.waitpid(child, os.WUNTRACED)
            # Records of 8 bytes: the newest is the last.
            until = int.from_bytes(os.read(report, 8 * 1000)[-8:], "big")
            os.close(report)
            seen = await node.until(until + 200_000)
            last = max(one.at for one in seen if one.what in ANSWERS)
            print(f"stopped: last answer {(last - until) / 1000:+.1f} ms from the end of its lease")
            # Read before the commit, and the ticket was there before that: it bounds what the child may be late.
            assert until - A_BUSY_PROBER_US <= last <= until + TICKET_MS * 1000 + KERNELS_TICK_US
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def renew_for_ever(report: int) -> None:
    """In the child: a lease of 500 ms, renewed every 50 ms; writes down when each ends, before it is committed."""
    gate = Gate(ADDRESS, DEVICE)
    number = 0
    while True:
        number += 1
        gate.ticket(number)
        os.write(report, (now_us() + 500_000).to_bytes(8, "big"))
        gate.commit(number, 500_000)
        signal.sigtimedwait([], 0.05)


@in_namespace
async def test_thousands_of_renewals_keep_no_memory_and_cost_little() -> None:
    cable()
    gate = gate_and_address()
    renew(gate, range(500))
    before = resident_kib()
    took = sorted(renew(gate, range(500, 3500)))
    grown = resident_kib() - before
    median, worst = took[len(took) // 2] / 1000, took[len(took) * 99 // 100] / 1000
    print(f"ticket and commit: median {median:.2f} ms, p99 {worst:.2f} ms; {grown} KiB more after 3000")
    assert grown < 1024
    assert median < 3


def renew(gate: Gate, numbers: range) -> list[int]:
    """How long each took, in microseconds."""
    took = []
    for number in numbers:
        began = now_us()
        armed(gate, number, 2_000_000)
        took.append(now_us() - began)
    return took


def resident_kib() -> int:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@in_namespace
async def test_threads_may_share_the_library() -> None:
    """The watch puts back and the shell renews, each when it must; another context is made by the preflight."""
    cable()
    gate = gate_and_address()

    def work(part: int) -> bool:
        return all(gate.ticket(part * 1000 + number) and gate.present() for number in range(150))

    def other() -> bool:
        for _ in range(100):
            available()
        return True

    results = await asyncio.gather(*(asyncio.to_thread(work, part) for part in range(3)), asyncio.to_thread(other))
    assert results == [True] * 4


@in_namespace
async def test_without_the_right_it_says_so() -> None:
    os.setuid(65534)
    with pytest.raises(GateError, match="not permitted"):
        available()


def test_without_the_module_it_says_which_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nftables", None)
    with pytest.raises(GateError, match="python3-nftables"):
        available()


@pytest.mark.parametrize("address", ["10.0.0", "::1", "10.0.0.1 } ; flush ruleset", ""])
def test_what_is_no_address_never_reaches_the_kernel(address: str) -> None:
    with pytest.raises(GateError, match="IPv4"):
        Gate(address, "v0")


@pytest.mark.parametrize("device", ["", "a" * 16, 'v0"', "v 0", "v/0", "v0\n"])
def test_what_is_no_device_never_reaches_the_kernel(device: str) -> None:
    with pytest.raises(GateError, match="device"):
        Gate("10.0.0.1", device)
