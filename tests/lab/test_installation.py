"""What `make install` puts on a machine. The nodes of every lab have it; here it is looked at, broken and removed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from coroctl.errors import LabError
from coroctl.lab import installation, lab, node
from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted
from coroctl.lab.processes import this_process
from coroctl.lab.run import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.lab.fixtures import MakeLab

pytestmark = pytest.mark.lab

TOP = Path(__file__).parents[2]
DAEMON, GUARD, MANAGER = "corolistener.service", "corolistener-guard.service", "vmmgr.service"
FETCH = "corolistener-fetch.service"
LEAVING = "corolistener-leaving.service"
MOST_EXPOSED = 4.0
GUARD_MS = 100
"""After the lease's end, by the daemon's own rule."""
SLACK_MS = 200


class Served(NamedTuple):
    """The node that is master, with its manager running."""

    lab: Lab
    name: str

    def ask(self, *command: str) -> str:
        return self.lab.ask(self.name, *command).stdout

    def tell(self, *command: str, timeout_s: float = 30) -> str:
        return self.lab.tell(self.name, *command, timeout_s=timeout_s)

    def show(self, unit: str, name: str) -> str:
        return self.tell("systemctl", "show", "-P", name, unit).strip()

    def pid(self, unit: str) -> str:
        """Its main process; empty while there is none."""
        return self.show(unit, "MainPID").removeprefix("0")

    def journal(self, unit: str) -> str:
        return self.tell("journalctl", "-u", unit, "-o", "cat", "--no-pager", "-q")

    def has_address(self) -> bool:
        return f" {self.lab.plan.cloud_ip}/32 " in self.tell("ip", "-4", "address")

    def install(self, verb: str, *values: str) -> str:
        """scripts/install, on the node."""
        return self.tell("env", *values, str(TOP / "scripts/install"), verb, timeout_s=120)

    def leftovers(self) -> set[str]:
        """Everything on the node that is called like us, but the lab's own."""
        words = "-xdev ( -iname *corolistener* -o -iname *coroctl* ) -not -path *coroctl-lab*"
        found = self.ask("find", "/etc", "/opt", "/run", "/usr/local", "/var", *words.split()).split()
        return {path for path in found if not any(path.startswith(f"{other}/") for other in found)}


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Lab]:
    """Neither can do without the other, so that the first is master again whatever happened to it."""
    name = f"i{os.getpid()}"
    wanted = Wanted(name=name, nodes=2, token_ms=1000, listener=True)
    yield Lab(lab.up(wanted, owner=this_process()))
    lab.down(name)


@pytest.fixture
def master(two_nodes: Lab) -> Served:
    """Whoever it is now."""
    for name in two_nodes.names:
        two_nodes.tell(name, "systemctl", "start", DAEMON)
    return until(lambda: serving(two_nodes), 60, "a manager that answers on the cluster address")


def serving(of: Lab) -> Served | None:
    get = f"import urllib.request as u; print(u.urlopen('http://{of.plan.cloud_ip}:1500', timeout=1).read().decode())"
    name = of.ask(of.names[0], "python3", "-c", get).stdout.strip()
    return Served(of, name) if name else None


def test_the_units_are_sound_and_confined(two_nodes: Lab) -> None:
    [name, *_] = two_nodes.names
    verified = two_nodes.ask(name, "systemd-analyze", "verify", DAEMON, GUARD, FETCH, LEAVING, "corosync.service")
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    assert two_nodes.tell(name, "systemctl", "show", "-P", "Restart", "corosync") == "on-failure\n"
    assert FETCH in two_nodes.tell(name, "systemctl", "show", "-P", "After", "corosync").split()
    for unit in (DAEMON, GUARD, FETCH, LEAVING):
        line = two_nodes.tell(name, "systemd-analyze", "security", "--no-pager", unit).splitlines()[-1]
        found = re.search(r"exposure level for \S+: ([\d.]+)", line)
        assert found is not None, line
        print(line)
        assert float(found[1]) <= MOST_EXPOSED


def test_an_ordinary_lab_has_it_and_runs_nothing_of_it(make_lab: MakeLab) -> None:
    plain = make_lab(Wanted(nodes=1))
    for unit in (DAEMON, GUARD):
        assert plain.ask("node1", "systemctl", "is-active", unit).stdout == "inactive\n"
    assert plain.ask("node1", "systemctl", "is-enabled", DAEMON).stdout == "disabled\n"
    assert plain.tell("node1", "systemctl", "show", "-P", "Restart", "corosync") == "no\n"
    assert plain.tell("node1", "head", "-1", "/usr/local/bin/coroctl") == f"#!{installation.PYTHON} -I\n"
    refused = plain.ask("node1", "systemctl", "start", DAEMON)
    assert refused.returncode == 1
    assert "coroctl keygen" in plain.tell("node1", "journalctl", "-u", DAEMON, "-o", "cat", "-q")


