"""Datagrams between real sockets on loopback addresses: what arrives, and every way in which one may be bad."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import pytest

from coroctl.daemon import tally
from coroctl.daemon.keys import make_key
from coroctl.daemon.links import BATCH
from coroctl.daemon.replay import LIVES_MAX, WINDOW, Freshness, Memory, Window
from coroctl.daemon.seal import Sealer, Type
from coroctl.daemon.tally import COUNTED_MAX, OTHERS, Tally
from coroctl.daemon.transport import Transport, stamped
from coroctl.daemon.wire import encode_request
from coroctl.decision.events import Answered, Event, Heard, Relayed
from coroctl.decision.messages import Answer, Verdict
from coroctl.decision.values import NOBODY
from coroctl.model import NodeId
from tests.daemon.beat import STALL_S, Beat
from tests.daemon.test_wire import heartbeat, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from coroctl.decision.values import Heartbeat

ONE, TWO, THREE = NodeId(1), NodeId(2), NodeId(3)
LIFE = 7 << 20
KEY, FOREIGN = make_key(b"k" * 32), make_key(b"f" * 32)
ADDRESSES = {node: (f"127.0.1.{node}", f"127.0.2.{node}") for node in (ONE, TWO, THREE)}
SINGLE = {node: addresses[:1] for node, addresses in ADDRESSES.items()}
WAIT_S = 10


def said_by(node: NodeId, life: int = LIFE, sequence: int = 1) -> Heartbeat:
    """A heartbeat of that node."""
    return heartbeat()._replace(sender=node, incarnation=life, sequence=sequence)


class Station:
    """A node's transport, and what it told."""

    def __init__(self, node: NodeId, port: int, addresses: Mapping[NodeId, tuple[str, ...]], life: int) -> None:
        self.node = node
        self.port = port
        self.told: asyncio.Queue[Event] = asyncio.Queue()
        self.warned: list[tuple[NodeId, str]] = []
        self.new_warning = asyncio.Event()
        self.heard_one = asyncio.Event()
        self.transport = Transport([KEY], "c", node, life, self.tell, self.warn)
        self.transport.configure(addresses, addresses[node], port)

    def tell(self, event: Event) -> None:
        """Keep it for `next`."""
        self.told.put_nowait(event)
        self.heard_one.set()

    def warn(self, node: NodeId, text: str) -> None:
        """Remember it."""
        self.warned.append((node, text))
        self.new_warning.set()

    async def next(self) -> Event:
        """The next event."""
        return await asyncio.wait_for(self.told.get(), WAIT_S)

    def count(self, who: NodeId | str, what: str) -> int:
        """How often."""
        return self.transport.counters().get((who, what), 0)


def free_port() -> int:
    """A UDP port that nobody has on any address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))
        return int(probe.getsockname()[1])


@contextmanager
def stations(
    *nodes: NodeId,
    addresses: Mapping[NodeId, tuple[str, ...]] = ADDRESSES,
    life: int = LIFE,
) -> Iterator[list[Station]]:
    """These nodes of a cluster of three, closed at the end."""
    port = free_port()
    found = [Station(node, port, addresses, life) for node in nodes]
    try:
        yield found
    finally:
        for one in found:
            one.transport.close()


class Stranger(NamedTuple):
    """A socket with which somebody sends what he likes to a station."""

    socket: socket.socket
    to: tuple[str, int]

    def send(self, datagram: bytes) -> None:
        """One datagram."""
        self.socket.sendto(datagram, self.to)


@contextmanager
def stranger(station: Station, source: str = "127.0.1.2", link: int = 0) -> Iterator[Stranger]:
    """Somebody at `source`: by default at the address of node 2, as if the network let him forge it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind((source, 0))
        yield Stranger(opened, (ADDRESSES[station.node][link], station.port))


def sealed(what: Heartbeat, sealer: Sealer | None = None) -> bytes:
    """As node 2 sends it."""
    return (sealer or Sealer(KEY, "c", TWO, what.incarnation)).seal(Type.HEARTBEAT, stamped(what))


