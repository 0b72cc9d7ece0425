"""What people see of a running corolistener: root, a member of its group, and neither; frozen and stopped, too."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.lab import lab as labs
from coroctl.lab import node
from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted
from coroctl.lab.processes import this_process
from coroctl.lab.run import until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

PYTHON = "/opt/coroctl/bin/python"
MEMBER, STRANGER = "lookson", "stranger"
WATCH = """
import os, signal, subprocess, sys, time
from threading import Event
from coroctl.sources.watch import Watch
watch, pause = Watch(), Event()
watch.start(lambda update: None)

def until(what, wanted):
    end = time.monotonic() + 30
    while not (latest := watch.latest()) or not wanted(latest.snapshot):
        assert time.monotonic() < end, (what, latest)
        pause.wait(0.02)
    return latest.snapshot

def gap(snapshot):
    return " ".join(gap.reason for gap in snapshot.gaps)

def ruled(snapshot):
    return snapshot.mastership is not None and snapshot.mastership.master == 1

first = until("a master", ruled)
print("source", first.source.value)
"""
FREEZE_AND_KILL = """
def pid():
    show = ["systemctl", "show", "--property=MainPID", "--value", "corolistener"]
    return int(subprocess.check_output(show))

os.kill(pid(), signal.SIGSTOP)
until("frozen", lambda snapshot: snapshot.mastership is None and "frozen" in gap(snapshot))
os.kill(pid(), signal.SIGCONT)
until("thawed", ruled)
subprocess.run(["systemctl", "stop", "corolistener"], check=True)
until("stopped", lambda snapshot: "no corolistener runs" in gap(snapshot))
subprocess.run(["systemctl", "start", "corolistener"], check=True)
back = until("started", ruled)
assert back.node(1).role.value == "master" and back.node(2).reason, back
print("links", len(back.node(1).links))
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Its nodes run corolistener; node 2 has two users."""
    name = f"t{os.getpid()}-watched"
    lab = Lab(labs.up(Wanted(name=name, token_ms=1000, listener=True), owner=this_process()))
    lab.tell("node2", "useradd", "--no-create-home", "--groups", "coroctl", MEMBER)
    lab.tell("node2", "useradd", "--no-create-home", STRANGER)
    yield lab
    labs.down(name)


@pytest.fixture(autouse=True)
def settled(lab: Lab) -> None:
    """Node 1 is master, and everybody says so."""
    for name in lab.names:
        lab.tell(name, "systemctl", "start", "corosync", "corolistener")
    lab.wait("formed", *(f"master=node1@{name}" for name in lab.names))


def as_user(lab: Lab, user: str, *command: str) -> subprocess.CompletedProcess[str]:
    return lab.ask("node2", "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command)


def status(answer: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


def test_root_sees_corosyncs_word_and_the_roles(lab: Lab) -> None:
    told = status(lab.ask("node2", "coroctl", "status", "--json"))
    assert told["source"] == "corosync"
    assert [node["role"] for node in told["nodes"]] == ["master", "slave", "slave"]
    assert [node["reason"] for node in told["nodes"]] == ["", *["node 1 holds the lease"] * 2]
    mastership = told["mastership"]
    assert (mastership["master"], mastership["lease"]["holder"], mastership["dead_man"]) == (1, 1, "nftables")
    assert 0 < mastership["lease"]["remaining_ms"] <= 2000
    assert abs(time.time() - mastership["since"]) < 3600
    assert mastership["address"].startswith(lab.plan.cloud_ip)
    own = status(lab.ask("node1", "coroctl", "status", "--json"))["mastership"]
    assert {"claimed", "lease", "step", "master"} <= {one["event"] for one in own["transitions"]}


def test_a_member_of_the_group_sees_the_same(lab: Lab) -> None:
    root, member = (lab.ask("node2", "coroctl", "-l"), as_user(lab, MEMBER, "coroctl", "-l"))
    assert (member.stdout, member.returncode, member.stderr) == (root.stdout, 0, "")
    told = status(as_user(lab, MEMBER, "coroctl", "status", "--json"))
    beside = status(lab.ask("node2", "coroctl", "status", "--json"))
    assert told["source"] == "corolistener"
    for key in ("quorate", "can_lose", "local_nodeid", "cluster_name", "transport", "configuration"):
        assert told[key] == beside[key], key
    for key in ("present", "needed", "expected", "ring_id"):
        assert told["quorum"][key] == beside["quorum"][key], key
    for key in ("nodeid", "name", "address", "status", "role", "prio", "votes", "config_version", "reason"):
        assert [node[key] for node in told["nodes"]] == [node[key] for node in beside["nodes"]], key


def test_who_is_not_in_the_group_is_told_how_to_be(lab: Lab) -> None:
    answer = as_user(lab, STRANGER, "coroctl", "-l")
    assert answer.returncode == 1
    assert "group coroctl" in answer.stderr
    assert as_user(lab, STRANGER, "coroctl", "events").stderr == (
        "coroctl: corolistener answers root and members of group coroctl only\n"
    )


def test_only_the_admins_group_may_change(lab: Lab) -> None:
    probe = "import socket; socket.socket(socket.AF_UNIX).connect('/run/corolistener/control.sock')"
    assert "PermissionError" in as_user(lab, MEMBER, PYTHON, "-c", probe).stderr


def test_a_frozen_daemon_hangs_nobody(lab: Lab) -> None:
    lab.freeze("node3", "corolistener")
    try:
        for words in (("coroctl", "-l"), ("coroctl", "status")):
            begin = time.monotonic()
            answer = lab.ask("node3", *words)
            assert time.monotonic() - begin < 2
            assert answer.returncode == 0
            assert "corolistener does not answer" in answer.stdout + answer.stderr
        seen = lab.listing("node3")
        assert seen is not None
        assert set(seen.role.values()) == {"-"}
        # The others do not hear it any more, and know no role of it.
        until(lambda: (other := lab.listing("node2")) is not None and other.role[3] == "-", 10, "node3 without a role")
    finally:
        lab.thaw("node3", "corolistener")


def test_without_corosync_the_roles_are_still_known(lab: Lab) -> None:
    lab.tell("node3", "systemctl", "stop", "corosync")
    answer = lab.ask("node3", "coroctl", "-l")
    assert answer.returncode == 3
    assert [line.split()[2:4] for line in answer.stdout.splitlines()[2:4]] == [["unknown", "M"], ["unknown", "S"]]


def test_events_are_those_of_the_log(lab: Lab) -> None:
    lines = lab.tell("node1", "coroctl", "events", "-n", "5").splitlines()
    log = lab.tell("node1", "cat", "/var/log/corolistener.log").splitlines()
    assert len(lines) == 5
    assert set(lines) <= set(log)
    told = [json.loads(line) for line in lab.tell("node1", "coroctl", "events", "--json", "--since", "0").splitlines()]
    assert "master" in {event["event"] for event in told}


HOSTS = """
import json, select, time
from coroctl.client import Client
client = Client()
hosts = {node: client.host(node) for node in (1, 2, 3)}
print(json.dumps(hosts))
with client.watch() as stream:
    end, loads = time.monotonic() + 20, {}
    while len(loads) < 3:
        assert time.monotonic() < end, loads
        select.select([stream], [], [], 1.0)
        for told in stream.take():
            loads = {node["nodeid"]: node["load"] for node in told["nodes"] if node["load"]}
