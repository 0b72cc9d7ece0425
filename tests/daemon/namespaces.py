"""A node and its neighbour, each in a network namespace of its own, and a prober who asks from the neighbour's side.

`in_namespace` runs a test in a forked child with a new network namespace; the kernel takes everything in it away
when the child ends. The prober asks for the address by ARP and by ICMP every 10 ms and writes down, with the
kernel's own time of arrival, each answer and each other ARP frame that it sees.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import pytest

from coroctl.daemon.announce import ETH_P_ARP, Arp, mac_of, packet_socket
from coroctl.daemon.clock import now_us

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

ADDRESS = "10.9.9.9"
OWN = "10.9.0.1"
NEIGHBOUR = "10.9.0.2"
DEVICE = "v0"
FAR = "v1"
STEP_US = 10_000

_CLONE_NEWNET = 0x40000000
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("=qq")
_PATIENCE_S = 30


def ip(command: str) -> str:
    """Run one command of iproute2 (or nft) in this namespace."""
    return subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout


def unshare_network() -> None:
    """From here on this process is alone in a new network namespace; it must not have threads yet."""
    # os.unshare comes with Python 3.12.
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")


def in_namespace(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A coroutine as a test in a namespace of its own; skipped without root."""

    @pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace takes root")
    def run() -> None:
        report, theirs = os.pipe()
        child = os.fork()
        if not child:
            os.close(report)
            _run_and_exit(test, theirs)
        os.close(theirs)
        with os.fdopen(report) as lines:
            said = lines.read()
        _, status = os.waitpid(child, 0)
        if status:
            pytest.fail(said or f"the child ended with status {status}", pytrace=False)

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


def _run_and_exit(test: Callable[[], Coroutine[Any, Any, None]], report: int) -> NoReturn:
    status = 1
    try:
        broken: list[str] = []
        sys.unraisablehook = lambda what: broken.append(f"never raised: {what.exc_value!r} in {what.object!r}")
        unshare_network()
        ip("ip link set lo up")
        asyncio.run(test())
        assert not broken, broken
        status = 0
    except BaseException:  # noqa: BLE001 - it is told to the parent, whole
        os.write(report, traceback.format_exc().encode())
    finally:
        sys.stdout.flush()
        os._exit(status)


class Seen(NamedTuple):
    """What the prober saw: when (boot time, us), what ("asked", "arp", "icmp", "announced", "probed"), and whose."""

    at: int
    what: str
    mac: str


class Bench:
    """The node's side of the cable, and what the prober reports."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.seen: list[Seen] = []

    async def next(self) -> Seen:
        """The next thing that the prober saw."""
        line = await asyncio.wait_for(self._reader.readline(), _PATIENCE_S)
        assert line, "the prober ended"
        at, what, mac = line.decode().split()
        self.seen.append(Seen(int(at), what, mac))
        return self.seen[-1]

    async def first(self, what: str, after: int = 0) -> Seen:
        """The first of that kind, from now or from that moment on."""
        while True:
            seen = await self.next()
            if seen.what == what and seen.at >= after:
                return seen

    async def until(self, moment: int) -> list[Seen]:
        """Everything that is seen up to that moment of the boot clock, and that was seen since the last call."""
        self.seen.clear()
        while True:
            seen = await self.next()
            if seen.what == "asked" and seen.at > moment:
                return list(self.seen)

    async def asked(self, times: int) -> list[Seen]:
        """Everything that is seen while the prober asks so many times more."""
        # What is in the pipe by now is of the past.
        began = now_us()
        return [one for one in await self.until(began + times * STEP_US) if one.at > began]


def of(kind: str, seen: list[Seen]) -> list[Seen]:
    """Those of one kind."""
    return [one for one in seen if one.what == kind]


def cable() -> None:
    """A node's device and its far end, both here."""
    ip(f"ip link add {DEVICE} type veth peer name {FAR}")
    ip(f"ip address add {OWN}/24 dev {DEVICE}")
    ip(f"ip link set {DEVICE} up")


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """This namespace gets a device whose far end is at the prober's; it asks from then on."""
    cable()
    mac = mac_here()
    report, theirs = os.pipe()
    go, ours = os.pipe()
    child = os.fork()
    if not child:
        os.close(report)
        os.close(ours)
        _probe_and_exit(theirs, go, mac)
    os.close(theirs)
    os.close(go)
    transport: asyncio.ReadTransport | None = None
    try:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(report, "rb", 0)
        )
        assert await asyncio.wait_for(reader.readline(), _PATIENCE_S) == b"unshared\n"
        ip(f"ip link set {FAR} netns {child}")
        os.write(ours, b"go")
        found = Bench(reader)
        # The kernel gives the device a queue only a moment after its carrier, and until then takes frames for nothing.
        while (await found.next()).what != "probed":
            send_probe()
        yield found
    finally:
        if transport is not None:
            transport.close()
        os.close(ours)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        # The kernel takes the neighbour's namespace away in its own time; the test may lay the next cable now.
        subprocess.run(["ip", "link", "delete", DEVICE], check=False, capture_output=True)