async def good_one_is_told(station: Station, sender: Stranger, what: Heartbeat) -> None:
    """Sockets keep the order: what was sent before this one has been dealt with, and told nothing."""
    sender.send(sealed(what))
    assert await station.next() == Heard(what)
    assert station.told.empty()


# What is to arrive


async def test_a_heartbeat_reaches_everybody_over_every_link() -> None:
    with stations(ONE, TWO, THREE) as (one, two, three):
        sent = said_by(ONE)
        one.transport.send_heartbeat(sent)
        for other in (two, three):
            assert await other.next() == Heard(sent)
        after = said_by(ONE, sequence=2)
        one.transport.send_heartbeat(after)
        for other in (two, three):
            assert await other.next() == Heard(after)
            assert set(other.transport.last_heard()) == {(ONE, 0), (ONE, 1)}
            assert other.count(ONE, "duplicate") >= 1
            assert not other.warned
        assert not one.transport.counters()


async def test_requests_and_answers_go_to_one_node() -> None:
    with stations(ONE, TWO, THREE) as (one, two, three):
        asked = request()._replace(origin=ONE)
        one.transport.send_request(TWO, asked)
        assert await two.next() == Relayed(ONE, asked)
        answer = Answer("id", Verdict.REFUSED, "no")
        two.transport.send_answer(ONE, answer)
        assert await one.next() == Answered(answer)
        one.transport.send_heartbeat(said_by(ONE))
        assert await three.next() == Heard(said_by(ONE))


async def test_addresses_of_version_6() -> None:
    addresses = {ONE: ("::1",), TWO: ("127.0.1.2",)}
    with stations(ONE, TWO, addresses=addresses) as (one, two):
        one.transport.send_heartbeat(said_by(ONE))
        assert one.count(TWO, "send OTHER_FAMILY") == 1
        two.transport.configure({ONE: ("::1",), TWO: ("::1",)}, ("127.0.1.2",), two.port)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as opened:
            opened.bind(("::1", 0))
            one.transport.configure({TWO: ("0:0::0:1",)}, ("::1",), one.port)
            Stranger(opened, ("::1", one.port)).send(sealed(said_by(TWO)))
            assert await one.next() == Heard(said_by(TWO))


async def test_what_overtakes_does_not_push_out_what_it_overtook() -> None:
    with stations(ONE, addresses=SINGLE) as [one], stranger(one) as sender:
        sealer = Sealer(KEY, "c", TWO, LIFE)
        asked = request()._replace(origin=TWO)
        first = sealer.seal(Type.REQUEST, encode_request(asked))
        sender.send(sealed(said_by(TWO), sealer))
        sender.send(first)
        assert await one.next() == Heard(said_by(TWO))
        assert await one.next() == Relayed(TWO, asked)


async def test_every_life_of_a_sender_is_passed_on() -> None:
    with stations(ONE, addresses=SINGLE) as [one], stranger(one) as sender:
        for life in (LIFE, LIFE + 5, LIFE - 5):
            await good_one_is_told(one, sender, said_by(TWO, life))


async def test_keys_are_changed_without_silence() -> None:
    with stations(ONE, addresses=SINGLE) as [one], stranger(one) as sender:
        one.transport.close()
        both = Transport([FOREIGN, KEY], "c", ONE, LIFE, one.told.put_nowait, one.warn)
        both.configure(SINGLE, SINGLE[ONE], one.port)
        sender.send(sealed(said_by(TWO)))
        sender.send(sealed(said_by(TWO, LIFE + 1), Sealer(FOREIGN, "c", TWO, LIFE + 1)))
        assert await one.next() == Heard(said_by(TWO))
        assert await one.next() == Heard(said_by(TWO, LIFE + 1))
        both.close()


