"""Rows 21 and 22: the address cannot be had, or the manager does not do what it should."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl.lab.checker.records import Spoken
from coroctl.lab.run import attempt, run, until
from tests.lab.rows.cluster import edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.lab.handle import Lab
    from tests.lab.rows.cluster import Cluster

pytestmark = pytest.mark.lab

FORWARDING = "3"
"""Of a bridge's port."""
SHORT_TIMES = "  service_start_s: 2\n  service_stop_s: 2"
DROP_IN = "/run/systemd/system/vmmgr.service.d/fault.conf"


@pytest.fixture(scope="module")
def listening_lab(listening_lab: Lab) -> Lab:
    """Times in which a test can see retries."""
    edit(listening_lab, lambda text: text.replace("corolistener {", f"corolistener {{\n{SHORT_TIMES}"))
    return listening_lab


@pytest.fixture
def cluster(cluster: Cluster) -> Iterator[Cluster]:
    """At the end managers are as they were, and failures are forgotten."""
    yield cluster
    for name in cluster.lab.names:
        if not cluster.lab.is_on(name):
            cluster.lab.start(name)
        cluster.shell(name, f"rm -f {DROP_IN}; systemctl daemon-reload; systemctl reset-failed")
    cluster.forget_failures()


def manager_with(cluster: Cluster, name: str, *lines: str) -> None:
    """Change the manager's unit on one node."""
    text = "\\n".join(("[Service]", *lines, ""))
    cluster.shell(name, f"mkdir -p {DROP_IN.rpartition('/')[0]}; printf '{text}' > {DROP_IN}; systemctl daemon-reload")


@pytest.mark.parametrize(
    "fault",
    [
        ("ExecStart=", "ExecStart=/bin/false"),
        pytest.param(("ExecStartPre=/bin/sleep 600",), marks=pytest.mark.slow),
    ],
    ids=["fails", "hangs"],
)
def test_row_22_a_manager_that_does_not_start(cluster: Cluster, fault: tuple[str, ...]) -> None:
    """Three times on the best node, then the next one."""
    master = cluster.settle()
    second = cluster.best(without=master)
    (third,) = set(cluster.lab.names) - {master, second}
    manager_with(cluster, second, *fault)
    marks = cluster.marks()
    cluster.lab.kill(master)
    cluster.checker.wait_answer(third, timeout_s=60)
    assert cluster.settle() == third
    failed = cluster.lines(second, "step-failed", since=marks)
    cluster.checker.prove(f"{len(failed)} steps failed on {second}: {failed[0]}")
    assert len(failed) >= 3
    cluster.wait_line(second, "alarm", "what=promotion", since=marks)
    cluster.finish()


def test_row_22_a_manager_that_does_not_answer_on_its_port(cluster: Cluster) -> None:
    master = cluster.settle()
    second = cluster.best(without=master)
    (third,) = set(cluster.lab.names) - {master, second}
    manager_with(cluster, second, "ExecStart=", "ExecStart=/bin/sleep 600")
    marks = cluster.marks()
    cluster.lab.kill(master)
    cluster.checker.wait_answer(third, timeout_s=60)
    assert cluster.settle() == third
    failed = cluster.lines(second, "step-failed", "ports", since=marks)
    cluster.checker.prove(f"{len(failed)} checks failed on {second}: {failed[0]}")
    cluster.finish()


def test_row_22_a_manager_that_does_not_stop(cluster: Cluster) -> None:
    """It is killed when its time is up, so that the hand-over goes on."""
    master = cluster.settle()
    manager_with(cluster, master, "ExecStop=/bin/sleep 600", "TimeoutStopSec=600")
    marks = cluster.marks()
    cluster.lab.tell(master, "systemctl", "--no-block", "stop", "corolistener")
    following = cluster.best(without=master)
    cluster.checker.wait_answer(following, timeout_s=30)
    cluster.wait_manager(following, running=True)
    assert not cluster.manager_on(master)
    cluster.checker.prove(cluster.wait_line(master, "step", "kill the manager", since=marks))
    cluster.finish(answered=(master, following))


def test_row_21_an_address_that_cannot_be_added(cluster: Cluster) -> None:
    """A mask that would take the node's own address away with it is refused, on that node; the next one takes over."""
    master = cluster.settle()
    second = cluster.best(without=master)
    (third,) = set(cluster.lab.names) - {master, second}
    for name in cluster.lab.names:
        promoted = int(name != second)
        cluster.shell(name, f"sysctl -qw net.ipv4.conf.all.promote_secondaries={promoted}")
        cluster.shell(name, f"sysctl -qw net.ipv4.conf.eth0.promote_secondaries={promoted}")
    original = cluster.edit(lambda text: text.replace("corolistener {", "corolistener {\n  cloud_mask: 24"))
    try:
        marks = cluster.marks()
        cluster.lab.kill(master)
        cluster.checker.wait_answer(third, timeout_s=60)
        failed = cluster.wait_line(second, "step-failed", since=marks)
        cluster.checker.prove(failed)
        cluster.wait_line(second, "alarm", "what=promotion", since=marks)
        assert cluster.settle() == third
        cluster.finish()
    finally:
        cluster.make_whole()
        cluster.edit(lambda text: text.replace("\n  cloud_mask: 24", ""))
    assert "cloud_mask: 24" not in original


@pytest.fixture
def stranger(cluster: Cluster) -> Iterator[str]:
    """A machine on the bridge that is no node, has the cluster address and says so; its hardware address."""
    plan, mac = cluster.lab.plan, "02:00:00:00:00:99"
    end, namespace = f"clab{plan.index}strange", f"clab{plan.index}strange"
    run(["ip", "netns", "add", namespace])
    try:
        run(["ip", "link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", namespace])
        run(["ip", "link", "set", end, "master", plan.networks[0].bridge, "up"])
        run(["ip", "-n", namespace, "address", "add", f"{cluster.ip}/32", "dev", "eth0"])
        run(["ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.conf.eth0.arp_notify=1"])
        run(["ip", "-n", namespace, "link", "set", "eth0", "address", mac, "up"])
        bridged = Path("/sys/class/net", end, "brport/state")
        until(lambda: bridged.read_text().strip() == FORWARDING, 10, f"{end} to be let through")
        # The kernel announces a device's addresses when its hardware address is set.
        run(["ip", "-n", namespace, "link", "set", "eth0", "address", mac])
        yield mac
    finally:
        attempt(["ip", "netns", "delete", namespace])
        attempt(["ip", "link", "delete", end])


def test_row_21_a_stranger_has_the_address(cluster: Cluster, stranger: str) -> None:
    """Nobody can silence a stranger: the master says so, and stays."""
    master = cluster.wait_master()
    cluster.checker.prove(cluster.wait_line(master, "address-conflict", stranger))
    spoke = [one for one in cluster.checker.records() if isinstance(one, Spoken) and one.mac == stranger]
    report = cluster.checker.report()
    print(report)
    assert len(spoke) > 10
    assert report.holders == ()
    assert {each.first for each in report.speakers} | {each.second for each in report.speakers} == {stranger, master}
