"""Rows 18 and 31, and the files of nodes that were away: one file on all nodes, and whose it is. And the key's."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from coroctl.lab import node
from coroctl.lab.checker.register import Verdict
from coroctl.lab.run import until
from tests.lab.rows.changes import Asking, Files
from tests.lab.rows.cluster import CONF

if TYPE_CHECKING:
    from coroctl.client import Json
    from tests.lab.rows.cluster import Cluster

pytestmark = pytest.mark.lab

CATCHES_UP_S = 10
KEY = "/etc/corolistener/authkey"


@pytest.fixture
def files(cluster: Cluster) -> Files:
    """All nodes have one file at the beginning."""
    files = Files(cluster)
    files.wait_same()
    return files


def hand_edit(cluster: Cluster, name: str, script: str) -> None:
    """Somebody edits the file on one node, and every corosync reads its own again."""
    cluster.shell(name, f"sed -i '{script}' {CONF}; corosync-cfgtool -R")


def corosync_exits(cluster: Cluster, name: str) -> list[str]:
    """What systemd has said, since the node's last boot, of corosync's ends."""
    lines = cluster.lab.tell(name, "journalctl", "-b", "-u", "corosync", "-o", "cat", "--no-pager").splitlines()
    assert any("ready to provide service" in line for line in lines)
    return [line for line in lines if "exit" in line.lower()]


def fetched(cluster: Cluster, name: str) -> str:
    """What was said, since the node's last boot, before its corosync started."""
    return cluster.lab.tell(name, "journalctl", "-b", "-u", "corolistener-fetch", "-o", "cat", "--no-pager")


def test_the_old_master_comes_back_with_the_file_that_a_failover_made(cluster: Cluster, files: Files) -> None:
    """The new master is the largest everywhere; the old one's corosync does not exit once."""
    old, version = cluster.settle(), files.version(cluster.lab.names[0])
    cluster.lab.kill(old)
    cluster.checker.prove(f"{old} is off, with version {files.version(old)}")
    following = cluster.settle()
    files.wait_same(*cluster.on(), beyond=version)
    prios = files.priorities(following)
    assert int(prios[str(cluster.nodeid(following))]) == max(map(int, prios.values()))
    assert files.version(old) == version

    cluster.lab.start(old)
    cluster.wait_role(old, "S", timeout_s=40)
    assert len(set(files.digests().values())) == 1
    assert corosync_exits(cluster, old) == []
    assert "is loaded by a majority" in fetched(cluster, old)
    assert cluster.settle() == following
    files.insist_one_file_a_version()
    cluster.finish()


def test_a_node_that_was_cut_off_during_three_changes_catches_up(cluster: Cluster, files: Files) -> None:
    master = cluster.settle()
    away = cluster.best(without=master)
    [other] = [name for name in cluster.lab.names if name not in (master, away)]
    cluster.lab.isolate(away)
    cluster.unreachable(away, master)
    cluster.wait_role(away, "suspended")
    until(lambda: not has_member(cluster, master, away), 20, f"{away} to be missed")
    before = files.version(away)
    asking = Asking(cluster, other)
    for count, prio in enumerate((3, 4, 5), 1):
        change = asking.set_priority(f"away-{prio}-{time.time_ns()}", cluster.nodeid(other), prio)
        assert change.verdict is Verdict.OK
        asking.wait_loaded(before + count)
    assert files.version(away) == before
    cluster.lab.heal()
    began = time.monotonic()
    files.wait_same(beyond=before + 2, timeout_s=CATCHES_UP_S)
    print(f"{away} had the file {time.monotonic() - began:.2f} s after the cut had ended")
    loaded = until(lambda: current(cluster, away), CATCHES_UP_S, f"{away} to have loaded it")
    print(f"and had loaded it (version {loaded}) after {time.monotonic() - began:.2f} s")
    assert time.monotonic() - began <= CATCHES_UP_S
    files.insist_one_file_a_version()
    cluster.settle()
    cluster.finish(answered=(master,))


def has_member(cluster: Cluster, name: str, other: str) -> bool:
    return cluster.nodeid(other) in Asking(cluster, name).told()["corosync"]["members"]


def current(cluster: Cluster, name: str) -> int | None:
    """The version that a node has loaded, if it is what a majority has."""
    told = Asking(cluster, name).told()["configuration"]
    return told["loaded"]["version"] if told["loaded"] == told["current"] else None


