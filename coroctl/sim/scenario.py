"""Scenarios as text: commands in, a log out. A line of commands is a time, a kind of fault (faults.py), a node, words.

    cluster nodes=3 lease=2000 prios=30,20,10      # the first line; every word may be left out
    12.0 off 1 for=5                               # seconds; for= says how long it lasts
    14.0 ask 2 PRIORITY 3 50
    end 30

The log is what happened, then who stands where, then what the checker says: a scenario with a broken promise says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.estate.rules import RULES as ESTATE_RULES
from coroctl.decision.estate.rules import Rules as EstateRules
from coroctl.decision.rules import RULES, Rules
from coroctl.decision.settings import Fencing
from coroctl.errors import ConfigError
from coroctl.sim.clock import SECOND
from coroctl.sim.cluster import Cluster
from coroctl.sim.faults import inject
from coroctl.sim.kinds import Fault, Kind
from coroctl.sim.schedule import Schedule, settings_of

if TYPE_CHECKING:
    from coroctl.sim.checker import Violation
    from coroctl.sim.cluster import Line


class Script(NamedTuple):
    """A parsed scenario."""

    options: dict[str, str]
    faults: tuple[Fault, ...]
    end: int

    def number(self, key: str, default: int) -> int:
        """An option of the first line."""
        return int(self.options.get(key, default))


def parse(text: str, name: str = "commands") -> Script:
    """Comments and empty lines are left out."""
    options: dict[str, str] = {}
    faults: list[Fault] = []
    end = 0
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        try:
            if not words:
                continue
            if words[0] == "cluster":
                options.update((key, value) for key, _, value in (word.partition("=") for word in words[1:]))
            elif words[0] == "end":
                end = moment(words[1])
            else:
                faults.append(fault_of(words))
        except (ValueError, IndexError, KeyError) as error:
            raise ConfigError(name, number, f"not a command: {line.strip()} ({error})") from None
    return Script(options, tuple(faults), end or max((fault.at for fault in faults), default=0) + 20 * SECOND)


def moment(word: str) -> int:
    """Seconds, as microseconds."""
    return round(float(word) * SECOND)


def fault_of(words: list[str]) -> Fault:
    """One command."""
    at, kind, rest = moment(words[0]), Kind(words[1]), words[2:]
    lasts = [word for word in rest if word.startswith("for=")]
    rest = [word for word in rest if not word.startswith("for=")]
    node = 0
    if rest and rest[0].isdigit() and kind not in GLOBAL:
        node = int(rest.pop(0))
    if kind is Kind.COROSYNC_LIES:
        rest = [" ".join(rest)]
    extra = tuple(int(word) if word.lstrip("-").isdigit() else word for word in rest)
    return Fault(at, kind, node, moment(lasts[0][4:]) if lasts else 0, extra)


GLOBAL = frozenset({Kind.SPLIT, Kind.LOSS, Kind.LATE, Kind.DUPLICATE, Kind.COROSYNC_LIES})
"""These concern no node in particular: their numbers are words."""


def build(script: Script, rules: Rules = RULES, estate_rules: EstateRules = ESTATE_RULES) -> Cluster:
    """The cluster of a scenario, its faults on the timeline."""
    nodes, lease = script.number("nodes", 3), script.number("lease", 2000)
    schedule = Schedule(script.number("seed", 1), nodes, lease, script.number("heartbeat", min(200, lease // 5)), ())
    nftables = script.options.get("nftables") != "none"
    template = settings_of(schedule._replace(failback=script.options.get("failback") == "on", nftables=nftables))
    if "slack" in script.options:
        template = template._replace(slack_us=script.number("slack", 200) * 1000)
    template = template._replace(
        failback_delay_us=script.number("failback_delay", 60) * SECOND,
        address=script.options.get("address") != "none",
        service=script.options.get("service") != "none",
        fencing=Fencing(script.options.get("fencing", "none")),
        recover_stopped=script.options.get("stopped") == "recover",
        migrates=script.options.get("migration") == "on",
    )
    prios = tuple(int(word) for word in script.options["prios"].split(",")) if "prios" in script.options else ()
    cluster = Cluster(
        schedule.seed,
        nodes,
        template,
        rules,
        prios,
        nftables=nftables,
        replicas=script.number("replicas", 0),
        hypervisors="replicas" in script.options,
        estate_rules=estate_rules,
    )
    cluster.power.timeout_us = script.number("watchdog", 0) * SECOND
    cluster.torn = float(script.options.get("torn", "0.5"))
    cluster.daemon_first = float(script.options.get("daemon_first", "0.5"))
    cluster.corosync.detect_us = script.number("detect", 3500) * 1000
    cluster.start()
    for fault in script.faults:
        inject(cluster, fault)
    return cluster


def play(
    script: Script, rules: Rules = RULES, estate_rules: EstateRules = ESTATE_RULES
) -> tuple[list[Violation], list[str]]:
    """Run it; the checker's list, and the log."""
    cluster = build(script, rules, estate_rules)
    cluster.run(script.end)
    log = [rendered(line) for line in cluster.events]
    log += ["", *(f"in the end: {part}" for part in cluster.summary().split("; "))]
    log += [f"in the end: {part}" for part in machines_of(cluster)]
    violations = cluster.checker.violations
    kept = "P1 P1b P2 P3 P4 P8" if cluster.hypervisors else "P1 P1b P3 P4 P8"
    log += [f"BROKEN {violation}" for violation in violations] or [f"promises kept: {kept}"]
    return violations, log


def machines_of(cluster: Cluster) -> list[str]:
    """Where every machine is, and the replicas."""
    if not cluster.hypervisors:
        return []
    guests = [
        f"machine {name} {one.domain.seen.value} on {node}"
        for node, machine in cluster.machines.items()
        for name, one in sorted(machine.estate.guests.all.items())
    ]
    kept = [
        f"replica of {node} at {machine.estate.kept.inventory.position}"
        for node, machine in cluster.machines.items()
        if cluster.is_replica(node)
    ]
    return sorted(guests) + kept


def rendered(line: Line) -> str:
    """Time in seconds, node, what."""
    who = f"node {line.node}" if line.node else "      "
    return f"{line.moment / SECOND:8.3f}  {who}  {line.text}"
