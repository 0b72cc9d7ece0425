"""How long the address is silent: a master killed, and a planned hand-over, many times with other seeds."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

from coroctl.decision.messages import Verb
from coroctl.model import NodeId
from coroctl.sim.clock import MS, SECOND
from coroctl.sim.cluster import Cluster
from coroctl.sim.schedule import Schedule, settings_of


def holder(cluster: Cluster) -> NodeId:
    """Who is master."""
    found = cluster.holder()
    assert found is not None
    return found.node


class Spread(NamedTuple):
    """Of many runs, in milliseconds."""

    name: str
    runs: int
    least: float
    median: float
    p95: float
    most: float

    def __str__(self) -> str:
        return (
            f"{self.name:48}{self.runs:5} runs  min {self.least:7.1f}  median {self.median:7.1f}"
            f"  p95 {self.p95:7.1f}  max {self.most:7.1f} ms"
        )


def spread(name: str, times: list[int]) -> Spread:
    """Sorted and summed up."""
    shown = sorted(time / MS for time in times)
    return Spread(name, len(shown), shown[0], median(shown), shown[int(0.95 * (len(shown) - 1))], shown[-1])


def serving(seed: int, lease_ms: int, heartbeat_ms: int) -> Cluster:
    """Three nodes, the first one master for a while that is another in each run."""
    cluster = Cluster(seed, 3, settings_of(Schedule(seed, 3, lease_ms, heartbeat_ms, ())))
    cluster.start()
    cluster.run(8 * SECOND + int(cluster.random.random() * SECOND))
    return cluster


def silence(cluster: Cluster, after: int) -> int:
    """From when nobody answered to when the next one did."""
    lines = [line for line in cluster.events if line.moment >= after and line.text.startswith("the address")]
    silent = next(line.moment for line in lines if line.text == "the address is silent")
    return next(line.moment for line in lines if line.text == "the address answers") - silent


def killed(seed: int, lease_ms: int, heartbeat_ms: int) -> int:
    """Power off of the master until the next one's address answers."""
    cluster = serving(seed, lease_ms, heartbeat_ms)
    moment = cluster.timeline.now
    cluster.machines[holder(cluster)].power_off()
    cluster.run(10 * SECOND)
    answers = (line.moment for line in cluster.events if line.moment > moment and line.text == "the address answers")
    return next(answers) - moment


def handed_over(seed: int, lease_ms: int, heartbeat_ms: int) -> int:
    """An operator promotes another node."""
    cluster = serving(seed, lease_ms, heartbeat_ms)
    moment = cluster.timeline.now
    first = holder(cluster)
    cluster.ask(first, Verb.PROMOTE, NodeId(first % 3 + 1))
    cluster.run(10 * SECOND)
    return silence(cluster, moment)


def distributions(runs: int = 100) -> list[Spread]:
    """The three of the design."""
    return [
        spread("master killed, defaults (lease 2000)", [killed(seed, 2000, 200) for seed in range(runs)]),
        spread("master killed, lease 500 heartbeat 100", [killed(seed, 500, 100) for seed in range(runs)]),
        spread("planned hand-over, address silent", [handed_over(seed, 2000, 200) for seed in range(runs)]),
    ]
