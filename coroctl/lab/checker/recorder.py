"""The checker's process: ``python -m coroctl.lab.checker.recorder LAB SERVICE CABLE``; ends with its standard input.

One loop, scheduled before everything else on the machine, writes what it sees to standard output as `records`; it
judges nothing. Every 10 ms it asks for the cluster address and looks for what machines wrote; for every node's own
address it asks every 100.
"""

from __future__ import annotations

import gc
import os
import selectors
import sys
import time
from typing import TYPE_CHECKING

from coroctl.lab.checker.plug import SENDERS
from coroctl.lab.checker.probe import Probe
from coroctl.lab.checker.records import Late, View, encode
from coroctl.lab.checker.watch import Watch
from coroctl.lab.checker.writes import Writes
from coroctl.lab.plan import load

if TYPE_CHECKING:
    from coroctl.lab.checker.records import Record
    from coroctl.lab.plan import Plan

PERIOD_US = 10_000
_SLOW_TURNS = 10
"""What is done every so many turns only."""
_LATE_US = 2_000


def now_us() -> int:
    """The clock of every record."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Recorder:
    """Everything that is watched, and the lines that are not written yet."""

    def __init__(self, plan: Plan, service: str, cable: str) -> None:
        self._plan = plan
        self._lines: list[bytes] = []
        bridge = plan.networks[0].bridge
        prefix = plan.cloud_ip.rpartition(".")[0]
        interfaces = {View.CLIENT: cable, View.BRIDGE: bridge}
        self._probes = {
            view: Probe(view, interface, f"{prefix}.{SENDERS[view]}", plan.cloud_ip, self._tell)
            for view, interface in interfaces.items()
        }
        self._selector = selectors.DefaultSelector()
        self._watches = tuple(Watch(plan, node, service, self._selector, self._tell) for node in plan.nodes)
        self._writes = Writes(plan, self._tell)
        self._turn = 0

    def _tell(self, record: Record) -> None:
        self._lines.append(encode(record))

    def run(self) -> None:
        """Until standard input ends."""
        stop = sys.stdin.fileno()
        for one in (stop, *self._probes.values()):
            self._selector.register(one, selectors.EVENT_READ)
        due = now_us()
        while True:
            ready = self._selector.select(max(due - now_us(), 0) / 1e6)
            if any(key.fd == stop for key, _ in ready):
                return
            self._read()
            due = self._tick(due)
            self._write()

    def _read(self) -> None:
        for probe in self._probes.values():
            probe.read(now_us)
        for watch in self._watches:
            watch.read(now_us)

    def _tick(self, due: int) -> int:
        """What is done every period; the moment of the next."""
        now = now_us()
        if now < due:
            return due
        if now - due > _LATE_US:
            self._tell(Late(now, now - due))
        for probe in self._probes.values():
            probe.ask(self._plan.cloud_ip)
        for watch in self._watches:
            watch.count(now_us)
        self._writes.look(now_us)
        if self._turn % _SLOW_TURNS == 0:
            self._look_around()
        self._turn += 1
        return max(due + PERIOD_US, now)

    def _look_around(self) -> None:
        for watch, node in zip(self._watches, self._plan.nodes, strict=True):
            watch.look(now_us)
            self._probes[View.CLIENT].ask(node.addresses[0])

    def _write(self) -> None:
        if self._lines:
            os.write(sys.stdout.fileno(), b"".join(self._lines))
            self._lines.clear()

    def close(self) -> None:
        """End what it began."""
        self._write()
        for watch in self._watches:
            watch.close()
        for probe in self._probes.values():
            probe.close()
        self._selector.close()


def main() -> None:
    """Record until told to end."""
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(20))
    gc.disable()
    recorder = Recorder(load(sys.argv[1]), sys.argv[2], sys.argv[3])
    try:
        recorder.run()
    finally:
        recorder.close()


if __name__ == "__main__":
    main()
