"""One node seen from outside: its address events, its dead-man and its manager's processes, as records.

It keeps the network of the node's present life open by sockets in it, so that the end of a node is seen as well.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from coroctl.lab import cgroups
from coroctl.lab.checker import netlink
from coroctl.lab.checker.gate import Gate, questions
from coroctl.lab.checker.records import Attached, Blind, Held, Manager, Open

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.lab.checker.records import Record
    from coroctl.lab.plan import NodePlan, Plan

_MOST_BYTES = 1 << 18


class Watch:
    """Call `read` when a socket that it registered is readable, `look` and `count` regularly."""

    def __init__(
        self,
        plan: Plan,
        node: NodePlan,
        service: str,
        selector: selectors.BaseSelector,
        tell: Callable[[Record], None],
    ) -> None:
        self._plan = plan
        self._node = node
        self._selector = selector
        self._tell = tell
        self._address = socket.inet_aton(plan.cloud_ip)
        self._life = 0
        self._joining: socket.socket | None = None
        self._joiner: subprocess.Popen[bytes] | None = None
        self._network: Network | None = None
        self._processes = 0
        self._groups = tuple(
            str(hierarchy / plan.cgroup(node) / "payload/system.slice" / service / "cgroup.procs")
            for hierarchy in cgroups.hierarchies()
        )

    def look(self, now_us: Callable[[], int]) -> None:
        """Whether the node was powered on (again): then its network is another one."""
        try:
            life = (self._plan.node_folder(self._node) / "nspawn").stat().st_mtime_ns
        except FileNotFoundError:
            return
        if life != self._life:
            self._life = life
            if self._network:
                self._network.ended(now_us())
            self._join()
        elif self._joiner and self._joiner.poll() is not None and self._joining:
            self._take_over()

    def _join(self) -> None:
        self.close()
        ours, theirs = socket.socketpair()
        with theirs:
            words = ["coroctl.lab.checker.entry", self._plan.name, self._node.name, str(theirs.fileno())]
            self._joiner = subprocess.Popen([sys.executable, "-P", "-m", *words], pass_fds=[theirs.fileno()])
        self._joining = ours

    def _take_over(self) -> None:
        """The joiner has ended: what it left in the socket is ours."""
        if self._joining is None:
            return
        with self._joining as joining:
            mac, descriptors, _, _ = socket.recv_fds(joining, 64, 2)
        self._joining = None
        if len(descriptors) != 2:
            self._life = 0  # the node went off while it was entered; the next look tries anew
            return
        self._network = Network(descriptors[0], descriptors[1], self._node.name, self._address, self._tell)
        self._network.ask(mac.hex(":"))
        for each in self._network.sockets:
            self._selector.register(each, selectors.EVENT_READ)

    def _leave(self) -> None:
        """The network of a former life: nobody is in it any more."""
        if self._network:
            for each in self._network.sockets:
                self._selector.unregister(each)
                each.close()
        if self._joining:
            self._joining.close()
        self._joining = self._network = None

    def close(self) -> None:
        """End what it began."""
        if self._joiner and self._joiner.poll() is None:
            self._joiner.kill()
        if self._joiner:
            self._joiner.wait()
        self._leave()

    def read(self, now_us: Callable[[], int]) -> None:
        """Take in what the kernel has told."""
        if self._network:
            self._network.read(now_us)

    def count(self, now_us: Callable[[], int]) -> None:
        """Look into the control group of the manager's unit."""
        processes = max((_processes(path) for path in self._groups), default=0)
        if processes != self._processes:
            self._processes = processes
            self._tell(Manager(now_us(), self._node.name, processes))


class Network:
    """The network of one life of a node."""

    def __init__(
        self, addresses: int, nftables: int, node: str, address: bytes, tell: Callable[[Record], None]
    ) -> None:
        self._addresses = socket.socket(fileno=addresses)
        self._nftables = socket.socket(fileno=nftables)
        self._node = node
        self._mac = ""
        self._address = address
        self._tell = tell
        self._on: set[tuple[int, int]] = set()
        self._held = False
        self._gate = Gate(address)
        self._until = 0
        self._questions = list(questions())
        self._again = False
        for each in (self._addresses, self._nftables):
            each.setblocking(False)

    def ask(self, mac: str) -> None:
        """Ask what there is already; the sockets have been subscribed before."""
        self._mac = mac
        self._addresses.send(netlink.dump_addresses())
        self._nftables.send(self._questions[0])

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """Whoever has this closes them."""
        return self._addresses, self._nftables

    def ended(self, now: int) -> None:
        """Nobody is in it any more: whatever was held there is held no more."""
        if self._held:
            self._tell(Held(now, self._node, present=False))
        self._tell(Open(now, self._node, 0))

    def read(self, now_us: Callable[[], int]) -> None:
        """Everything that waits in both sockets."""
        for each, take in ((self._addresses, self._take_address), (self._nftables, self._take_nftables)):
            while data := self._receive(each, now_us):
                for message in netlink.messages(data):
                    take(message, now_us())

    def _receive(self, one: socket.socket, now_us: Callable[[], int]) -> bytes:
        try:
            return one.recv(_MOST_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self._tell(Blind(now_us(), self._node))
            return b""

    def _take_address(self, message: netlink.Message, now: int) -> None:
        if message.kind not in (netlink.NEW_ADDRESS, netlink.DELETE_ADDRESS):
            return
        told = netlink.read_address(message)
        if told.address != self._address:
            return
        place = (told.interface, told.prefix)
        (self._on.add if message.kind == netlink.NEW_ADDRESS else self._on.discard)(place)
        if bool(self._on) != self._held:
            self._held = bool(self._on)
            self._tell(Held(now, self._node, self._held))

    def _take_nftables(self, message: netlink.Message, now: int) -> None:
        self._again |= message.interrupted
        if message.kind in (netlink.DONE, netlink.ERROR):
            self._ask_on(now)
        elif message.kind == netlink.NEW_GENERATION:
            self._tell_gate(now)
        else:
            self._gate.take(message, now)

    def _ask_on(self, now: int) -> None:
        """A dump has ended: the next, or the same again if the tables changed meanwhile."""
        if not self._again:
            self._questions.pop(0)
        self._again = False
        if self._questions:
            self._nftables.send(self._questions[0])
        else:
            self._tell(Attached(now, self._node, self._mac))
            self._tell_gate(now)

    def _tell_gate(self, now: int) -> None:
        """Between the first dump and the last its state is not known."""
        until = self._gate.open_until()
        if not self._questions and until != self._until:
            self._until = until
            self._tell(Open(now, self._node, until))


def _processes(path: str) -> int:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return os.read(descriptor, 4096).count(b"\n")
        finally:
            os.close(descriptor)
    return 0
