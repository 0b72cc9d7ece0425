"""Machines that move live (M6), also with a fault in the middle: each counts on where it was, and never on two nodes.

They are given a gigabyte of nothing, and little bandwidth to be copied over: so there is a middle.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import pytest

from coroctl.lab import fencing, machines
from coroctl.lab.checker import histories
from coroctl.lab.checker.records import Wrote
from coroctl.lab.fencing import Mode
from coroctl.lab.guest import LINE
from coroctl.lab.lab import Wanted
from coroctl.lab.run import until
from tests.lab.rows.estate import Estate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.rows.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

MOVED_S = 60
PAUSED_S = 10
SILENT_MS = 1500
"""From the last count on the one node to the first on the other, on a busy test machine."""


@pytest.fixture(scope="module")
def wanted() -> Wanted:
    return Wanted(token_ms=1000, machines=3, fencing="agent")


@pytest.fixture
def estate(cluster: Cluster) -> Iterator[Estate]:
    """All machines are large, managed, and run, each somewhere."""
    for name in cluster.lab.names:
        cluster.lab.treat(name, Mode.OK)
    estate = Estate(cluster)
    if not estate.picture():
        for name in estate.names:
            grow(estate, name)
    estate.make_whole()
    for name in estate.names:
        [at] = estate.where(name)
        cluster.lab.tell(at, "virsh", "migrate-setspeed", name, "1")
    cluster.checker.mark()
    yield estate
    print("\n".join(fencing.log(cluster.lab.plan)))


def grow(estate: Estate, name: str) -> None:
    """Before it is managed."""
    large = machines.xml(name).replace("<memory unit='MiB'>2<", "<memory unit='MiB'>1024<")
    at = machines.owner(estate.lab.plan, name).name
    estate.lab.tell(
        at, "sh", "-ec", f"virsh destroy {name}; virsh define /dev/stdin <<'END'\n{large}END\nvirsh start {name}"
    )


class Case(NamedTuple):
    """A move, and what was counted before it."""

    name: str
    source: str
    target: str
    offsets: dict[str, int]
    """How long the machine's file was on each node."""


def case(estate: Estate, *, without_master: bool = True) -> Case:
    """From and to nodes that are not master, or of which one may be."""
    master = estate.cluster.wait_master()
    for name in estate.names:
        [source] = estate.where(name)
        others = [each for each in estate.lab.names if each not in (source, master if without_master else "")]
        if source != master or not without_master:
            files = {each.name: machines.writes(estate.lab.plan, each) / name for each in estate.lab.plan.nodes}
            offsets = {each: file.stat().st_size if file.exists() else 0 for each, file in files.items()}
            return Case(name, source, others[0], offsets)
    raise AssertionError("every machine is on the master")


def counts(estate: Estate, one: Case, node: str) -> list[int]:
    """What it has counted there since; what two nodes have written of one line is left out."""
    file = machines.writes(estate.lab.plan, estate.lab.plan.node(node)) / one.name
    text = file.read_bytes()[one.offsets[node] :] if file.exists() else b""
    return [int(line, 16) for line in text.split(b"\n")[:-1] if len(line) == LINE - 1]


def begin(estate: Estate, one: Case, asked: str = "") -> tuple[threading.Thread, list[str]]:
    """An operator moves it, and follows that (on the master, if nowhere else); until it is being copied."""
    marks, said = estate.cluster.marks(), list[str]()
    asked = asked or estate.cluster.wait_master()

    def move() -> None:
        told = estate.lab.ask(asked, "coroctl", "machine", "move", one.name, one.target, "--yes", timeout_s=200)
        said.append(f"{told.returncode}\n{told.stdout}\n{told.stderr}")

    operator = threading.Thread(target=move)
    operator.start()
    estate.cluster.wait_line(one.source, "machine-copying", f"machine={one.name}", since=marks)
    return operator, said