print(json.dumps(loads))
"""


def test_the_machines_of_other_nodes(lab: Lab) -> None:
    hosts, loads = map(json.loads, as_user(lab, MEMBER, PYTHON, "-c", HOSTS).stdout.splitlines())
    assert set(hosts) == set(loads) == {"1", "2", "3"}
    for host in hosts.values():
        assert 0 < host["memory_used"] < host["memory_total"]
        states = {one["unit"]: one["state"] for one in host["services"]}
        assert states["corolistener.service"] == states["corosync.service"] == "active", host
        assert [one["device"] for one in host["traffic"]], host
        assert host["disks"][0]["folder"] == "/"
    until(lambda: not any("coroctl.reading" in lab.tell(name, "ps", "ax") for name in lab.names), 20, "nobody looks")


def test_logs_of_other_nodes(lab: Lab) -> None:
    own = {name: lab.tell(name, "tail", "-n", "3", "/var/log/corolistener.log").splitlines() for name in lab.names}
    assert as_user(lab, MEMBER, "coroctl", "log", "--node", "node1", "-n", "3").stdout.splitlines() == own["node1"]
    assert lab.ask("node2", "coroctl", "log", "corosync", "--node", "3", "--grep", "TOTEM").stdout
    merged = lab.ask("node2", "coroctl", "log", "--all-nodes", "-n", "9")
    assert (merged.returncode, merged.stderr) == (0, "")
    told = [line.split(" | ") for line in merged.stdout.splitlines()]
    assert len(told) == 9
    assert [line for _, line in told] == sorted((line for _, line in told), key=lambda line: line.split()[0])
    for name in lab.names:
        lines = [line for label, line in told if label == name]
        assert lines == lab.tell(name, "cat", "/var/log/corolistener.log").splitlines()[-len(lines) :] or not lines


def test_a_node_that_does_not_tell_its_log_holds_nobody_up(lab: Lab) -> None:
    lab.tell("node3", "systemctl", "stop", "corolistener")
    begin = time.monotonic()
    answer = lab.ask("node2", "coroctl", "log", "--all-nodes", "--grep", "granted|master")
    assert time.monotonic() - begin < 8
    assert answer.returncode == 1
    assert answer.stderr.startswith("coroctl: node3 does not tell its log: ")
    assert answer.stdout
    assert {line.split()[0] for line in answer.stdout.splitlines()} == {"node1", "node2"}


def test_following_the_logs_of_all_nodes_through_a_restart(lab: Lab) -> None:
    words = ("timeout", "60", "coroctl", "log", "-f", "--all-nodes", "-n", "20")
    command = [*node.enter(lab.plan, lab.plan.node("node2")), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        # Each line of node3's; before the first one has come its log may not have been asked for.
        lines = (line for line in iter(following.stdout.readline, "") if line.startswith("node3"))
        assert next(lines)
        known = lab.tell("node3", "cat", "/var/log/corolistener.log")
        lab.tell("node3", "systemctl", "restart", "corolistener")
        assert any(" incarnation " in line and line.removeprefix("node3").strip() not in known for line in lines)
        following.kill()


def test_the_console_lives_through_the_daemons_freeze_and_end(lab: Lab) -> None:
    answer = lab.ask("node3", PYTHON, "-c", WATCH + FREEZE_AND_KILL, timeout_s=100)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.splitlines() == ["source corosync", "links 1"]


def test_the_console_of_a_member_of_the_group(lab: Lab) -> None:
    answer = as_user(lab, MEMBER, PYTHON, "-c", WATCH)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.splitlines() == ["source corolistener"]
