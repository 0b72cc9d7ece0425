"""Rows 1, 4, 6, 20, 23, 26 for machines: what a lost node ran runs elsewhere, each machine on one node at every moment.

The fence agent's power switch is the lab's; what the machines write is the proof of where they ran.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.lab import fencing
from coroctl.lab.fencing import Mode
from coroctl.lab.lab import Wanted
from coroctl.lab.run import until
from tests.lab.rows.estate import RECOVERED_S, Estate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.rows.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

QEMU = "/usr/bin/qemu-system-x86_64"


@pytest.fixture(scope="module")
def wanted() -> Wanted:
    return Wanted(token_ms=1000, machines=6, fencing="agent")


@pytest.fixture
def estate(cluster: Cluster) -> Iterator[Estate]:
    """All machines are managed and run, each somewhere; the power switch works, and every node fences."""
    for name in cluster.lab.names:
        cluster.lab.treat(name, Mode.OK)
    estate = Estate(cluster)
    estate.make_whole()
    cluster.checker.mark()
    yield estate
    print("\n".join(fencing.log(cluster.lab.plan)))


def test_a_node_dies_and_its_machines_run_elsewhere(estate: Estate) -> None:
    """The history has the times of detection, fence and start; the node returns and resumes nothing."""
    cluster, (victim, names), marks = estate.cluster, estate.victim(), estate.cluster.marks()
    cluster.lab.kill(victim)
    cluster.checker.prove(f"{victim} was switched off")
    estate.wait_elsewhere(names, victim)
    for event in ("node-lost", "fencing", "fenced", "node-failed", "machine-granted", "recovered"):
        print(estate.wait_told(event, without=victim, since=marks))
    cluster.lab.start(victim)
    estate.wait_nothing_of(names, victim)
    estate.finish(names, victim)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut off", "frozen"])
def test_a_node_that_only_seems_dead_is_switched_off_first(estate: Estate, how: str) -> None:
    cluster, (victim, names) = estate.cluster, estate.victim()
    if how == "frozen":
        cluster.lab.freeze(victim)
    else:
        cluster.lab.isolate(victim)
    estate.wait_elsewhere(names, victim)
    assert not cluster.lab.is_on(victim)
    cluster.checker.prove(f"{victim} was {how}, and then off")
    cluster.lab.heal()
    cluster.lab.start(victim)
    estate.wait_nothing_of(names, victim)
    estate.finish(names, victim)


@pytest.mark.slow
def test_row_6_a_node_thaws_before_its_agent_has_an_answer(estate: Estate) -> None:
    """The agent hangs; what was frozen goes on, and its machines stay where they are."""
    cluster, (victim, names), marks = estate.cluster, estate.victim(), estate.cluster.marks()
    cluster.lab.treat(victim, Mode.HANG)
    with cluster.checker.frozen(victim):
        estate.wait_told("fencing-failed", without=victim, since=marks)
        assert not any(estate.where(name) for name in names)
    cluster.lab.treat(victim, Mode.OK)
    estate.make_whole()
    print(names, {name: estate.where(name) for name in names}, cluster.lab.is_on(victim))
    cluster.finish()


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.FAIL, Mode.HANG, Mode.DEAF])
def test_row_20_an_agent_that_has_not_switched_it_off_recovers_nothing(estate: Estate, mode: Mode) -> None:
    """Until it does."""
    cluster, (victim, names), marks = estate.cluster, estate.victim(), estate.cluster.marks()
    cluster.lab.treat(victim, mode)
    cluster.lab.isolate(victim)
    cluster.checker.prove(estate.wait_told("fencing-failed", without=victim, since=marks))
    cluster.checker.watch(10)
    assert not any(node_ != victim for name in names for node_ in estate.where(name))
    estate.wait_told("alarm", "not recovered", without=victim, since=marks)
    cluster.lab.treat(victim, Mode.OK)
    estate.wait_elsewhere(names, victim, 2 * RECOVERED_S)
    cluster.lab.heal()
    cluster.lab.start(victim)
    estate.wait_nothing_of(names, victim)
    estate.finish(names, victim)


@pytest.mark.slow
def test_row_20_an_agent_that_lies(estate: Estate) -> None:
    """The node lives, and was paused by its own loss of quorum: nothing runs twice, also when it comes back."""
    cluster, (victim, names), marks = estate.cluster, estate.victim(), estate.cluster.marks()
    cluster.lab.treat(victim, Mode.LIE)
    cluster.lab.isolate(victim)
    estate.wait_elsewhere(names, victim)
    cluster.checker.prove(estate.wait_told("fenced", without=victim, since=marks))
    assert cluster.lab.is_on(victim)
    cluster.lab.heal()
    estate.wait_nothing_of(names, victim)
    estate.finish(names, victim)


@pytest.mark.slow
def test_without_fencing_nothing_is_recovered_until_confirm_dead(estate: Estate) -> None:
    cluster, (victim, names) = estate.cluster, estate.victim()
    former = cluster.edit(lambda text: text.replace("fencing: agent", "fencing: none"))
    try:
        estate.wait_loaded("fencing: none")
        cluster.lab.kill(victim)
        cluster.lab.wait(f"{victim}=left")
        cluster.checker.watch(20)
        assert not any(estate.where(name) for name in names)
        cluster.checker.prove(f"{victim} was off, and its machines were silent")
        assert estate.order("confirm-dead", victim)
        estate.wait_elsewhere(names, victim)
        cluster.lab.start(victim)
        estate.wait_nothing_of(names, victim)
        estate.finish(names, victim)
    finally:
        cluster.make_whole()
        cluster.edit(lambda _: former)


@pytest.mark.slow
def test_row_26_a_stopped_daemon_recovers_nothing(estate: Estate) -> None:
    """Nor does a node whose daemon was stopped first, whatever becomes of its corosync."""
    cluster, (victim, names) = estate.cluster, estate.victim()
    asked = len(fencing.log(cluster.lab.plan))
    cluster.lab.tell(victim, "systemctl", "stop", "corolistener", timeout_s=60)
    cluster.lab.tell(victim, "systemctl", "stop", "corosync", timeout_s=60)
    cluster.lab.wait(f"{victim}=left")
    cluster.checker.prove(f"corolistener and corosync on {victim} were stopped")
    cluster.checker.watch(20)
    assert all(estate.where(name) == {victim} for name in names)
    assert fencing.log(cluster.lab.plan)[asked:] == []
    cluster.make_whole()
    estate.make_whole()
    assert all(estate.where(name) == {victim} for name in names)
    cluster.finish()


@pytest.mark.slow
def test_row_23_a_machine_that_starts_nowhere_is_left_for_the_operator(estate: Estate) -> None:
    cluster, (victim, names), marks = estate.cluster, estate.victim(), estate.cluster.marks()
    others = [name for name in cluster.lab.names if name != victim]
    for name in others:
        cluster.lab.tell(name, "mount", "--bind", "/bin/false", QEMU)
    try:
        cluster.lab.kill(victim)
        for name in names:
            estate.wait_told("alarm", "could start", f"about={name}", "failed on node", without=victim, since=marks)
        cluster.checker.prove(f"qemu could be started on none of {', '.join(others)}")
        assert not any(estate.where(name) for name in names)
    finally:
        for name in others:
            cluster.lab.tell(name, "umount", QEMU)
    for name in names:
        assert estate.order("machine", "move", name, others[0])
    estate.wait_elsewhere(names, victim)
    cluster.lab.start(victim)
    estate.wait_nothing_of(names, victim)
    estate.finish(names, victim)


@pytest.mark.slow
def test_a_node_that_is_shut_down_as_a_whole_is_recovered_without_its_agent(estate: Estate) -> None:
    """C3, with `on_clean_stop: recover`."""
    cluster, (victim, names) = estate.cluster, estate.victim()
    former = cluster.edit(lambda text: text.replace("fencing: agent", "fencing: agent\n  on_clean_stop: recover"))
    try:
        estate.wait_loaded("on_clean_stop: recover")
        asked = len(fencing.log(cluster.lab.plan))
        cluster.lab.tell(victim, "systemctl", "--no-block", "poweroff")
        estate.wait_elsewhere(names, victim)
        assert fencing.log(cluster.lab.plan)[asked:] == []
        cluster.checker.prove(f"{victim} was shut down")
        until(lambda: not cluster.lab.is_on(victim), 60, f"{victim} to go off")
        cluster.lab.start(victim)
        estate.wait_nothing_of(names, victim)
        estate.finish(names, victim)
    finally:
        cluster.make_whole()
        cluster.edit(lambda _: former)
