"""A lab from its beginning to its end: what it gives, and that nothing of it stays."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from coroctl.errors import ConfigError, LabError
from coroctl.lab import installation
from coroctl.lab.lab import Wanted, down, gc, plans, up
from coroctl.lab.run import until
from tests.residue import residue

if TYPE_CHECKING:
    from coroctl.lab.fixtures import MakeLab
    from coroctl.lab.handle import Lab

pytestmark = pytest.mark.lab

COROCTL = (sys.executable, "-m", "coroctl")


def coroctl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COROCTL, *words], capture_output=True, text=True, check=False, timeout=110)


@pytest.fixture
def clean() -> dict[str, set[str]]:
    """What is on this machine before the test's own lab; its installation is there, which the first lab has to make."""
    installation.layers()
    return residue()


def assert_nothing_new(before: dict[str, set[str]]) -> None:
    until(lambda: _new(before) == {}, 10, "the kernel to let go of what the lab had")


def _new(before: dict[str, set[str]]) -> dict[str, set[str]]:
    return {kind: new for kind, now in residue().items() if (new := now - before[kind])}


def test_the_commands_as_a_person_types_them(clean: dict[str, set[str]]) -> None:
    name = ("--name", "typed")
    assert coroctl("lab", "up", *name, "--token", "1000").returncode == 0
    assert _new(clean).keys() >= {"processes", "network namespaces", "mounts", "interfaces", "control groups"}

    quorum = coroctl("lab", "exec", *name, "node1", "--", "corosync-quorumtool", "-s")
    assert quorum.returncode == 0
    assert "Nodes:            3" in quorum.stdout

    assert coroctl("lab", "kill", *name, "node3").returncode == 0
    assert coroctl("lab", "wait", *name, "node3=left").returncode == 0
    assert coroctl("lab", "start", *name, "node3").returncode == 0
    assert coroctl("lab", "wait", *name, "node3=joined").returncode == 0
    assert coroctl("lab", "exec", *name, "node2", "--", "sh", "-c", "exit 7").returncode == 7

    again = coroctl("lab", "up", *name)
    assert again.returncode == 1
    assert "is up already" in again.stderr

    assert coroctl("lab", "down", *name).returncode == 0
    assert_nothing_new(clean)


def test_status_names_what_can_be_touched_from_outside(three_nodes: Lab) -> None:
    three_nodes.kill("node3")
    answer = coroctl("lab", "status", "--name", three_nodes.plan.name, "--json")
    status = json.loads(answer.stdout)
    assert list(status) == ["name", "cloud_ip", "networks", "nodes"]
    [network] = status["networks"]
    assert (Path("/sys/class/net") / network["bridge"] / "bridge").is_dir()
    assert status["cloud_ip"].rpartition(".")[0] == network["subnet"].rpartition(".")[0]
    one, _, three = status["nodes"]
    assert (one["name"], one["nodeid"], one["state"]) == ("node1", 1, "running")
    assert (three["pid"], three["state"]) == (None, "off")
    assert Path(f"/proc/{one['pid']}/comm").read_text() == "systemd\n"
    assert one["addresses"][0] in three_nodes.tell("node1", "ip", "-4", "address", "show", "eth0")


def test_two_labs_do_not_see_each_other(make_lab: MakeLab, three_nodes: Lab) -> None:
    other = make_lab(Wanted(nodes=2))
    assert {network.subnet for network in other.plan.networks}.isdisjoint(
        network.subnet for network in three_nodes.plan.networks
    )
    assert "Nodes:            2" in other.tell("node1", "corosync-quorumtool", "-s")
    assert "Nodes:            3" in three_nodes.tell("node1", "corosync-quorumtool", "-s")
    foreign = three_nodes.plan.nodes[0].addresses[0]
    other.tell("node1", "ip", "route", "add", foreign, "dev", "eth0")
    assert other.ask("node1", "ping", "-c", "1", "-W", "1", foreign).returncode == 1


@pytest.mark.parametrize("transport", ["udp", "udpu"])
def test_other_transports_form(make_lab: MakeLab, transport: str) -> None:
    lab = make_lab(Wanted(nodes=2, transport=transport))
    assert f"transport {transport}\n" in lab.tell("node1", "corosync-cfgtool", "-s")


def test_two_networks_are_two_links(make_lab: MakeLab) -> None:
    lab = make_lab(Wanted(nodes=2, networks=2))
    links = lab.tell("node1", "corosync-cfgtool", "-s")
    for address in lab.plan.nodes[0].addresses:
        assert address in links


CONF = """\
# a file from somewhere else
totem {
  version: 2
  cluster_name: borrowed
  token: 1100
  transport: knet
}
quorum {
  provider: corosync_votequorum
}
nodelist {
  node {
    ring0_addr: 192.0.2.7
    name: seven
    nodeid: 7
    prio: 5
  }
  node {
    ring0_addr: 192.0.2.9
    nodeid: 9
  }
}
"""


