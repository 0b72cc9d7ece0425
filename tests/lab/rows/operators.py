"""Operators at every node's own control socket who hand machines over again and again, and the history of it outside.

Each has machines of its own, one on every node, and asks about one after the other: so the changes of one machine have
an order, and its number in a replica has to be that of the last acknowledged one, or of an unanswered one since.

Whoever sees a new term waits until somebody has compared the replicas with the history: what a failover has lost cannot
be written over before it is found.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from coroctl.client import Rejected
from coroctl.errors import CoroctlError
from coroctl.lab.checker.recorder import now_us
from coroctl.lab.checker.register import Change, Verdict, violations
from tests.lab.rows.changes import CHANGE_S, Asking
from tests.lab.rows.definitions import Definitions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from coroctl.actions import Seen
    from tests.lab.rows.cluster import Cluster

AT_EACH = 8
"""Operators at a node: with them its socket takes what it takes from one user, 50 requests a second."""


class Mine(NamedTuple):
    """A machine of an operator's."""

    name: str
    node: str


class Operators:
    """``with Operators(cluster, enough) as operators``: they ask until so many changes are acknowledged."""

    def __init__(self, cluster: Cluster, wanted: int, seed: int) -> None:
        self.cluster = cluster
        self.definitions = Definitions(cluster)
        self.enough = threading.Event()
        self.under_way: dict[str, Change] = {}
        """By machine: asked, and not answered yet; as if the answer were unknown."""
        self.terms: Counter[int] = Counter()
        """Acknowledged, by the term that the operator saw."""
        self._wanted = wanted
        self._history: dict[str, list[Change]] = {}
        self._compared = 0
        """The newest term in which the replicas have been compared."""
        self._turn = threading.Condition()
        self._threads = [
            threading.Thread(target=self._run, args=(at, number, random.Random(f"{seed} {at} {number}")))  # noqa: S311
            for at in cluster.lab.names
            for number in range(AT_EACH)
        ]

    def __enter__(self) -> Self:
        for at in self.cluster.lab.names:
            for number in range(AT_EACH):
                for mine in self._own(at, number):
                    self.definitions.make(mine.node, mine.name)
                    self._history[mine.name] = []
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.enough.set()
        self.go_on(1 << 62)
        for thread in self._threads:
            thread.join()
        self.definitions.close()

    # For whoever breaks nodes meanwhile

    def verdicts(self) -> Counter[Verdict]:
        """How many answers of which kind."""
        with self._turn:
            return Counter(change.verdict for changes in self._history.values() for change in changes)

    def acknowledged(self) -> int:
        """So many were answered ok."""
        return self.terms.total()

    def newest(self) -> str | None:
        """A machine whose last answer was ok; None before the first one."""
        with self._turn:
            ended = [changes[-1] for changes in self._history.values() if changes]
        return next((change.key for change in ended if change.verdict is Verdict.OK), None)

    def go_on(self, term: int) -> None:
        """The replicas have been compared in that term."""
        with self._turn:
            self._compared = max(term, self._compared)
            self._turn.notify_all()

    def broken(self, replicas: Mapping[str, Mapping[str, str]]) -> list[str]:
        """P3: where replicas (node -> machine -> number) differ, or from what operators were told."""
        with self._turn:
            known = {name: list(changes) for name, changes in self._history.items()}
            pending = dict(self.under_way)
        found: list[str] = []
        for name, changes in known.items():
            held = {node: {name: row[name]} if name in row else {} for node, row in replicas.items()}
            found += violations([*changes, *([pending[name]] if name in pending else ())], held)
        return found

    # One of them

    def _own(self, at: str, number: int) -> list[Mine]:
        return [Mine(f"spare-{at}-{number}-{node}", node) for node in self.cluster.lab.names]

    def _run(self, at: str, number: int, chance: random.Random) -> None:
        mine, value, looked = self._own(at, number), 0, None
        while not self.enough.is_set():
            value += 1
            with suppress(CoroctlError):
                looked = looked or self._look(at)
                if looked is not None and self._ask(at, chance.choice(mine), value, looked) is Verdict.OK:
                    continue
            # Refused, or nobody there: a person would look anew in a moment, and try again.
            looked = None
            self.enough.wait(chance.uniform(0.05, 0.3))

    def _look(self, at: str) -> Seen | None:
        seen = Asking(self.cluster, at).seen()
        with self._turn:
            self._turn.wait_for(lambda: seen.term <= self._compared)
        return None if self.enough.is_set() else seen

    def _ask(self, at: str, mine: Mine, value: int, seen: Seen) -> Verdict:
        """CoroctlError: it could not be asked for, so it never was."""
        client = Asking(self.cluster, at).client
        self.definitions.number(mine.node, mine.name, value)
        change = Change(f"{mine.name} {value}", mine.name, str(value), Verdict.UNKNOWN, now_us(), 0)
        with self._turn:
            self.under_way[mine.name] = change
        asked = False
        try:
            node = self.cluster.nodeid(mine.node)
            more = {"machine": mine.name}
            verdict = Verdict(client.change("machine-adopt", node, seen, more, timeout_s=CHANGE_S).verdict)
            asked = True
        except Rejected:
            verdict, asked = Verdict.REFUSED, True
        finally:
            with self._turn:
                del self.under_way[mine.name]
                if asked:
                    self._history[mine.name].append(change._replace(verdict=verdict, answered_us=now_us()))
        if verdict is Verdict.OK:
            self._count(seen.term)
        return verdict

    def _count(self, term: int) -> None:
        with self._turn:
            self.terms[term] += 1
            if self.acknowledged() >= self._wanted:
                self.enough.set()
