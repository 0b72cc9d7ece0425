"""Rows 26 to 28: daemons are restarted one by one, and somebody else takes the gate or the address away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from coroctl.lab.checker.intervals import FOREVER, Interval, levels
from coroctl.lab.checker.records import Open
from coroctl.lab.run import until
from tests.lab.rows.cluster import LAST_S, LEASE_S

if TYPE_CHECKING:
    from tests.lab.rows.cluster import Cluster

pytestmark = pytest.mark.lab

HAND_OVER_MS = 400
GATE_BACK_MS = 200


def test_row_26_a_rolling_restart(cluster: Cluster) -> None:
    """At most one hand-over a node, and nobody is surprised; the next is restarted when the last is eligible again."""
    leases, marks = cluster.leases(), cluster.marks()
    for name in cluster.lab.names:
        before = cluster.main_pid(name, "corolistener")
        cluster.lab.tell(name, "systemctl", "restart", "corolistener", timeout_s=60)
        cluster.checker.prove(f"corolistener on {name} was {before}, is {cluster.main_pid(name, 'corolistener')}")
        cluster.settle()
        until(lambda: not waiting(cluster), 20, "the start hold-offs to end", every_s=0.1)
    assert cluster.leases() - leases <= len(cluster.lab.names)
    assert not [line for name in cluster.lab.names for line in cluster.lines(name, "lease-lost", since=marks)]
    cluster.finish(silence_ms=HAND_OVER_MS)


def waiting(cluster: Cluster) -> bool:
    """Whether a node is in its start hold-off."""
    told = json.loads(cluster.lab.ask(cluster.on()[0], "coroctl", "status", "--json").stdout)
    return any("hold-off" in node["reason"] for node in told["nodes"])


def test_row_26_the_masters_daemon_stops_right_after_a_slaves(cluster: Cluster) -> None:
    """The slave may not vote yet, so the successor needs the vote of the one that stops."""
    master = cluster.settle()
    following = cluster.best(without=master)
    (third,) = set(cluster.lab.names) - {master, following}
    until(lambda: not waiting(cluster), 20, "the start hold-offs to end", every_s=0.1)
    cluster.lab.tell(third, "systemctl", "restart", "corolistener", timeout_s=60)
    cluster.lab.tell(master, "systemctl", "stop", "corolistener", timeout_s=60)
    cluster.checker.wait_answer(following)
    cluster.wait_manager(following, running=True)
    cluster.checker.prove(f"corolistener on {master} has ended: {cluster.main_pid(master, 'corolistener')}")
    cluster.finish(silence_ms=HAND_OVER_MS, answered=(master, following))


@pytest.mark.slow
def test_row_26_nodes_are_rebooted_one_by_one(cluster: Cluster) -> None:
    leases = cluster.leases()
    for name in cluster.lab.names:
        cluster.reboot(name)
        cluster.make_whole()
    assert cluster.leases() - leases <= len(cluster.lab.names)
    cluster.finish()


def open_gates(cluster: Cluster, name: str) -> tuple[Interval, ...]:
    """When nothing on the node held the address back."""
    report = cluster.checker.report()
    told = [one for one in cluster.checker.records() if isinstance(one, Open) and one.node == name]
    changes = [(one.moment, FOREVER if one.until == FOREVER else 0) for one in told]
    return tuple(each for each in levels(changes, report.window.end_us) if each.end_us > report.window.start_us)


@pytest.mark.parametrize("on_master", [True, False], ids=["master", "slave"])
def test_row_27_the_ruleset_is_flushed(cluster: Cluster, *, on_master: bool) -> None:
    master = cluster.settle()
    name = master if on_master else cluster.best(without=master)
    cluster.lab.tell(name, "nft", "flush", "ruleset")
    until(lambda: bool(open_gates(cluster, name)), 5, "the checker to see an open gate")
    until(lambda: open_gates(cluster, name)[-1].end_us < cluster.checker.report().window.end_us, 5, "the gate again")
    (opened,) = open_gates(cluster, name)
    cluster.checker.prove(f"the gate of {name} was gone for {opened.length_us / 1e3:.1f} ms")
    assert opened.length_us <= GATE_BACK_MS * 1000
    assert cluster.settle() == master
    cluster.finish(silence_ms=200, answered=(master,))


def test_row_27_the_ruleset_is_flushed_while_the_daemon_is_frozen(cluster: Cluster) -> None:
    """The address's own lifetime ends it: lease + 1.3 s. This is the one overlap that the documentation allows."""
    master = cluster.settle()
    following = cluster.best(without=master)
    with cluster.checker.frozen(master):
        cluster.lab.tell(master, "nft", "flush", "ruleset")
        cluster.checker.wait_answer(following)
        until(lambda: not cluster.has_address(master), 10, f"the address of {master} to end")
        report = cluster.checker.report()
    print(report)
    bound_us = (LEASE_S + LAST_S) * 1e6
    held = report.window.end_us - report.window.start_us
    print(f"the address was gone {held / 1e6:.2f} s after the freeze")
    assert sum(each.interval.length_us for each in report.holders) <= bound_us - LEASE_S * 1e6
    assert held <= bound_us + 1e6
    cluster.make_whole()


def test_row_28_the_address_is_removed_by_somebody_else(cluster: Cluster) -> None:
    master, leases, marks = cluster.settle(), cluster.leases(), cluster.marks()
    cluster.lab.tell(master, "ip", "address", "del", f"{cluster.ip}/32", "dev", "eth0")
    cluster.checker.prove(cluster.wait_line(master, "alarm", "what=address-gone", since=marks))
    assert cluster.settle() == master
    cluster.finish(silence_ms=1000, answered=(master,))
    assert cluster.leases() == leases