def test_a_file_is_taken_with_this_labs_addresses(make_lab: MakeLab, tmp_path: Path) -> None:
    file = tmp_path / "corosync.conf"
    file.write_text(CONF)
    lab = make_lab(Wanted(conf=file))
    assert [(node.name, node.nodeid) for node in lab.plan.nodes] == [("seven", 7), ("node2", 9)]
    kept = lab.tell("seven", "cat", "/etc/corosync/corosync.conf")
    first, second = (node.addresses[0] for node in lab.plan.nodes)
    assert "# a file from somewhere else\n" in kept
    assert first in kept
    assert second in kept
    assert "192.0.2" not in kept
    assert " borrowed-cloud node list" in lab.tell("node2", "coroctl", "-l")


@pytest.mark.parametrize(
    ("text", "reason"), [("totem {\n", "totem"), ("totem {\n}\n", "no node"), (None, "no such file")]
)
def test_a_bad_file_is_refused_and_leaves_nothing(
    clean: dict[str, set[str]], tmp_path: Path, text: str | None, reason: str
) -> None:
    file = tmp_path / "corosync.conf"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=reason) as caught:
        up(Wanted(name="bad", conf=file))
    assert str(file) in str(caught.value)
    assert _new(clean) == {}


@pytest.mark.parametrize("name", ["", "-x", "a/b", "UP", "a" * 21, "é"])
def test_a_bad_name_is_refused_and_leaves_nothing(clean: dict[str, set[str]], name: str) -> None:
    with pytest.raises(LabError, match="cannot name a lab"):
        up(Wanted(name=name))
    assert _new(clean) == {}


def test_a_lab_that_does_not_form_says_so_and_is_gone(clean: dict[str, set[str]], tmp_path: Path) -> None:
    file = tmp_path / "corosync.conf"
    file.write_text(CONF.replace("token: 1100", "token: nonsense"))
    with pytest.raises(LabError, match="in vain"):
        up(Wanted(name="never", conf=file), timeout_s=1)
    assert_nothing_new(clean)


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_while_coming_up(clean: dict[str, set[str]], signal_: signal.Signals) -> None:
    process = subprocess.Popen([*COROCTL, "lab", "up", "--name", "cut-short"], stderr=subprocess.PIPE)
    try:
        until(lambda: kept("cut-short"), 60, "the first machine")
        process.send_signal(signal_)
        process.communicate(timeout=30)
        assert process.returncode == (130 if signal_ is signal.SIGINT else 128 + signal_)
        assert_nothing_new(clean)
    finally:
        process.kill()
        process.communicate()
        coroctl("lab", "down", "--name", "cut-short")


def kept(lab: str) -> bool:
    """Whether a machine of that lab has its keeper."""
    words = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return any("coroctl.lab.keeper" in line and lab in line for line in words)


INNER = textwrap.dedent("""
    import os, signal
    from coroctl.lab.lab import Wanted
    pytest_plugins = ["coroctl.lab.fixtures"]
    def test_that_does_not_end_well(make_lab):
        lab = make_lab(Wanted(nodes=1))
        lab.kill("node1")
        lab.start("node1")
        {end}
""")


def run_inner(tmp_path: Path, end: str) -> int:
    (tmp_path / "test_inner.py").write_text(INNER.format(end=end))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=100).returncode


def test_a_failed_test_leaves_nothing(clean: dict[str, set[str]], tmp_path: Path) -> None:
    assert run_inner(tmp_path, "assert not lab") == pytest.ExitCode.TESTS_FAILED
    assert_nothing_new(clean)


def test_ctrl_c_in_a_test_leaves_nothing(clean: dict[str, set[str]], tmp_path: Path) -> None:
    assert run_inner(tmp_path, "os.kill(os.getpid(), signal.SIGINT)") == pytest.ExitCode.INTERRUPTED
    assert_nothing_new(clean)


def test_gc_removes_what_a_killed_run_left(clean: dict[str, set[str]], tmp_path: Path, three_nodes: Lab) -> None:
    before = residue()
    assert run_inner(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)") == -signal.SIGKILL
    [orphan] = [plan for plan in plans() if plan.owner and plan.name != three_nodes.plan.name]
    assert _new(before) != {}
    assert f"lab {orphan.name}" in gc()
    assert_nothing_new(before)
    assert three_nodes.is_on("node1")


def test_gc_removes_the_pieces_of_a_lab_without_books(clean: dict[str, set[str]]) -> None:
    plan = up(Wanted(name="bookless", nodes=1, token_ms=1000))
    (plan.folder / "lab.json").unlink()
    removed = "\n".join(gc())
    for kind in ("process", "interface clab", "folder"):
        assert kind in removed
    assert_nothing_new(clean)


def test_down_of_nothing_is_no_error() -> None:
    assert down("nothing") is False
    assert coroctl("lab", "down", "--name", "nothing").returncode == 0


@pytest.mark.slow
def test_sixteen_nodes(make_lab: MakeLab) -> None:
    lab = make_lab(Wanted(nodes=16))
    seen = lab.listing("node16")
    assert seen is not None
    assert list(seen.status.values()) == ["joined"] * 16