async def test_keys_change_while_it_runs() -> None:
    with stations(ONE, addresses=SINGLE) as [one], stranger(one) as sender:
        foreign = Sealer(FOREIGN, "c", TWO, LIFE)
        one.transport.change_keys([FOREIGN])
        sender.send(sealed(said_by(TWO), Sealer(KEY, "c", TWO, LIFE)))
        sender.send(sealed(said_by(TWO), foreign))
        assert await one.next() == Heard(said_by(TWO))
        assert one.transport.counters()[TWO, "key_mismatch"] == 1


# Bad datagrams


def foreign_body() -> bytes:
    """Node 2 seals what node 3 has said."""
    return sealed(said_by(THREE), Sealer(KEY, "c", TWO, LIFE))


def foreign_life() -> bytes:
    """Node 2 seals what another life of it has said."""
    return sealed(said_by(TWO, LIFE - 1), Sealer(KEY, "c", TWO, LIFE))


def foreign_origin() -> bytes:
    """Node 2 passes on what node 3 was asked."""
    return Sealer(KEY, "c", TWO, LIFE).seal(Type.REQUEST, encode_request(request()))


GOOD = sealed(said_by(TWO))
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "short"),
    "one byte": (lambda: b"C", "short"),
    "truncated": (lambda: GOOD[:-1], "short"),
    "only a header": (lambda: GOOD[:40], "short"),
    "trailing bytes": (lambda: GOOD + b"\0", "trailing"),
    "something else": (lambda: b"GET / HTTP/1.1\r\n\r\n", "not_ours"),
    "wrong key": (lambda: sealed(said_by(TWO), Sealer(FOREIGN, "c", TWO, LIFE)), "key_mismatch"),
    "other cluster": (lambda: sealed(said_by(TWO), Sealer(KEY, "d", TWO, LIFE)), "other_cluster"),
    "unknown version": (lambda: GOOD[:4] + b"\x7f" + GOOD[5:], "version"),
    "unknown type": (lambda: GOOD[:5] + b"\x09" + GOOD[6:], "type"),
    "other type": (lambda: GOOD[:5] + b"\x02" + GOOD[6:], "forged"),
    "damaged": (lambda: GOOD[:-1] + bytes([GOOD[-1] ^ 1]), "forged"),
    "other sender in the body": (foreign_body, "malformed"),
    "other life in the body": (foreign_life, "malformed"),
    "request of another origin": (foreign_origin, "malformed"),
    "no message": (lambda: Sealer(KEY, "c", TWO, LIFE).seal(Type.HEARTBEAT, b"junk"), "malformed"),
    "body too long": (lambda: Sealer(KEY, "c", TWO, LIFE).seal(Type.ANSWER, bytes(2000)), "malformed"),
    "sender is another node": (lambda: sealed(said_by(THREE), Sealer(KEY, "c", THREE, LIFE)), "stranger"),
    "sender is not in the list": (lambda: sealed(said_by(NodeId(9)), Sealer(KEY, "c", NodeId(9), LIFE)), "stranger"),
    "sender is this node": (lambda: sealed(said_by(ONE), Sealer(KEY, "c", ONE, LIFE + 1)), "own_id"),
    "sent back": (lambda: sealed(said_by(ONE), Sealer(KEY, "c", ONE, LIFE)), "replayed"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_datagram_is_dropped_counted_and_warned_about_once(name: str) -> None:
    make, reason = BAD[name]
    with stations(ONE, addresses=SINGLE) as [one], stranger(one) as sender:
        for _ in range(3):
            sender.send(make())
        await good_one_is_told(one, sender, said_by(TWO, LIFE + 1))
        # Those that are sealed well are told apart from their repetitions, which are replays.
        assert sum(one.count(TWO, what) for what in {reason, "replayed"}) == 3
        assert one.count(TWO, reason) >= 1
        first, *rest = one.warned
        assert first[0] == TWO
        assert first[1].startswith("a datagram from 127.0.1.2 was dropped: ")
        assert all("came before" in text for _, text in rest)


async def test_from_an_address_that_is_nobodys() -> None:
    with stations(ONE, addresses=SINGLE) as [one], stranger(one) as friend, stranger(one, "127.0.1.77") as sender:
        sender.send(GOOD)
        sender.send(b"junk")
        sender.send(GOOD)
        await good_one_is_told(one, friend, said_by(TWO))
        assert one.count("127.0.1.77", "stranger") == 2
        assert one.count("127.0.1.77", "not_ours") == 0
        assert one.count("127.0.1.77", "short") == 1
        assert [node for node, _ in one.warned] == [NOBODY, NOBODY]


async def test_the_mismatch_of_keys_is_told_with_both_fingerprints() -> None:
    with stations(ONE, addresses=SINGLE) as [one], stranger(one) as sender:
        sender.send(sealed(said_by(TWO), Sealer(FOREIGN, "c", TWO, LIFE)))
        await asyncio.wait_for(one.new_warning.wait(), WAIT_S)
        [(node, text)] = one.warned
        assert node == TWO
        assert KEY.fingerprint in text
        assert FOREIGN.fingerprint in text


async def test_replayed_ones_of_this_life_and_of_a_former_one() -> None:
    with stations(ONE, addresses=SINGLE) as [one], stranger(one) as sender:
        former, current = sealed(said_by(TWO, LIFE - 1)), sealed(said_by(TWO))
        for datagram in (former, current, former, current, former):
            sender.send(datagram)
        assert await one.next() == Heard(said_by(TWO, LIFE - 1))
        assert await one.next() == Heard(said_by(TWO))
        await good_one_is_told(one, sender, said_by(TWO, LIFE + 1))
        assert one.count(TWO, "replayed") == 3
        assert len(one.warned) == 1


async def test_one_of_18_seconds_ago() -> None:
    with stations(ONE, addresses=SINGLE) as [one], stranger(one) as sender:
        sealer = Sealer(KEY, "c", TWO, LIFE)
        late = sealed(said_by(TWO), sealer)
        for number in range(2, 92):  # what is sent in 18 s
            sender.send(sealed(said_by(TWO, sequence=number), sealer))
            await one.next()
        sender.send(late)
        await good_one_is_told(one, sender, said_by(TWO, LIFE + 1))
        assert one.count(TWO, "replayed") == 1


async def test_a_warning_comes_back_after_a_quiet_time(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[tuple[NodeId, str]] = []
    now = 10**9
    monkeypatch.setattr(tally, "now_us", lambda: now)
    found = Tally(lambda node, text: warned.append((node, text)))
    for _ in range(3):
        found.trouble(TWO, "forged", "a")
        now += tally.QUIET_US
    assert warned == [(TWO, "a")]
    found.trouble(THREE, "forged", "b")
    now += tally.QUIET_US + 1
    found.trouble(TWO, "forged", "c")
    assert warned == [(TWO, "a"), (THREE, "b"), (TWO, "c")]
    found.well(TWO, "forged")
    found.trouble(TWO, "forged", "d")
    assert warned[-1] == (TWO, "d")


def test_what_strangers_send_fills_no_memory() -> None:
    warned: list[NodeId] = []
    found = Tally(lambda node, _: warned.append(node))
    for number in range(3 * COUNTED_MAX):
        found.trouble(f"192.0.2.{number}", "not_ours", "junk")
    assert warned == [NOBODY]
    assert len(found.counts()) == COUNTED_MAX + 1
    assert found.counts()[OTHERS, "not_ours"] == 2 * COUNTED_MAX


# Flood

FLOOD = """
import os, socket, sys
source, host, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind((source, 0))
junk = [os.urandom(size) for size in (0, 1, 40, 300, 1400)] + [bytes.fromhex(sys.argv[5])] * 5
print("go", flush=True)
for number in range(count):
    sender.sendto(junk[number % 10], (host, port))
"""


@pytest.mark.parametrize("source", ["127.0.1.2", "127.0.1.77"])
async def test_a_flood_starves_neither_the_loop_nor_a_good_heartbeat(source: str) -> None:
    forged = bytes([*GOOD[:-1], GOOD[-1] ^ 1])
    with stations(ONE, TWO, addresses=SINGLE) as (one, two):
        to = (ADDRESSES[ONE][0], str(one.port), "100000", forged.hex())
        pipe = asyncio.subprocess.PIPE
        flood = await asyncio.create_subprocess_exec(sys.executable, "-c", FLOOD, source, *to, stdout=pipe)
        assert flood.stdout is not None
        assert await flood.stdout.readline() == b"go\n"
        ended = asyncio.ensure_future(flood.wait())
        beat, sequence, begun = Beat(), 0, time.process_time()
        while not ended.done():
            sequence += 1
            two.transport.send_heartbeat(said_by(TWO, sequence=sequence))
            await asyncio.wait([ended], timeout=0.01)
        slowest = await beat.worst()
        spent = time.process_time() - begun
        dropped = sum(one.transport.counters().values())
        heard = one.told.qsize()
        print(f"{dropped} dropped, {spent / dropped * 1e6:.1f} us each, {heard}/{sequence} heard, {slowest:.4f} s late")
        assert dropped > 1000
        assert heard > sequence * 0.9
        assert slowest < STALL_S
        assert len(one.warned) < 10
        two.transport.send_heartbeat(said_by(TWO, sequence=sequence + 1))
        while await one.next() != Heard(said_by(TWO, sequence=sequence + 1)):
            pass


async def test_a_full_socket_is_emptied_a_batch_a_turn() -> None:
    with stations(ONE, addresses=SINGLE) as [one], stranger(one) as sender:
        for _ in range(2 * BATCH):
            sender.send(b"x")
        for _ in range(10):
            before = one.count(TWO, "short")
            await asyncio.sleep(0)
            assert one.count(TWO, "short") - before <= BATCH
        assert one.count(TWO, "short") == 2 * BATCH


# Sending and links


async def test_what_cannot_be_sent_is_counted_and_never_raised() -> None:
    addresses = {ONE: ("127.0.1.1",), TWO: ("255.255.255.255",), THREE: ("127.0.1.3", "127.0.2.3")}
    with stations(ONE, addresses=addresses) as [one]:
        one.transport.send_heartbeat(said_by(ONE))
        assert one.count(TWO, "send EACCES") == 1
        assert one.count(THREE, "send NO_LINK") == 1
        one.transport.send_request(TWO, request("x" * 300))
        assert one.count(ONE, "unsendable") == 1
        assert "request cannot be sent: id: " in one.warned[-1][1]
        one.transport.send_answer(NodeId(99), Answer("id", Verdict.OK))
        one.transport.close()
        one.transport.send_heartbeat(said_by(ONE))
        assert one.count(THREE, "send NO_LINK") == 3


async def test_the_first_datagram_to_a_daemon_that_has_just_come_is_not_lost() -> None:
    with stations(ONE, addresses=SINGLE) as [one]:
        one.transport.send_heartbeat(said_by(ONE))  # nobody is there: the next one is told so
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as came:
            came.bind((ADDRESSES[TWO][0], one.port))
            came.settimeout(WAIT_S)
            one.transport.send_heartbeat(said_by(ONE, sequence=2))
            assert came.recv(65536)
        one.transport.send_heartbeat(said_by(ONE, sequence=3))
        one.transport.send_heartbeat(said_by(ONE, sequence=4))
        assert not one.transport.counters(), "that nobody is there is no trouble of ours"


async def test_an_address_that_is_taken_is_tried_again() -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("127.0.1.1", port))
        one = Station(ONE, port, SINGLE, LIFE)
        assert "127.0.1.1" in one.transport.missing_links()[0]
        assert [node for node, _ in one.warned] == [ONE]
    with stranger(one) as sender:
        async with asyncio.timeout(WAIT_S):
            while one.told.empty():
                sender.send(sealed(said_by(TWO)))
                with suppress(TimeoutError):
                    await asyncio.wait_for(one.heard_one.wait(), 0.05)
    assert not one.transport.missing_links()
    one.transport.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace")
def test_addresses_that_come_and_go_under_the_sockets() -> None:
    probe = ["unshare", "--net", sys.executable, "-m", "tests.daemon.transport_probe"]
    ended = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=60)
    assert ended.stdout == "reached the end\n", ended.stderr


