"""Machines amid lost quorum, restarted daemons, dying masters, with no fencing: paused, resumed, and never moved."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from coroctl.lab.checker.recorder import now_us
from coroctl.lab.lab import Wanted
from coroctl.lab.run import until
from tests.lab.rows.estate import Estate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.rows.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(400)]

PAUSED_S = 10
"""From the loss of quorum until nothing that is managed runs."""
TOUCHED = ("machine-paused", "machine-resumed", "machine-started", "machine-stopped", "machine-destroyed")


@pytest.fixture(scope="module")
def wanted() -> Wanted:
    return Wanted(token_ms=1000, machines=6)


@pytest.fixture
def estate(cluster: Cluster) -> Estate:
    """All machines are managed and run."""
    estate = Estate(cluster)
    estate.make_whole()
    cluster.checker.mark()
    return estate


def lives(estate: Estate, node: str) -> dict[str, str]:
    """Each machine of a node, and libvirt's number of its process: another one if it was started anew."""
    rows = estate.lab.tell(node, "virsh", "-q", "list").splitlines()
    return {row.split()[1]: row.split()[0] for row in rows if row.split()}


def all_lives(estate: Estate) -> dict[str, dict[str, str]]:
    return {name: lives(estate, name) for name in estate.lab.names}


def touched(estate: Estate, node: str, since: dict[str, int]) -> list[str]:
    """What a node's daemon has done to machines."""
    return [line for event in TOUCHED for line in estate.cluster.lines(node, event, since=since)]


def test_a_node_without_quorum_pauses_its_machines_and_resumes_them(estate: Estate) -> None:
    cluster, marks, before = estate.cluster, estate.cluster.marks(), all_lives(estate)
    victim, names = estate.victim()
    cluster.lab.isolate(victim)
    print(cluster.wait_line(victim, "suspended", since=marks))
    lost = now_us()
    until(lambda: not any(estate.where(name) for name in names), PAUSED_S, f"the machines of {victim} to be silent")
    print(f"silent {(now_us() - lost) / 1e6:.1f} s after quorum was lost")
    cluster.unreachable(victim, next(name for name in cluster.lab.names if name != victim))
    cluster.checker.watch(3)
    assert not any(estate.where(name) for name in names)
    cluster.lab.heal()
    until(lambda: all(estate.where(name) == {victim} for name in names), 30, f"the machines of {victim} to go on")
    assert all_lives(estate) == before
    others = [name for name in cluster.lab.names if name != victim]
    assert [line for name in others for line in touched(estate, name, marks)] == []
    cluster.finish()


def test_a_daemon_that_restarts_or_dies_leaves_its_machines_alone(estate: Estate) -> None:
    cluster, marks, before = estate.cluster, estate.cluster.marks(), all_lives(estate)
    for how in (("restart",), ("kill", "--signal=KILL")):
        for name in cluster.lab.names:
            former = cluster.main_pid(name, "corolistener")
            cluster.lab.tell(name, "systemctl", *how, "corolistener", timeout_s=60)
            until(lambda name=name, former=former: cluster.main_pid(name, "corolistener") not in (0, former), 30, name)  # type: ignore[misc]
            cluster.checker.prove(f"corolistener of {name} was another process ({' '.join(how)})")
        cluster.settle()
    estate.make_whole()
    assert all_lives(estate) == before
    assert [line for name in cluster.lab.names for line in touched(estate, name, marks)] == []
    cluster.finish()


@pytest.fixture
def dying_master(estate: Estate) -> Iterator[tuple[Estate, str, tuple[str, ...]]]:
    """The master, and the machines of the others, none of which is managed any more."""
    master = estate.cluster.wait_master()
    names = tuple(name for name in estate.names if master not in estate.where(name))
    for name in names:
        until(lambda name=name: estate.order("machine", "forget", name), 30, f"{name} to be forgotten", every_s=1)  # type: ignore[misc]
    yield estate, master, names
    if not estate.lab.is_on(master):
        estate.lab.start(master)


def test_what_was_adopted_is_known_to_the_next_master(
    dying_master: tuple[Estate, str, tuple[str, ...]],
) -> None:
    """Acknowledged is what the operator was told: the master loses power while one adoption follows the other."""
    estate, master, names = dying_master
    cluster, lab = estate.cluster, estate.lab
    asked = next(name for name in lab.names if name != master)
    places = {name: next(iter(estate.where(name))) for name in names}
    codes: dict[str, int] = {}
    first = threading.Event()

    def adopt() -> None:
        for name in names:
            codes[name] = lab.ask(asked, "coroctl", "machine", "adopt", name, places[name], "--yes").returncode
            first.set()

    operator = threading.Thread(target=adopt)
    operator.start()
    assert first.wait(60)
    lab.kill(master)
    cluster.checker.prove(f"{master} was switched off")
    operator.join(120)
    print(codes)
    good = {name for name, code in codes.items() if code == 0}
    assert good
    successor = cluster.settle()
    assert successor != master
    until(lambda: opened(estate, successor), 30, f"{successor} to open its epoch")
    assert good <= known(estate, successor)
    lab.start(master)
    cluster.make_whole()
    until(lambda: good <= known(estate, master), 30, f"{master} to have caught up")
    assert all(good <= known(estate, name) for name in lab.names)
    cluster.finish()


def opened(estate: Estate, name: str) -> bool:
    """Whether a node knows the inventory of the tenure in force."""
    told = estate.lab.ask(name, "coroctl", "inventory", "status", "--json")
    return told.returncode == 0 and bool(json.loads(told.stdout)["inventory"]["caught_up"])


def known(estate: Estate, name: str) -> set[str]:
    """The machines that a node's corolistener knows as managed."""
    told = estate.lab.ask(name, "coroctl", "machines", "--json")
    return {one["name"] for one in json.loads(told.stdout)["machines"]} if told.returncode == 0 else set()
