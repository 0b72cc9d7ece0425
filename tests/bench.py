"""``make bench``: what coroctl costs beside the stock tools, measured in one run on one lab node of sixteen.

Medians, and ratios of them: machines are noisy, and the two tools take turns so that the noise hits
both. The probes run on the node itself, where the console runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from coroctl.lab import node
from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted, down, up
from coroctl.lab.processes import this_process
from tests import bench_failover, bench_inventory, bench_log, bench_nodes, bench_recovery

NODES = 16
ROUNDS = 40
FRAMES = 5
OURS, STOCK = ("coroctl", "-l"), ("corosync-quorumtool", "-l")
CONSOLE_PROBE = Path(__file__).with_name("console_probe.py")

COMMAND_PROBE = """
import json, os, sys, time
commands, rounds = json.loads(sys.argv[1]), int(sys.argv[2])
for command in commands * rounds:
    begin = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", 1, 0)])
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, (command, status)
    wall = time.perf_counter() - begin
    print(json.dumps([command, wall * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, usage.ru_maxrss / 1024]))
"""
"""Each command in turn, with its wall time (ms), CPU time (ms) and peak memory (MiB)."""


class Cost(NamedTuple):
    """Medians of one command."""

    wall_ms: float
    cpu_ms: float
    peak_mib: float


class Measured(NamedTuple):
    """A row of the README's table."""

    what: str
    value: str
    beside: str = ""
    aim: str = ""


def main() -> int:
    """Measure on a fresh lab and print the table for the README."""
    name = f"bench{os.getpid()}"
    begin = time.monotonic()
    try:
        lab = Lab(up(Wanted(name=name, nodes=NODES, token_ms=1000), owner=this_process()))
        rows = [Measured(f"`lab up` of {NODES} nodes until quorate (once)", f"{time.monotonic() - begin:.0f} s")]
        rows += _commands(lab)
        rows += _console(lab)
    finally:
        down(name)
    benches = (bench_nodes, bench_log, bench_failover, bench_recovery, bench_inventory)
    tables = [row for bench in benches for row in bench.table()]
    rows += [Measured(*row) for row in tables]
    print("| measured | coroctl | beside it | aim |\n|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    return 0


def _commands(lab: Lab) -> list[Measured]:
    ours, stock = costs(lab, OURS, STOCK)
    ratio = f"{ours.wall_ms / stock.wall_ms:.1f}x of {stock.wall_ms:.0f} ms"
    return [
        Measured(
            f"`coroctl -l` beside `corosync-quorumtool -l`, wall, median of {ROUNDS}",
            f"{ours.wall_ms:.0f} ms",
            ratio,
            "< 60 ms, < 3x",
        ),
        Measured("the same, CPU", f"{ours.cpu_ms:.0f} ms", f"{stock.cpu_ms:.0f} ms"),
        Measured("the same, peak memory", f"{ours.peak_mib:.0f} MiB", f"{stock.peak_mib:.0f} MiB"),
    ]


def costs(lab: Lab, *commands: tuple[str, ...]) -> list[Cost]:
    """Run each command ROUNDS times in turn on node1, after two rounds that do not count."""
    probe = (sys.executable, "-c", COMMAND_PROBE, json.dumps(commands))
    lab.tell("node1", *probe, "2")
    samples: dict[tuple[str, ...], list[list[float]]] = {}
    for line in lab.tell("node1", *probe, str(ROUNDS), timeout_s=300).splitlines():
        command, *sample = json.loads(line)
        samples.setdefault(tuple(command), []).append(sample)
    return [Cost(*(median(column) for column in zip(*samples[command], strict=True))) for command in commands]


def _console(lab: Lab) -> list[Measured]:
    """First frames, then a quiet while, then the change of a node that is killed; at 120x40."""
    frames = [json.loads(lab.tell("node1", sys.executable, str(CONSOLE_PROBE), "frame")) for _ in range(FRAMES)]
    command = [*node.enter(lab.plan, lab.plan.node("node1")), sys.executable, str(CONSOLE_PROBE), "live"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as probe:
        assert probe.stdout is not None
        quiet = json.loads(probe.stdout.readline())
        delays = []
        for victim in reversed(lab.names[-3:]):
            lab.kill(victim)
            delays.append(json.loads(probe.stdout.readline())["delay_ms"])
        probe.stdout.close()
    return [
        Measured(
            f"console at 120x40, {NODES} nodes: first frame, median of {FRAMES}",
            f"{median(frames):.2f} s",
            aim="< 0.6 s",
        ),
        Measured(
            "the same: memory (PSS) after 20 s",
            f"{quiet['pss_mib']:.0f} MiB",
            f"{quiet['rss_mib']:.0f} MiB RSS",
            "< 60 MiB",
        ),
        Measured("the same: CPU of one core while nothing happens", f"{quiet['cpu_percent']:.1f} %", aim="< 1.5 %"),
        Measured(
            "the same: written to the terminal while nothing happens",
            f"{quiet['bytes_per_s'] / 1024:.2f} KiB/s",
            aim="< 3 KiB/s",
        ),
        Measured(
            f"corosync's callback to the screen, median of {len(delays)} nodes killed",
            f"{median(delays):.0f} ms",
            f"largest {max(delays):.0f} ms",
            "< 100 ms",
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
