"""What the console costs on a cluster of 64 nodes: ``python -m tests.bench_nodes``.

A simulated one: its snapshots are made here, once a second, with latencies and loads that always change. Everything
after the snapshot is the console's own. ``python -m tests.bench_nodes console`` shows it.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from coroctl.model import (
    Availability,
    Configuration,
    Hearing,
    Lease,
    Link,
    Load,
    Mastership,
    Node,
    NodeId,
    NodeStatus,
    Quorum,
    Role,
    Snapshot,
    Source,
)
from coroctl.sources.feed import Update
from coroctl.sources.logs import LogFollower
from coroctl.tui.app import Console
from tests.console_probe import QUIET_S, SETTLE_S, OnAPty

if TYPE_CHECKING:
    from collections.abc import Callable

NODES, LINKS, FRAMES = 64, 2, 5
EVERY_S = 1.0
COMMAND = (sys.executable, "-m", "tests.bench_nodes", "console")


class Row(NamedTuple):
    """As tests.bench has it."""

    what: str
    value: str
    beside: str = ""
    aim: str = ""


class Many:
    """A feed of a cluster of which the first node is master, and the looker."""

    def __init__(self) -> None:
        self._random = random.Random(1)  # noqa: S311 - nothing secret
        self._ended = threading.Event()
        self._latest: Update | None = None

    def start(self, publish: Callable[[Update], object]) -> None:
        """Every second, on a thread."""
        threading.Thread(target=self._run, args=(publish,), daemon=True).start()

    def _run(self, publish: Callable[[Update], object]) -> None:
        while True:
            self._latest = Update(self._snapshot(), time.monotonic())
            publish(self._latest)
            if self._ended.wait(EVERY_S):
                return

    def stop(self) -> None:
        """No more."""
        self._ended.set()

    def latest(self) -> Update | None:
        """The last one."""
        return self._latest

    def _snapshot(self) -> Snapshot:
        ids = tuple(NodeId(one) for one in range(1, NODES + 1))
        lease = Lease(ids[0], 4, 2000, 150, 1850)
        return Snapshot(
            Source.DAEMON,
            Availability.ANSWERED,
            "many",
            tuple(self._node(one, ids) for one in ids),
            True,
            local=ids[0],
            transport="knet",
            quorum=Quorum(NODES, NODES // 2 + 1, NODES, NODES, ("Quorate",), "1.a", "corosync_votequorum"),
            configuration=Configuration("/etc/corosync/corosync.conf", 7, 7, "ab" * 32),
            mastership=Mastership(
                ids[0], 0.0, lease, "10.0.0.100/32", "vmbr0", "m.service", "nftables", (), (), "", (), 0, 0, ()
            ),
            pauses=(),
        )

    def _node(self, one: NodeId, ids: tuple[NodeId, ...]) -> Node:
        here = one == ids[0]
        return Node(
            one,
            f"node{one}",
            f"10.0.0.{one}",
            NodeStatus.JOINED,
            Role.MASTER if here else Role.SLAVE,
            prio=100,
            votes=1,
            addresses=tuple(f"10.{number}.0.{one}" for number in range(LINKS)),
            config_version=7,
            config_sha256="ab" * 32,
            links=() if here else tuple(self._link(number, one) for number in range(LINKS)),
            reason="" if here else "node 1 holds the lease",
            heard_ms=0 if here else self._random.randrange(200),
            current=True,
            eligible=True,
            hears=tuple(Hearing(other, self._random.randrange(200)) for other in ids if other != one),
            load=Load(self._random.random() * 4, 8),
        )

    def _link(self, number: int, to: NodeId) -> Link:
        latency = self._random.randrange(200, 400)
        return Link(number, f"10.{number}.0.1", f"10.{number}.0.{to}", True, True, 1446, latency, 1, 0)


def table() -> list[Row]:
    """Rows for the README's table; the aims are twice those of sixteen live nodes."""
    frames = []
    for _ in range(FRAMES):
        console = OnAPty(COMMAND)
        frames.append(console.until(b"Quit") - console.begin)
        console.close()
    console = OnAPty(COMMAND)
    console.until(b"QUORATE")
    console.drain(SETTLE_S)
    cpu = console.cpu_s()
    written = console.drain(QUIET_S) / QUIET_S / 1024
    used = (console.cpu_s() - cpu) / QUIET_S * 100
    memory = console.memory_mib("Pss")
    console.close()
    size = f"a simulated cluster of {NODES} nodes, each second new latencies and loads"
    return [
        Row(f"{size}: first frame, median of {FRAMES}", f"{median(frames):.2f} s", aim="< 1.2 s"),
        Row("the same: memory (PSS); CPU of one core", f"{memory:.0f} MiB; {used:.1f} %", aim="< 120 MiB; < 3 %"),
        Row("the same: written to the terminal", f"{written:.2f} KiB/s", aim="< 6 KiB/s"),
    ]


def main() -> int:
    """Print the rows, or be what is measured."""
    if sys.argv[1:] == ["console"]:
        Console(Many(), LogFollower("nowhere.log")).run()
        return 0
    for row in table():
        print(f"| {' | '.join(row)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
