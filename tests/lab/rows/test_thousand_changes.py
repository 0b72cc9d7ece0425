"""Row 25: a thousand changes asked of all nodes while nodes crash, freeze and are cut off; the answers are true."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from coroctl.errors import CoroctlError
from coroctl.lab.checker.register import Change, Verdict, violations
from tests.lab.rows.changes import Asking, Files

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.rows.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(1800)]

CHANGES = 1000
FEWEST_OK = 150
FROM, STEP = 1000, 100
"""Requests ask for multiples: what lies between is what a master has given itself, below what was there before."""
REST_S = 4.0


class Operators:
    """One at each node, who ask until enough has been asked for. Each request has a value of its own."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.cluster = cluster
        self.changes: list[Change] = []
        self.enough = threading.Event()
        self._lock = threading.Lock()
        self._asked = 0
        self._threads = [
            threading.Thread(target=self._run, args=(name, random.Random(f"{seed} {name}")))  # noqa: S311
            for name in cluster.lab.names
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self.enough.set()
        for thread in self._threads:
            thread.join()

    def _run(self, name: str, chance: random.Random) -> None:
        while not self.enough.is_set():
            with suppress(CoroctlError):
                if self._ask(name, chance) is Verdict.OK:
                    continue
            # Refused, nobody there, nobody who could carry it out: a person would try again in a moment, too.
            self.enough.wait(chance.uniform(0.05, 0.4))

    def _ask(self, name: str, chance: random.Random) -> Verdict:
        asking = Asking(self.cluster, name)
        master = asking.told()["mastership"]["master"]
        # A lower priority of the master's would move the role each time, and that takes most of a second.
        node = chance.choice([one for one in map(self.cluster.nodeid, self.cluster.lab.names) if one != master])
        with self._lock:
            self._asked += 1
            number = FROM + STEP * self._asked
        change = asking.set_priority(f"{number}-{time.time_ns()}", node, number)
        with self._lock:
            self.changes.append(change)
            if len(self.changes) >= CHANGES:
                self.enough.set()
        return change.verdict


class Watch:
    """Every file that any node has had in place, as far as a look every 10 ms shows."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.versions: dict[int, set[str]] = {}
        self.seen: set[tuple[str, str]] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        known: dict[str, bytes] = {}
        while not self._stop.wait(0.01):
            for name in self.files.cluster.lab.names:
                data = self.files.file(name)
                if data != known.get(name):
                    known[name] = data
                    self._take(data)

    def _take(self, data: bytes) -> None:
        cluster = read_cluster(Document.parse(data))
        self.versions.setdefault(cluster.config_version, set()).add(sha256(data).hexdigest())
        self.seen |= {(str(node.nodeid), str(node.prio)) for node in cluster.nodes}


class Misfortune:
    """One fault after the other, each ended before the next."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self.cluster = cluster
        self.chance = chance
        self.done: Counter[str] = Counter()

    def strike(self, over: threading.Event) -> None:
        faults: tuple[Callable[[str, threading.Event], None], ...] = (
            self._power,
            self._daemon_killed,
            self._corosync_killed,
            self._daemon_frozen,
            self._node_frozen,
            self._cut,
        )
        while not over.is_set():
            fault = self.chance.choice(faults)
            fault(self.chance.choice(self.cluster.lab.names), over)
            self.done[fault.__name__.strip("_")] += 1
            over.wait(self.chance.uniform(1, REST_S))

    def _power(self, name: str, over: threading.Event) -> None:
        self.cluster.lab.kill(name)
        over.wait(self.chance.uniform(1, 5))
        self.cluster.lab.start(name)

    def _daemon_killed(self, name: str, _over: threading.Event) -> None:
        self._kill(name, "corolistener")

    def _corosync_killed(self, name: str, _over: threading.Event) -> None:
        self._kill(name, "corosync")

    def _kill(self, name: str, what: str) -> None:
        with suppress(CoroctlError):  # it was between two lives
            self.cluster.lab.kill_processes(name, what)

    def _daemon_frozen(self, name: str, over: threading.Event) -> None:
        with suppress(CoroctlError), self.cluster.checker.frozen(name, "corolistener"):
            over.wait(self.chance.uniform(0.5, 4))

    def _node_frozen(self, name: str, over: threading.Event) -> None:
        with self.cluster.checker.frozen(name):
            over.wait(self.chance.uniform(0.5, 5))

    def _cut(self, name: str, over: threading.Event) -> None:
        self.cluster.lab.isolate(name, outward=self.chance.random() < 0.8)
        over.wait(self.chance.uniform(0.5, 8))
        self.cluster.lab.heal()


def test_row_25_a_thousand_changes(cluster: Cluster) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    files = Files(cluster)
    files.wait_same()
    watch, operators = Watch(files), Operators(cluster, seed)
    misfortune = Misfortune(cluster, random.Random(seed))  # noqa: S311
    try:
        misfortune.strike(operators.enough)
    finally:
        operators.end()
        cluster.make_whole()
        files.wait_same(timeout_s=60)
        watch.end()
    verdicts = Counter(change.verdict for change in operators.changes)
    print(f"{dict(misfortune.done)}; answers { ({one.value: count for one, count in verdicts.items()}) }")
    for fault, count in misfortune.done.items():
        cluster.checker.prove(f"{count} x {fault}")
    held = {name: files.priorities(name) for name in cluster.lab.names}
    assert violations([*operators.changes, *raises(held)], held, watch.seen) == ()
    assert {version: found for version, found in watch.versions.items() if len(found) > 1} == {}
    assert verdicts[Verdict.OK] >= FEWEST_OK
    cluster.finish()


def raises(held: dict[str, dict[str, str]]) -> list[Change]:
    """What masters have given themselves: at any time, asked for by nobody."""
    own = {(node, prio) for row in held.values() for node, prio in row.items() if int(prio) % STEP}
    return [Change("a master's own", node, prio, Verdict.UNKNOWN, 0, 0) for node, prio in sorted(own)]
