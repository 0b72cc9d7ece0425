"""``make bench``: what coroctl costs beside the stock tools, measured in one run on one lab node.

Ratios of medians: machines are noisy, and the two tools take turns so that the noise hits both.
"""

from __future__ import annotations

import json
import os
import sys
import time
from statistics import median
from typing import NamedTuple

from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted, down, up
from coroctl.lab.processes import this_process

ROUNDS = 40
OURS, STOCK = ("coroctl", "-l"), ("corosync-quorumtool", "-l")

PROBE = """
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
"""Runs on the node: each command in turn, with its wall time (ms), CPU time (ms) and peak memory (MiB)."""


class Cost(NamedTuple):
    """Medians of one command."""

    wall_ms: float
    cpu_ms: float
    peak_mib: float


def main() -> int:
    """Measure on a fresh three-node lab and print a table for the README."""
    name = f"bench{os.getpid()}"
    begin = time.monotonic()
    try:
        lab = Lab(up(Wanted(name=name, token_ms=1000), owner=this_process()))
        up_s = time.monotonic() - begin
        ours, stock = costs(lab, OURS, STOCK)
    finally:
        down(name)
    print("| measured | coroctl | beside it | ratio | aim |")
    print("|---|---|---|---|---|")
    for label, mine, theirs, unit, aim in (
        ("`coroctl -l` / `corosync-quorumtool -l`, wall", ours.wall_ms, stock.wall_ms, "ms", "< 60 ms, < 3x"),
        ("the same, CPU", ours.cpu_ms, stock.cpu_ms, "ms", ""),
        ("the same, peak memory", ours.peak_mib, stock.peak_mib, "MiB", ""),
    ):
        print(f"| {label} | {mine:.0f} {unit} | {theirs:.0f} {unit} | {mine / theirs:.1f} | {aim} |")
    print(f"| `lab up` of three nodes until quorate (once) | {up_s:.1f} s | | | |")
    return 0


def costs(lab: Lab, *commands: tuple[str, ...]) -> list[Cost]:
    """Run each command ROUNDS times in turn on node1, after two rounds that do not count."""
    probe = (sys.executable, "-c", PROBE, json.dumps(commands))
    lab.tell("node1", *probe, "2")
    samples: dict[tuple[str, ...], list[list[float]]] = {}
    for line in lab.tell("node1", *probe, str(ROUNDS), timeout_s=300).splitlines():
        command, *sample = json.loads(line)
        samples.setdefault(tuple(command), []).append(sample)
    return [Cost(*(median(column) for column in zip(*samples[command], strict=True))) for command in commands]


if __name__ == "__main__":
    sys.exit(main())