async def test_two_daemons_do_not_share_an_address() -> None:
    with stations(ONE, addresses=SINGLE) as [one]:
        second = Station(ONE, one.port, SINGLE, LIFE + 1)
        assert "Address already in use" in second.transport.missing_links()[0]
        second.transport.close()


async def test_junk_in_the_list_is_told_and_skipped() -> None:
    addresses = {ONE: ("127.0.1.1",), TWO: ("no address",), THREE: ("x" * 300,), NodeId(4): ("",)}
    with stations(ONE, addresses=addresses) as [one]:
        assert [node for node, _ in one.warned] == [TWO, THREE]
        one.transport.send_heartbeat(said_by(ONE))


async def test_a_new_list_keeps_the_sockets_that_it_names() -> None:
    with stations(ONE, TWO) as (one, two):
        one.transport.configure({ONE: ("127.0.1.1",), TWO: ("127.0.1.2",)}, ("127.0.1.1",), one.port)
        two.transport.send_heartbeat(said_by(TWO))
        assert await one.next() == Heard(said_by(TWO))
        assert set(one.transport.last_heard()) == {(TWO, 0)}
        one.transport.configure({THREE: ("127.0.1.3",)}, ("127.0.1.1",), one.port)
        assert not one.transport.last_heard()
        two.transport.send_heartbeat(said_by(TWO))
        async with asyncio.timeout(WAIT_S):
            await one.new_warning.wait()
        assert one.told.empty()
        assert one.count("127.0.1.2", "stranger") == 1


