"""The inventory's replicas amid thousands of changes, asked at all nodes while one master after the other loses power.

Every acknowledged change is there, no refused one is, and the replicas are the same. (What the lab cannot take away is
what a killed node had written and not fsynced: the host's kernel has it. The simulator takes that away.)
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from coroctl.errors import CoroctlError
from coroctl.lab.checker.register import Verdict
from coroctl.lab.lab import Wanted
from coroctl.lab.run import until
from tests.lab.rows.changes import Asking
from tests.lab.rows.definitions import numbers
from tests.lab.rows.operators import Operators

if TYPE_CHECKING:
    from tests.lab.rows.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1200)]

CHANGES = 10_000
A_DEATH = 1000
"""So many acknowledged changes from one to the next."""
PATIENCE_S = 300
LOOK_S = 0.2
"""Whoever looks takes from what the socket gives one user."""


@pytest.fixture(scope="module")
def wanted() -> Wanted:
    return Wanted(token_ms=1000, machines=3)


class Mourners:
    """They kill masters, and compare the replicas in each term before the operators go on in it."""

    def __init__(self, cluster: Cluster, operators: Operators) -> None:
        self.cluster = cluster
        self.operators = operators
        self.term = 0
        self.killed: list[str] = []
        self.unanswered: list[int] = []
        """Of how many changes nobody knew what had become of them, at each death."""

    def accompany(self, a_death: int) -> None:
        """Until enough is acknowledged."""
        operators = self.operators
        while not operators.enough.is_set():
            if not self.moved():
                self.wait_more(operators.acknowledged() + a_death)
            if self.moved():
                self.compare()
            elif not operators.enough.is_set():
                self.bury()

    def wait_more(self, acknowledged: int) -> None:
        """Until so many are, or there is another term."""
        operators = self.operators
        until(
            lambda: operators.enough.is_set() or operators.acknowledged() >= acknowledged or self.moved(),
            PATIENCE_S,
            f"{acknowledged} acknowledged changes",
            every_s=LOOK_S,
        )

    def bury(self) -> None:
        """The master loses power in the middle of it; it is switched on again while the others go on."""
        master, before = self.cluster.wait_master(), self.operators.verdicts()[Verdict.UNKNOWN]
        self.cluster.lab.kill(master)
        self.killed.append(master)
        until(self.moved, 60, "another term", every_s=LOOK_S)
        self.compare()
        self.unanswered.append(self.operators.verdicts()[Verdict.UNKNOWN] - before)
        self.cluster.checker.prove(f"{master} was switched off, {self.unanswered[-1]} changes were under way")
        self.cluster.lab.start(master)
        self.cluster.lab.wait("formed")

    def moved(self) -> bool:
        """Whether there is a term with an opened inventory in which nothing was compared yet."""
        return max((self.opened(name) for name in self.cluster.on()), default=0) > self.term

    def opened(self, name: str) -> int:
        """The epoch that a node knows as the present master's; 0: none."""
        with suppress(CoroctlError):
            inventory = Asking(self.cluster, name).client.machines()["inventory"]
            if inventory is not None and inventory["position"] is not None and inventory["caught_up"]:
                return int(inventory["position"].partition(".")[0])
        return 0

    def compare(self) -> None:
        """Each replica that is on with what operators were told; then they go on."""
        until(lambda: not self.operators.under_way, 60, "every operator to have an answer")
        replicas = {name: numbers(text) for name, text in self.replicas().items()}
        assert self.operators.broken(replicas) == []
        self.insist_on_noticing(replicas)
        self.term = max(self.opened(name) for name in replicas)
        print(f"term {self.term}: {len(replicas)} replicas are the same, {self.operators.acknowledged()} acknowledged")
        self.operators.go_on(self.term)

    def insist_on_noticing(self, replicas: dict[str, dict[str, str]]) -> None:
        """A change that was lost everywhere, or that one replica has not, would have been found."""
        name = self.operators.newest()
        if name is None:
            return
        former = {node: {**row, name: "0"} for node, row in replicas.items()}
        assert self.operators.broken(former)
        first = next(iter(replicas))
        assert self.operators.broken({**replicas, first: former[first]})

    def replicas(self) -> dict[str, str]:
        """What each node that is on exports, as soon as all are the same."""

        def exported() -> dict[str, str] | None:
            told = {name: self.cluster.lab.ask(name, "coroctl", "inventory", "export") for name in self.cluster.on()}
            texts = {name: one.stdout for name, one in told.items() if one.returncode == 0}
            return texts if len(texts) == len(told) and len(set(texts.values())) == 1 else None

        return until(exported, 60, "replicas that are the same", every_s=0.2)


def begin_inventory(cluster: Cluster) -> None:
    """There is one from here on."""

    def adopted() -> bool:
        told = cluster.lab.ask(cluster.on()[0], "coroctl", "machine", "adopt", "vm1", cluster.lab.names[0], "--yes")
        return told.returncode == 0

    until(adopted, 30, "vm1 to be adopted", every_s=1)


def change_while_masters_die(cluster: Cluster, changes: int, a_death: int) -> Mourners:
    """The whole of it, to the end, where everything is compared once more."""
    begin_inventory(cluster)
    began = time.monotonic()
    with Operators(cluster, changes, time.time_ns()) as operators:
        mourners = Mourners(cluster, operators)
        mourners.accompany(a_death)
        took_s = time.monotonic() - began
    cluster.make_whole()
    mourners.compare()
    verdicts = {one.value: count for one, count in operators.verdicts().items()}
    rate = changes / took_s
    print(f"{sum(verdicts.values())} changes {verdicts} in {took_s:.0f} s ({rate:.0f} acknowledged a second)")
    print(f"masters killed: {' '.join(mourners.killed)}; acknowledged by term: {dict(operators.terms)}")
    assert operators.acknowledged() >= changes
    assert operators.verdicts()[Verdict.OK] == operators.acknowledged()
    assert all(mourners.unanswered)
    assert len(operators.terms) > len(mourners.killed)
    return mourners


def test_acknowledged_changes_outlive_a_master(cluster: Cluster) -> None:
    mourners = change_while_masters_die(cluster, 400, 200)
    assert mourners.killed
    cluster.finish()


@pytest.mark.slow
def test_ten_thousand_changes_while_masters_die(cluster: Cluster) -> None:
    mourners = change_while_masters_die(cluster, CHANGES, A_DEATH)
    assert len(mourners.killed) >= 5
    cluster.finish()
