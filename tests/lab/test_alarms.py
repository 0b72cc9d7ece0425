"""Alarms and screens on a real cluster: a cut in one direction is named, and `check` ends as a monitoring system
expects; the console shows other nodes' machines, links, logs and files.
"""

from __future__ import annotations

import json
import os
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