def finish_moved(estate: Estate, one: Case) -> None:
    """It counts on there from where it was, and is the target's."""
    estate.wait_elsewhere((one.name,), one.source, MOVED_S)
    assert estate.where(one.name) == {one.target}
    until(lambda: len(counts(estate, one, one.target)) > 20, 10, f"{one.name} to count on {one.target}")
    here, there = counts(estate, one, one.source), counts(estate, one, one.target)
    print(f"{one.name} counted to {here[-1]} on {one.source}, and from {there[0]} on {one.target}")
    assert here[-1] < there[0] <= here[-1] + 3
    assert there == list(range(there[0], there[0] + len(there)))
    until(lambda: estate.picture()[one.name]["moving_to"] is None, 10, "the move to be over")
    known = estate.picture()[one.name]
    assert (known["node"], known["last_move"]["why"]) == (  # type: ignore[index]
        estate.cluster.nodeid(one.target),
        "an operator moves it live",
    )
    print(f"silent for {silent_ms(estate, one):.0f} ms")
    estate.wait_nothing_of((one.name,), one.source)
    estate.finish((one.name,), one.source)


def silent_ms(estate: Estate, one: Case) -> float:
    """Between its last write on the source and its first one on the target."""
    wrote = [each for each in histories.of_kind(estate.cluster.checker.records(), Wrote) if each.machine == one.name]
    first = min(each.moment for each in wrote if each.node == one.target and each.moment > moved_at(wrote, one))
    return (first - moved_at(wrote, one)) / 1e3


def moved_at(wrote: list[Wrote], one: Case) -> int:
    return max(each.moment for each in wrote if each.node == one.source)


def test_a_machine_moves_live(estate: Estate) -> None:
    one = case(estate, without_master=False)
    operator, said = begin(estate, one)
    operator.join(120)
    print(*said)
    assert said[0].startswith("0\n")
    assert f"moves live from {one.source} to {one.target}" in said[0]
    assert f"on its way to {one.target}, live" in said[0]
    estate.cluster.checker.prove("it was copied: " + estate.cluster.lines(one.source, "machine-migrated")[-1])
    finish_moved(estate, one)
    assert silent_ms(estate, one) < SILENT_MS


class Dead(NamedTuple):
    """A node without power."""

    name: str
    fenced: bool
    """It had machines."""
    since: dict[str, int]


def kill(estate: Estate, node: str) -> Dead:
    dead = Dead(node, bool(estate.of(node)), estate.cluster.marks())
    estate.lab.kill(node)
    return dead


def start(estate: Estate, dead: Dead) -> None:
    """When its agent will not switch it off any more."""
    if dead.fenced:
        print(estate.wait_told("node-failed", without=dead.name, since=dead.since))
    estate.lab.start(dead.name)


def test_the_master_dies_while_a_machine_is_copied(estate: Estate) -> None:
    """The next one grants it to its target: what had been asked for was acknowledged."""
    cluster, one = estate.cluster, case(estate)
    master = cluster.wait_master()
    operator, said = begin(estate, one, asked=one.target)
    dead = kill(estate, master)
    assert not cluster.lines(one.source, "machine-migrated", f"machine={one.name}")
    cluster.checker.prove(f"{master} was switched off while {one.name} was copied")
    operator.join(200)
    print(*said)
    assert cluster.wait_master() != master
    finish_moved(estate, one)
    start(estate, dead)


@pytest.mark.slow
def test_the_target_is_switched_off_while_a_machine_is_copied(estate: Estate) -> None:
    """It stays, is never silent, and the operator is told why."""
    cluster, one = estate.cluster, case(estate)
    marks = cluster.marks()
    operator, said = begin(estate, one)
    dead = kill(estate, one.target)
    cluster.checker.prove(f"{one.target} was switched off while {one.name} was copied to it")
    print(cluster.wait_line(one.source, "machine-stayed", f"machine={one.name}", since=marks, timeout_s=MOVED_S))
    operator.join(120)
    print(*said)
    assert said[0].startswith("4\n")
    assert f"{one.name} was not moved, and is running on node {cluster.nodeid(one.source)}, and stays there" in said[0]
    counted = counts(estate, one, one.source)
    assert counted == list(range(counted[0], counted[0] + len(counted)))
    start(estate, dead)
    estate.wait_nothing_of((one.name,), one.target)
    assert estate.where(one.name) == {one.source}
    cluster.finish()