@pytest.mark.parametrize("wanted", [Wanted(lease_ms=500), Wanted(listener=True, heartbeat_ms=50, conf=Path("x"))])
def test_timing_that_would_be_without_effect_is_refused(wanted: Wanted) -> None:
    with pytest.raises(LabError, match="default file with corolistener"):
        lab.up(wanted)


def test_a_second_lab_makes_nothing_anew(two_nodes: Lab) -> None:
    before = {path: path.stat().st_ino for path in installation.layers()}
    assert before
    assert {path: path.stat().st_ino for path in installation.layers()} == before


def test_killed_within_its_lease_the_daemon_goes_on_as_master(master: Served) -> None:
    manager, daemon, guard_said = master.pid(MANAGER), master.pid(DAEMON), master.journal(GUARD)
    renewals = master.journal(DAEMON).count("renewed-after-restart")
    master.lab.kill_processes(master.name, "corolistener")
    until(lambda: master.pid(DAEMON) not in {daemon, ""}, 10, "systemd to restart it")
    until(lambda: master.journal(DAEMON).count("renewed-after-restart") > renewals, 10, "it to renew its lease")
    assert master.pid(MANAGER) == manager
    assert master.has_address()
    assert master.journal(GUARD) == guard_said


def test_nothing_of_a_frozen_master_outlives_its_lease(master: Served) -> None:
    manager, daemon, guard_said = master.pid(MANAGER), master.pid(DAEMON), master.journal(GUARD)
    master.lab.freeze(master.name, "corolistener")
    until(lambda: "the lease ended" in master.journal(GUARD).removeprefix(guard_said), 10, "the guard to act")
    line = master.journal(GUARD).removeprefix(guard_said)
    found = re.search(r"the lease ended (\d+) ms ago .* processes killed: 1 of corolistener.service, 1 of vmmgr", line)
    assert found is not None, line
    print(line)
    assert GUARD_MS <= int(found[1]) <= GUARD_MS + SLACK_MS
    assert master.pid(MANAGER) != manager
    until(lambda: master.pid(DAEMON) not in {daemon, ""}, 10, "systemd to restart the daemon")


def test_the_guard_is_back_at_once_and_disturbs_nobody(master: Served) -> None:
    guard, others = master.pid(GUARD), (master.pid(DAEMON), master.pid(MANAGER))
    master.tell("systemctl", "kill", "--signal=KILL", GUARD)
    until(lambda: master.pid(GUARD) not in {guard, ""}, 10, "systemd to restart the guard")
    assert (master.pid(DAEMON), master.pid(MANAGER)) == others


def test_stopped_it_leaves_no_address_no_manager_and_nobody_may_start_one(master: Served) -> None:
    master.tell("systemctl", "stop", DAEMON, timeout_s=60)
    assert not master.has_address()
    assert json.loads(master.tell("cat", "/run/corolistener/run.json"))["guard_until"] == 0
    master.tell("systemctl", "start", MANAGER)
    assert master.show(MANAGER, "ActiveState") == "inactive"


def test_taken_away_it_leaves_nothing_and_installed_offline_it_works(master: Served, tmp_path: Path) -> None:
    bring_wheels(master, tmp_path)
    offline = ("WHEELS=/root/wheels", "PYTHON=/usr/bin/python3")

    assert "PURGE=1" in master.install("uninstall")
    assert master.leftovers() == {"/etc/corolistener", "/var/lib/corolistener", "/var/log/corolistener.log"}
    assert not master.has_address()
    assert "corolistener" not in master.tell("nft", "list", "tables")
    assert master.show(DAEMON, "LoadState") == "not-found"
    master.tell("systemctl", "start", MANAGER)  # it is the administrator's again
    assert master.show(MANAGER, "ActiveState") == "active"
    master.tell("systemctl", "stop", MANAGER)

    master.install("install", *offline)
    master.tell("systemctl", "start", DAEMON)
    again = until(lambda: serving(master.lab), 60, "a manager that answers")
    before = again.pid(DAEMON)
    again.install("install", *offline)
    assert again.pid(DAEMON) not in {before, ""}

    again.install("uninstall", "PURGE=1")
    assert again.leftovers() == set()
    assert "coroctl" not in again.tell("cat", "/etc/group")
    again.install("uninstall", "PURGE=1")


def bring_wheels(master: Served, folder: Path) -> None:
    """A folder of packages, made here and unpacked on both nodes."""
    subprocess.run([TOP / "scripts/install", "wheels", folder], check=True, capture_output=True, timeout=200)
    packed = subprocess.run(["tar", "-c", "-C", folder, "."], check=True, capture_output=True).stdout
    for each in master.lab.plan.nodes:
        words = node.enter(master.lab.plan, each)
        unpack = [*words, "sh", "-c", "mkdir /root/wheels && tar -x -C /root/wheels"]
        subprocess.run(unpack, input=packed, check=True, timeout=60)
