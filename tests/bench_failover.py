"""What a failover takes and what the daemon costs, on three real nodes, seen from outside; a part of ``make bench``."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from coroctl.lab import lab as labs
from coroctl.lab.checker.checker import Checker
from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted
from coroctl.lab.processes import this_process
from coroctl.lab.run import until
from tests.lab.rows.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 20
IDLE_S = 30
SHORT = Wanted(lease_ms=500, heartbeat_ms=100)

IDLE_PROBE = """
import os, sys, threading
pid, seconds = int(sys.argv[1]), float(sys.argv[2])
def ticks():
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
before = ticks()
threading.Event().wait(seconds)
used = (ticks() - before) / os.sysconf("SC_CLK_TCK")
rollup = open(f"/proc/{pid}/smaps_rollup").read().splitlines()
pss = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
print(used / seconds * 100, pss / 1024)
"""
"""CPU (percent of a core) over a while, and PSS (MiB)."""


class Takeover(NamedTuple):
    """One master that lost its power."""

    silence_ms: float
    """No answer for the cluster address, from outside."""
    corosync_ms: float
    """Until a survivor's corosync said that the node had left."""
    overlap_us: int


class Idle(NamedTuple):
    """A daemon while nothing happens."""

    cpu_percent: float
    pss_mib: float


def failovers(wanted: Wanted, rounds: int = ROUNDS) -> tuple[list[Takeover], dict[str, Idle]]:
    """Kill the master so often, each time with all nodes back; and what the daemons cost before the first time."""
    name = f"bench{os.getpid()}f"
    try:
        lab = Lab(labs.up(replace(wanted, name=name, listener=True), owner=this_process()))
        with Checker(lab) as checker:
            cluster = Cluster(lab, checker)
            master = cluster.make_whole()
            slave = next(one for one in lab.names if one != master)
            idle = {"master": _idle(cluster, master), "slave": _idle(cluster, slave)}
            return [_takeover(cluster) for _ in range(rounds)], idle
    finally:
        labs.down(name)


def _idle(cluster: Cluster, name: str) -> Idle:
    pid = cluster.main_pid(name, "corolistener")
    told = cluster.lab.tell(name, "python3", "-c", IDLE_PROBE, str(pid), str(IDLE_S), timeout_s=IDLE_S + 30)
    return Idle(*(float(word) for word in told.split()))


def _takeover(cluster: Cluster) -> Takeover:
    master = cluster.make_whole()
    following = cluster.best(without=master)
    cluster.checker.mark()
    at = time.time()
    cluster.lab.kill(master)
    cluster.checker.wait_answer(following)
    left = until(lambda: next(_departures(cluster, following, at), None), 60, "corosync to notice", every_s=0.2)
    report = cluster.checker.report()
    return Takeover(report.silence_ms, (left - at) * 1000, report.overlap_us)


def _departures(cluster: Cluster, name: str, since: float) -> Iterator[float]:
    """When that node's corosync told of members that had left (wall clock, which all nodes share with us)."""
    words = ("-u", "corosync", "--since", f"@{since:.0f}", "-o", "short-unix", "--no-pager")
    for line in cluster.lab.tell(name, "journalctl", *words).splitlines():
        if found := re.match(r"(\d+\.\d+) .*(?:Members left|left: \d|\bFailed to receive the leave message)", line):
            moment = float(found[1])
            if moment >= since:
                yield moment


def table(rounds: int = ROUNDS) -> list[tuple[str, str, str, str]]:
    """Rows: what, value, beside it, aim."""
    usual, idle = failovers(Wanted(), rounds)
    quick, _ = failovers(SHORT, rounds)
    rows = [
        _row("master killed, address answers from the next", usual, "< 2500 ms"),
        _row("the same with lease_ms 500, heartbeat_ms 100", quick, "< 900 ms"),
    ]
    rows += [
        (
            f"corolistener idle, {role}: CPU of one core over {IDLE_S} s, memory (PSS)",
            f"{cost.cpu_percent:.1f} %, {cost.pss_mib:.0f} MiB",
            "",
            "< 1 %, < 60 MiB",
        )
        for role, cost in idle.items()
    ]
    return rows


def _row(what: str, takeovers: list[Takeover], aim: str) -> tuple[str, str, str, str]:
    silences = [one.silence_ms for one in takeovers]
    noticed = median(one.corosync_ms for one in takeovers)
    overlap = max(one.overlap_us for one in takeovers)
    return (
        f"{what}; 3 nodes, default token, median of {len(takeovers)}, from outside",
        f"{median(silences):.0f} ms",
        f"largest {max(silences):.0f} ms, overlap {overlap} us; corosync itself noticed after {noticed:.0f} ms",
        aim,
    )