@pytest.mark.parametrize(
    ("script", "alarm"),
    [
        ("s/config_version: .*/config_version: 900/; s/prio: .*/prio: 900000/", "what=minority"),
        ("s/replication: on/replication: off/", "what=conflict"),
    ],
    ids=["a forged higher version", "the same version with other content"],
)
def test_a_file_of_one_node_alone_is_an_alarm_until_it_adopts_the_clusters(
    cluster: Cluster, files: Files, script: str, alarm: str
) -> None:
    master = cluster.settle()
    odd = cluster.best(without=master)
    before, marks = files.file(master), cluster.marks()
    hand_edit(cluster, odd, script)
    cluster.checker.prove(cluster.wait_line(odd, "alarm", alarm, since=marks))
    cluster.checker.watch(2)
    assert {files.file(name) for name in cluster.lab.names if name != odd} == {before}
    assert files.file(odd) != before
    assert cluster.settle() == master
    marks = cluster.marks()
    cluster.lab.tell(odd, "systemctl", "restart", "corolistener")
    cluster.wait_line(odd, "alarm", alarm, since=marks)
    cluster.wait_role(odd, "S")

    said = cluster.lab.tell(odd, "coroctl", "conf", "adopt", "--yes")
    assert f"have version {files.version(master)} of it, as a majority has" in said
    assert set(files.digests().values()) == {files.digests()[master]}
    until(lambda: current(cluster, odd), 5, f"{odd} to be current")
    assert "found on this node" in cluster.lab.tell(odd, "coroctl", "conf", "history").splitlines()[-2]
    assert cluster.settle() == master
    cluster.finish(silence_ms=200, answered=(master,))


def test_a_change_by_hand_is_an_alarm_until_a_majority_has_loaded_it(cluster: Cluster, files: Files) -> None:
    master = cluster.settle()
    second = cluster.best(without=master)
    [third] = [name for name in cluster.lab.names if name not in (master, second)]
    version, marks = files.version(master), cluster.marks()
    script = f"s/config_version: .*/config_version: {version + 1}/; s/replication: on/replication: off/"
    hand_edit(cluster, second, script)
    cluster.checker.prove(cluster.wait_line(second, "alarm", "what=minority", since=marks))
    assert files.version(master) == files.version(third) == version

    hand_edit(cluster, third, script)
    files.wait_same(beyond=version)
    cluster.wait_line(master, "changed", "fetched from node", since=marks)
    cluster.settle()
    files.insist_one_file_a_version()
    cluster.finish()


def test_a_former_file_becomes_the_next_version(cluster: Cluster, files: Files) -> None:
    """With owner and mode as they were, and the link where there is one. The holder's own history is lost."""
    master = cluster.settle()
    slave = cluster.best(without=master)
    cluster.shell(slave, f"mv {CONF} {CONF}.real; ln -s corosync.conf.real {CONF}; chown 1:2 {CONF}.real")
    asking = Asking(cluster, slave)
    node = cluster.nodeid(slave)
    was = files.priorities(master)[str(node)]
    former = Asking(cluster, master).seen()
    assert asking.set_priority(f"restore-{time.time_ns()}", node, 3).verdict is Verdict.OK
    asking.wait_loaded(former.version + 1)
    cluster.checker.prove(f"version {former.version} is a former one")
    entries = json.loads(cluster.lab.tell(slave, "coroctl", "conf", "history", "--json"))["entries"]
    restore = ["conf", "restore", next(str(one["number"]) for one in entries if one["digest"] == former.digest)]
    cluster.shell(master, "rm -r /var/lib/corolistener/conf")
    looked = json.loads(cluster.lab.tell(slave, "coroctl", *restore, "--dry-run", "--json"))["preflight"]
    assert f"node {node}: prio: 3 -> {was}" in looked["difference"]
    assert asking.told()["configuration"]["loaded"]["version"] == former.version + 1
    assert "ok, after" in cluster.lab.tell(slave, "coroctl", *restore, "--yes")
    until(lambda: current(cluster, slave) == former.version + 2, 5, f"{slave} to have loaded it")
    assert files.priorities(master)[str(node)] == was
    assert cluster.shell(slave, f"readlink {CONF}; stat -c '%u:%g %a' {CONF}.real").split() == [
        "corosync.conf.real",
        "1:2",
        "644",
    ]
    cluster.shell(slave, f"mv {CONF}.real {CONF}")
    files.insist_one_file_a_version()
    cluster.settle()
    cluster.finish()