def send_probe(device: str = DEVICE) -> None:
    """A frame that the prober sees, and that says nothing of any address."""
    with packet_socket(device) as opened, suppress(OSError):
        opened.send(Arp(1, mac_of(opened), bytes(4), bytes(6), bytes(4)).frame())


def mac_here(device: str = DEVICE) -> str:
    """The hardware address of a device of this namespace."""
    with packet_socket(device) as opened:
        return mac_of(opened).hex(":")


def _probe_and_exit(report: int, go: int, mac: str) -> NoReturn:
    try:
        unshare_network()
        os.write(report, b"unshared\n")
        if os.read(go, 2):
            for command in (
                "ip link set lo up",
                f"ip address add {NEIGHBOUR}/24 dev {FAR}",
                f"ip link set {FAR} up",
                f"ip route add {ADDRESS}/32 dev {FAR}",
                f"ip neigh replace {ADDRESS} lladdr {mac} dev {FAR} nud permanent",
            ):
                ip(command)
            Prober(report).run()
    except OSError as error:
        # The test is over, or has taken the cable away; if not, the reader finds the end of the pipe.
        if error.errno not in {errno.EPIPE, errno.ENETDOWN, errno.ENODEV, errno.ENXIO}:
            traceback.print_exc()
    finally:
        os._exit(0)


class Prober:
    """Asks and writes down, until the pipe is closed."""

    def __init__(self, report: int) -> None:
        self._report = report
        self._behind_us = time.time_ns() // 1000 - now_us()
        self._arp = packet_socket(FAR, ETH_P_ARP)
        self._icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        for one in (self._arp, self._icmp):
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        mac = mac_of(self._arp)
        question = Arp(1, mac, socket.inet_aton(NEIGHBOUR), bytes(6), socket.inet_aton(ADDRESS))
        self._question = question.frame()
        self._echo = struct.pack("!BBHHH", 8, 0, 0xF7FE, 1, 0)

    def run(self) -> None:
        """Until the reader is gone (BrokenPipeError)."""
        due = now_us()
        while True:
            self._ask()
            due += STEP_US
            while (left := due - now_us()) > 0:
                ready, _, _ = select.select([self._arp, self._icmp], [], [], left / 1e6)
                for one in ready:
                    self._receive(one)

    def _ask(self) -> None:
        self._arp.send(self._question)
        with suppress(OSError):
            self._icmp.sendto(self._echo, (ADDRESS, 0))
        self._tell(now_us(), "asked", "-")

    def _receive(self, ready: socket.socket) -> None:
        data, ancillary, _, _ = ready.recvmsg(256, 64)
        seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
        at = seconds * 1_000_000 + nanoseconds // 1000 - self._behind_us
        if ready is self._icmp:
            if data[20] == 0 and socket.inet_ntoa(data[12:16]) == ADDRESS:
                self._tell(at, "icmp", "-")
            return
        operation, sender_mac, sender, _, target = struct.unpack("!H6s4s6s4s", data[20:42])
        if sender == target == socket.inet_aton(ADDRESS):
            self._tell(at, "announced", sender_mac.hex(":"))
        elif operation == 2 and sender == socket.inet_aton(ADDRESS):
            self._tell(at, "arp", sender_mac.hex(":"))
        elif sender == bytes(4):
            self._tell(at, "probed", sender_mac.hex(":"))

    def _tell(self, at: int, what: str, mac: str) -> None:
        os.write(self._report, f"{at} {what} {mac}\n".encode())
