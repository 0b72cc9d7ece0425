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

from coroctl.model import Hearing, Load, Node, NodeId, Quorum, Snapshot, Source
from coroctl.sources.feed import Update
from coroctl.sources.logs import LogFollower
from coroctl.tui.app import Console
from tests.alarms.build import WELL, link, node
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
        return WELL._replace(
            source=Source.DAEMON,
            cluster_name="many",
            nodes=tuple(self._node(one, ids) for one in ids),
            quorum=Quorum(NODES, NODES // 2 + 1, NODES, NODES, ("Quorate",), "1.a", "corosync_votequorum"),
        )

    def _node(self, one: NodeId, ids: tuple[NodeId, ...]) -> Node:
        links = tuple(link(number, one, self._random.randrange(200, 400)) for number in range(LINKS))
        return node(one)._replace(
            name=f"node{one}",
            prio=100,
            config_sha256="ab" * 32,
            links=() if one == ids[0] else links,
            heard_ms=0 if one == ids[0] else self._random.randrange(200),
            hears=tuple(Hearing(other, self._random.randrange(200)) for other in ids if other != one),
            load=Load(self._random.random() * 4, 8),
        )


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
