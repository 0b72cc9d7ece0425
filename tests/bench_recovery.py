"""What recovery costs the master's core: 5,000 machines without an owner are given to 32 nodes, and all start.

Pure: no cluster, no clock but the one that measures. Each round every node reports the starts that it was given.
"""

from __future__ import annotations

import sys
import time

from coroctl.decision.estate.events import Tick
from coroctl.decision.estate.values import REPORTS_MAX, Machine, Report, Seen
from coroctl.decision.values import NOBODY
from coroctl.model import NodeId
from tests.decision.build_estate import ME, Holder, machine

MACHINES, NODES = 5000, 32
MEMORY_MIB = 1024


def table() -> list[tuple[str, str, str, str]]:
    """Rows of the README's table."""
    total_s, longest_s, steps = place()
    return [
        (
            f"placing {MACHINES} machines of failed nodes on {NODES} nodes, core time",
            f"{total_s:.2f} s in {steps} steps",
            f"longest step {longest_s * 1e3:.0f} ms",
            "",
        )
    ]


def place(machines: int = MACHINES, nodes: int = NODES) -> tuple[float, float, int]:
    """Seconds in all, in the longest step, and the number of steps, until all of them run."""
    others = tuple(NodeId(number) for number in range(2, nodes + 1))
    room_mib = (machines // nodes + 1) * MEMORY_MIB * 2
    queue = (machine(f"vm{number:05}", NOBODY, MEMORY_MIB, priority=number % 10) for number in range(machines))
    holder = Holder(*queue, nodes=others, free_mib=room_mib)
    took = []
    while not all_run(holder):
        report(holder)
        holder.hear()
        begin = time.perf_counter()
        holder.feed(Tick())
        took.append(time.perf_counter() - begin)
    return sum(took), max(took), len(took)


def all_run(holder: Holder) -> bool:
    """This node's own ones count when they are given to it: it has no hypervisor that would start them."""
    return all(one.node and (one.seen is Seen.RUNNING or one.node == ME) for one in owned(holder))


def owned(holder: Holder) -> list[Machine]:
    return list(holder.estate.replica.inventory.machines.values())


def report(holder: Holder) -> None:
    """Every node has started what it was given, and shows the memory that this takes."""
    reports: dict[NodeId, list[Report]] = {node: [] for node in holder.stocks}
    used = dict.fromkeys(holder.stocks, 0)
    for one in owned(holder):
        if one.node in reports:
            used[one.node] += one.memory_mib
            if one.seen is not Seen.RUNNING and len(reports[one.node]) < REPORTS_MAX:
                reports[one.node].append(Report(one.name, one.grant, Seen.RUNNING))
    for node, said in reports.items():
        holder.stocks[node] = holder.ready(reports=tuple(said), free_mib=holder.free_mib - used[node])


if __name__ == "__main__":
    print(table())
    sys.exit(0)