def test_row_31_a_node_is_not_added_while_a_member_does_not_answer(cluster: Cluster, files: Files) -> None:
    """A cut in the middle: refused, in no file, and forgotten by who had stored it. Without the cut it is added."""
    master = cluster.settle()
    away = cluster.best(without=master)
    before, marks = files.digests(), cluster.marks()
    asking = Asking(cluster, master)
    added = {"value": 0, "name": "node9", "addresses": [f"{cluster.ip.rpartition('.')[0]}.99"]}
    seen = asking.seen()
    cluster.lab.isolate(away)
    outcome = asking.client.change("node-add", 9, seen, added)
    cluster.unreachable(away, master)
    assert (outcome.verdict, "stored" in outcome.why) == ("refused", True), outcome
    cluster.checker.prove(cluster.wait_line(master, "withdrawn", since=marks))
    cluster.lab.heal()
    assert files.digests() == before

    cluster.lab.wait("formed")
    until(lambda: ok(asking, "node-add", 9, added), 20, "the node to be added")
    files.wait_same(beyond=seen.version)
    asking.wait_loaded(seen.version + 1)
    assert "name: node9" in files.file(away).decode()
    until(lambda: ok(asking, "node-remove", 9, {}), 20, "the node to be removed")
    files.wait_same(beyond=seen.version + 1)
    assert "name: node9" not in files.file(away).decode()
    files.insist_one_file_a_version()
    cluster.settle()
    cluster.finish()


def ok(asking: Asking, verb: str, node: int, more: Json) -> bool:
    """Refused is what it is while the node lists settle."""
    return asking.client.change(verb, node, asking.seen(), more).verdict == "ok"


def test_a_cluster_that_is_powered_on_has_one_file_before_any_corosync_runs(cluster: Cluster, files: Files) -> None:
    """One node missed a change; then all were off. No daemon runs when they start: they tell each other."""
    master = cluster.settle()
    missed = cluster.best(without=master)
    version = files.version(missed)
    cluster.lab.kill(missed)
    until(lambda: not has_member(cluster, master, missed), 20, f"{missed} to be missed")
    asked = Asking(cluster, master).set_priority(f"missed-{time.time_ns()}", cluster.nodeid(missed), 6)
    assert asked.verdict is Verdict.OK
    for name in cluster.on():
        cluster.lab.kill(name)
    cluster.checker.prove(f"all are off, {missed} with version {files.version(missed)}")
    for name in cluster.lab.names:
        node.switch_on(cluster.lab.plan, cluster.lab.plan.node(name))
    for name in cluster.lab.names:
        node.wait_booted(cluster.lab.plan, cluster.lab.plan.node(name))
    cluster.settle()
    assert f"{CONF} is replaced" in fetched(cluster, missed)
    assert files.version(missed) > version
    files.wait_same()
    for name in cluster.lab.names:
        assert corosync_exits(cluster, name) == []
    files.insist_one_file_a_version()
    cluster.finish()


def test_the_key_is_exchanged_in_three_rounds(cluster: Cluster) -> None:
    """The new one below, above, alone; each round ended on every node. Nobody is silent meanwhile."""
    master, leases = cluster.settle(), cluster.leases()
    [old] = key_lines(cluster, master)
    cluster.lab.tell(master, "coroctl", "keygen", "--file", "/root/key")
    [new] = key_lines(cluster, master, "/root/key")
    before = fingerprints(cluster, master)
    for lines in ([old, new], [new, old], [new]):
        for name in cluster.lab.names:
            marks = cluster.marks()
            keep(cluster, name, lines)
            cluster.lab.tell(name, "systemctl", "reload", "corolistener")
            cluster.wait_line(name, "keys", since=marks)
    after = fingerprints(cluster, master)
    assert set(before).isdisjoint(after)
    cluster.checker.prove(f"the keys were {before}, are {after}")
    assert cluster.settle() == master
    assert cluster.leases() == leases
    marks = cluster.marks()
    keep(cluster, master, ["coroctl-key-1:none"])
    cluster.lab.tell(master, "systemctl", "reload", "corolistener")
    assert "line 1 is no key" in cluster.wait_line(master, "keys-unusable", since=marks)
    keep(cluster, master, [new])
    cluster.finish(silence_ms=200, answered=(master,))


def key_lines(cluster: Cluster, name: str, file: str = KEY) -> list[str]:
    return [line for line in cluster.lab.tell(name, "cat", file).splitlines() if line.startswith("coroctl-key")]


def fingerprints(cluster: Cluster, name: str) -> list[str]:
    return [line.split()[0] for line in cluster.lab.tell(name, "coroctl", "keygen", "--show").splitlines()]


def keep(cluster: Cluster, name: str, lines: list[str]) -> None:
    cluster.shell(name, f"printf '%s\\n' {' '.join(lines)} > {KEY}")