@pytest.mark.slow
def test_the_owner_is_switched_off_while_its_machine_is_copied(estate: Estate) -> None:
    """Fenced, and started from its beginning; what had arrived is nobody's."""
    cluster, one = estate.cluster, case(estate)
    marks = cluster.marks()
    operator, said = begin(estate, one)
    dead = kill(estate, one.source)
    cluster.checker.prove(f"{one.source} was switched off while {one.name} was copied from it")
    print(estate.wait_told("recovered", f"machine={one.name}", without=one.source, since=marks))
    estate.wait_elsewhere((one.name,), one.source)
    operator.join(120)
    print(*said)
    [there] = estate.where(one.name)
    assert 1 in counts(estate, one, there)
    start(estate, dead)
    estate.wait_nothing_of((one.name,), one.source)
    estate.finish((one.name,), one.source)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["source", "target"])
def test_a_daemon_is_killed_while_a_machine_is_copied(estate: Estate, end: str) -> None:
    """libvirtd copies on: what the hypervisors show counts."""
    cluster, one = estate.cluster, case(estate)
    node = one.source if end == "source" else one.target
    operator, said = begin(estate, one)
    former = cluster.main_pid(node, "corolistener")
    cluster.lab.tell(node, "systemctl", "kill", "--signal=KILL", "corolistener")
    until(lambda: cluster.main_pid(node, "corolistener") not in (0, former), 30, f"{node}'s daemon to be another one")
    cluster.checker.prove(f"corolistener of {node} was killed while {one.name} was copied")
    operator.join(120)
    print(*said)
    finish_moved(estate, one)


@pytest.mark.slow
def test_the_owner_loses_quorum_while_its_machine_is_copied(estate: Estate) -> None:
    """It is paused within the bound, and goes on there when quorum is back; then it moves."""
    cluster, one = estate.cluster, case(estate)
    for name in cluster.lab.names:
        cluster.lab.treat(name, Mode.FAIL)
    marks = cluster.marks()
    operator, said = begin(estate, one)
    cluster.lab.isolate(one.source)
    cluster.wait_line(one.source, "suspended", since=marks)
    until(lambda: not estate.where(one.name), PAUSED_S, f"{one.name} to be silent")
    cluster.unreachable(one.source, one.target)
    cluster.checker.watch(3)
    assert not estate.where(one.name)
    cluster.lab.heal()
    operator.join(200)
    print(*said)
    finish_moved(estate, one)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["source", "target"])
def test_libvirtd_is_killed_while_a_machine_is_copied(estate: Estate, end: str) -> None:
    """The copying ends, and the machine stays, where it runs."""
    cluster, one = estate.cluster, case(estate)
    marks, node = cluster.marks(), one.source if end == "source" else one.target
    operator, said = begin(estate, one)
    cluster.lab.tell(node, "systemctl", "kill", "--signal=KILL", "libvirtd")
    cluster.checker.prove(f"libvirtd of {node} was killed while {one.name} was copied")
    print(cluster.wait_line(one.source, "machine-stayed", f"machine={one.name}", since=marks, timeout_s=MOVED_S))
    operator.join(120)
    print(*said)
    assert said[0].startswith("4\n")
    until(lambda: estate.where(one.name) == {one.source}, 30, f"{one.name} to run on {one.source}")
    counted = counts(estate, one, one.source)
    assert counted == list(range(counted[0], counted[0] + len(counted)))
    estate.wait_nothing_of((one.name,), one.target)
    cluster.finish()
