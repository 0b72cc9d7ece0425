"""Schedules: a cluster and what befalls it; run, judged, and shrunk if it fails. `drawing` makes one from a seed.

A schedule lasts 60 virtual seconds: faults begin within the first 36, all have ended by 40, and the rest must be
quiet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.estate.rules import RULES as ESTATE_RULES
from coroctl.decision.estate.rules import Rules as EstateRules
from coroctl.decision.rules import RULES, Rules
from coroctl.decision.settings import Fencing, Settings
from coroctl.decision.values import Identity
from coroctl.sim.clock import MS, SECOND
from coroctl.sim.cluster import Cluster
from coroctl.sim.faults import inject
from coroctl.sim.kernel import SWEEP_US
from coroctl.sim.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.sim.checker import Violation
    from coroctl.sim.kinds import Fault

ALL_OVER = 40 * SECOND
SETTLED = 52 * SECOND
END = 60 * SECOND


class Schedule(NamedTuple):
    """A cluster and its fate. Equal schedules run equally."""

    seed: int
    nodes: int
    lease_ms: int
    heartbeat_ms: int
    faults: tuple[Fault, ...]
    failback: bool = False
    check_liveness: bool = True
    nftables: bool = True
    replicas: int = 0
    """How many nodes have `replication: on`; with any, nodes have machines."""
    fencing: Fencing = Fencing.NONE
    watchdog_s: int = 0
    migrates: bool = False
    """Moves are live."""

    def __str__(self) -> str:
        head = f"nodes={self.nodes} lease={self.lease_ms} heartbeat={self.heartbeat_ms} seed={self.seed}"
        words = [head, *(["failback"] if self.failback else []), *([] if self.nftables else ["nftables=none"])]
        words += [f"replicas={self.replicas}"] if self.replicas else []
        words += [f"fencing={self.fencing.value} watchdog={self.watchdog_s}"] if self.fencing.value != "none" else []
        words += ["migration=on"] if self.migrates else []
        return "\n".join([" ".join(words), *map(str, self.faults)])


class Result(NamedTuple):
    """What came of it."""

    violations: tuple[Violation, ...]
    steps: int
    leases: int


def run(
    schedule: Schedule,
    rules: Rules = RULES,
    *,
    keep_events: bool = False,
    estate_rules: EstateRules = ESTATE_RULES,
) -> tuple[Result, Cluster]:
    """From power-on to the end."""
    cluster = cluster_of(schedule, rules, keep_events=keep_events, estate_rules=estate_rules)
    cluster.timeline.at(ALL_OVER, cluster.repair)
    cluster.run(END)
    return judged(schedule, cluster)


def cluster_of(
    schedule: Schedule,
    rules: Rules = RULES,
    *,
    keep_events: bool = False,
    estate_rules: EstateRules = ESTATE_RULES,
) -> Cluster:
    """Powered on, its faults on the timeline."""
    settings = settings_of(schedule)
    cluster = Cluster(
        schedule.seed,
        schedule.nodes,
        settings,
        rules,
        keep_events=keep_events,
        nftables=schedule.nftables,
        replicas=schedule.replicas,
        hypervisors=schedule.replicas > 0,
        estate_rules=estate_rules,
    )
    cluster.power.timeout_us = schedule.watchdog_s * SECOND
    cluster.start()
    for fault in schedule.faults:
        inject(cluster, fault)
    return cluster


def judged(schedule: Schedule, cluster: Cluster) -> tuple[Result, Cluster]:
    """Long after the last fault."""
    if cluster.checker.leases and cluster.checker.leases[-1][0] > END - 3 * SECOND:
        # A hand-over that was put off (L13) is just under way: look when it is through.
        cluster.run(5 * SECOND)
    if schedule.check_liveness:
        allowed = 12 + 6 * sum(weight(fault) for fault in schedule.faults)
        # With failback the role may go home late: the next hand-over to the same node waits for 10 L (L13).
        since = 2 * END if schedule.failback else SETTLED
        cluster.checker.finally_good(since, allowed, 10 * schedule.lease_ms * MS)
    return Result(tuple(cluster.checker.violations), cluster.steps, len(cluster.checker.leases)), cluster


def settings_of(schedule: Schedule) -> Settings:
    """Times as the schedule says; slack by the formula of design section 5, at least 200 ms.

    Without nftables the address's lifetime takes the ticket's place: whole seconds, and the sweep after them.
    """
    lease = schedule.lease_ms * MS
    late = 100 * MS if schedule.nftables else SECOND + SWEEP_US[1]
    slack = max(200 * MS, 20 * MS + late + int(0.0101 * (lease + late)))
    return Settings(
        Identity(1, ""),
        (),
        lease_us=lease,
        slack_us=slack,
        heartbeat_us=schedule.heartbeat_ms * MS,
        holdoff_us=lease + slack + SECOND,
        failback=schedule.failback,
        failback_delay_us=5 * SECOND,
        fencing=schedule.fencing,
        recover_stopped=schedule.fencing is not Fencing.NONE,
        migrates=schedule.migrates,
    )


def weight(fault: Fault) -> int:
    """How many changes of the lease a fault may cost."""
    return int(fault.extra[1]) if fault.kind is Kind.FLAP else 3 if fault.us > 5 * SECOND else 1


# Shrinking


def shrink(schedule: Schedule, fails: Callable[[Schedule], bool], budget: int = 300) -> Schedule:
    """Delta debugging: the smallest part of the faults that still fails, each removed or shortened in turn."""
    faults = list(schedule.faults)
    size = max(1, len(faults) // 2)
    while size and budget > 0:
        start = 0
        while start < len(faults) and budget > 0:
            budget -= 1
            fewer = faults[:start] + faults[start + size :]
            if fails(schedule._replace(faults=tuple(fewer))):
                faults = fewer
            else:
                start += size
        size //= 2
    return schedule._replace(faults=tuple(faults))
