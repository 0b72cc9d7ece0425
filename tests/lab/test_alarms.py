"""Alarms and screens on a real cluster: a cut in one direction is named, and `check` ends as a monitoring system
expects; the console shows other nodes' machines, links, logs and files.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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

VISIT = Path(__file__).parents[1] / "visit.py"
CONF = "/etc/corosync/corosync.conf"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    name = f"t{os.getpid()}-seen"
    yield Lab(labs.up(Wanted(name=name, token_ms=1000, listener=True), owner=this_process()))
    labs.down(name)


def kinds(lab: Lab, name: str) -> set[str]:
    told = json.loads(lab.ask(name, "coroctl", "status", "--json").stdout)
    return {alarm["kind"] for alarm in told["alarms"]}


def test_a_one_way_cut_is_named_by_who_sees_both_ends(lab: Lab) -> None:
    until(lambda: kinds(lab, "node1") == set(), 60, "a cluster that is well", every_s=0.5)
    well = lab.ask("node1", "coroctl", "check")
    assert (well.returncode, well.stdout[:13]) == (0, "COROCTL OK - ")

    lab.part(["node2"], ["node3"], outward=False)
    until(lambda: "cut" in kinds(lab, "node1"), 60, "the cut to be told", every_s=0.5)
    cut = lab.ask("node1", "coroctl", "check", "-v")
    assert "ONE WAY: node2 does not hear node3, which hears node2" in cut.stdout
    assert cut.returncode in {1, 2}

    lab.heal()
    until(lambda: kinds(lab, "node1") == set(), 90, "a cluster that is well again", every_s=0.5)


def visit(lab: Lab, name: str, *steps: tuple[str, str]) -> list[str]:
    """The console on a node: (keys, words to wait for), and each time the screen."""
    command = [*node.enter(lab.plan, lab.plan.node(name)), sys.executable, str(VISIT), "100", "40"]
    said = "".join(f"{keys}; {words}\n" for keys, words in steps)
    done = subprocess.run(command, input=said, capture_output=True, text=True, check=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_file_beside_the_one_that_another_node_has_loaded(lab: Lab) -> None:
    """By the node's name, or by its id; the difference ends in 1, and what cannot be compared in 2."""
    own, other = "/root/own.conf", "/root/other.conf"
    lab.tell("node1", "sh", "-c", f"cp {CONF} {own}; sed 's/token: 1000$/token: 3000/' {CONF} >{other}")

    def differs(*words: str) -> subprocess.CompletedProcess[str]:
        return lab.ask("node1", "coroctl", "conf", "diff", *words)

    assert (same := differs("node:node2", own)).returncode == 0, same.stderr
    assert same.stdout == ""
    there = differs("node:node2", other)
    assert there.returncode == 1
    assert re.search(r"^-\s+token: 1000\n\+\s+token: 3000$", there.stdout, re.MULTILINE)
    back = json.loads(differs(other, "node:3", "--json").stdout)
    assert [(one["key"], one["before"], one["after"]) for one in back["changes"]] == [("totem.token", "3000", "1000")]
    nobody = differs("node:node9", own)
    assert (nobody.returncode, nobody.stdout) == (2, "")
    assert "node9" in nobody.stderr


def test_what_is_said_of_a_node_without_power_and_of_one_without_corolistener(lab: Lab) -> None:
    lab.tell("node2", "systemctl", "stop", "corolistener")
    lab.kill("node3")
    lab.wait("node3=left")
    try:
        stopped = lab.ask("node1", "coroctl", "conf", "diff", "node:node2", CONF)
        assert (stopped.returncode, "no corolistener answers there" in stopped.stderr) == (2, True), stopped.stderr
        dead = lab.ask("node1", "coroctl", "conf", "diff", "node:node3", CONF, timeout_s=30)
        assert (dead.returncode, "it does not answer" in dead.stderr) == (2, True), dead.stderr
        log = lab.ask("node1", "coroctl", "log", "--node", "node3", timeout_s=30)
        assert "node3 does not tell its log: it does not answer" in log.stderr
        [_, seen] = visit(lab, "node1", ("", "node3"), ("G enter", "› node node3|it does not answer"))
        assert re.search(r"machine +not known now: last heard [\d a-z]+ ago; it does not answer \(10\.77\.", seen)
        for said in (dead.stderr, log.stderr, seen):
            assert "Connect call failed" not in said
            assert "Errno" not in said
    finally:
        lab.make_whole()
        lab.tell("node2", "systemctl", "start", "corolistener")


@pytest.mark.slow
def test_the_screens_of_a_real_cluster(lab: Lab) -> None:
    lab.tell("node1", "sh", "-c", f"cp -p {CONF} {CONF}.kept; echo '# by hand' >> {CONF}")
    try:
        overview, links, other, conf, difference, log = visit(
            lab,
            "node1",
            ("", "QUORATE|node3|is master"),
            ("l", "› Links|● connected|node3"),
            ("escape g down enter", "› node node2|memory"),
            ("escape c", "by hand"),
            ("tab g down d", "# by hand"),
            ("escape escape O", "› Log|corolistener"),
        )
    finally:
        lab.tell("node1", "mv", f"{CONF}.kept", CONF)
    assert overview.count("joined") == 3
    assert links.count("connected") == 2
    assert "active: corosync, corolistener" in other
    assert "another file of the same version" in conf
    assert "-# by hand" in difference
    assert "version 1, as loaded there" in difference
    assert " notice " in log