async def test_who_is_told_may_close_everything() -> None:
    told: list[Event] = []
    gone = asyncio.Event()

    def end(event: Event) -> None:
        told.append(event)
        one.close()
        asyncio.get_running_loop().call_soon(gone.set)

    with stations(THREE, addresses=SINGLE) as [three], stranger(three) as sender:
        one = Transport([KEY], "c", ONE, LIFE, end, three.warn)
        one.configure(SINGLE, SINGLE[ONE], three.port)
        for life in (1, 2):
            sender.socket.sendto(sealed(said_by(TWO, life)), ("127.0.1.1", three.port))
        await asyncio.wait_for(gone.wait(), WAIT_S)
        assert told == [Heard(said_by(TWO, 1))]
        assert not one.counters()


# Windows


def test_a_counter_is_new_once() -> None:
    window = Window()
    assert [window.take(counter) for counter in (5, 5, 3, 3, 6, 4, 5)] == [True, False, True, False, True, True, False]


def test_a_counter_may_jump_as_far_as_it_likes() -> None:
    window = Window()
    assert window.take(1)
    assert window.take(2**64 - 1)
    assert not window.take(1)
    assert not window.take(2**64 - 1 - WINDOW)
    assert window.take(2**64 - WINDOW)
    assert not window.take(2**64 - WINDOW)


def test_a_second_link_brings_duplicates_and_never_replays() -> None:
    memory = Memory()
    assert [memory.judge(2, 7, 1, link) for link in (0, 1, 0, 1)] == [
        Freshness.NEW,
        Freshness.DUPLICATE,
        Freshness.REPLAYED,
        Freshness.REPLAYED,
    ]


def test_the_life_that_was_silent_longest_is_forgotten() -> None:
    memory = Memory()
    for life in range(LIVES_MAX):
        memory.judge(2, life, 1, 0)
    for counter in range(2, 20):
        assert memory.judge(2, 0, counter, 0) is Freshness.NEW
    assert memory.judge(2, LIVES_MAX, 1, 0) is Freshness.NEW
    assert memory.judge(2, 0, 19, 0) is Freshness.REPLAYED
    assert all(memory.judge(2, life, 1, 0) is Freshness.REPLAYED for life in range(2, LIVES_MAX))
    assert memory.judge(2, 1, 1, 0) is Freshness.NEW
    assert len(memory._lives[2]) == LIVES_MAX
