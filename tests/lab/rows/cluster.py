"""A lab whose nodes run corolistener, and the checker beside it: what the tests of the rows share."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

from coroctl.errors import LabError
from coroctl.lab import network, node
from coroctl.lab.checker import histories
from coroctl.lab.checker.records import Held, Manager
from coroctl.lab.run import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from coroctl.lab.checker.checker import Checker
    from coroctl.lab.checker.report import Report
    from coroctl.lab.handle import Lab

SETTLED_S = 60
PORT = 1500
LEASE_S = 2.0
"""The default lease."""
LAST_S = 1.3
"""An address may outlive its lease by that much if the gate is gone as well: the kernel counts whole seconds."""
CONF = "/etc/corosync/corosync.conf"
STATE = "/var/lib/corolistener/state.json"


def put(lab: Lab, name: str, source: Path, target: str) -> None:
    """A file of the host onto a node's disk."""
    encoded = base64.b64encode(source.read_bytes()).decode()
    lab.tell(name, "sh", "-c", f"base64 -d > {target} <<'END'\n{encoded}\nEND")


def edit(lab: Lab, change: Callable[[str], str]) -> str:
    """An operator's edit by hand, on every node: the version rises by one, and corosync reads the file anew.

    What the file was before.
    """
    text = lab.tell(lab.names[0], "cat", CONF)
    version = int(text.partition("config_version:")[2].split()[0])
    edited = re.sub(r"config_version: \d+", f"config_version: {version + 1}", change(text))
    for name in lab.names:
        lab.tell(name, "sh", "-c", f"cat > {CONF}.hand <<'END'\n{edited}\nEND\nmv {CONF}.hand {CONF}")
    lab.tell(lab.names[0], "corosync-cfgtool", "-R")
    return text


class Cluster:
    """Names are the nodes' names; `finish` ends every test."""

    def __init__(self, lab: Lab, checker: Checker) -> None:
        self.lab = lab
        self.checker = checker
        self.ip = lab.plan.cloud_ip

    # What it is

    def on(self) -> tuple[str, ...]:
        return tuple(name for name in self.lab.names if self.lab.is_on(name))

    def nodeid(self, name: str) -> int:
        return self.lab.plan.node(name).nodeid

    def role(self, name: str, *, seen_from: str | None = None) -> str:
        """The M/S column of `coroctl -l` on the node (or on another one)."""
        seen = self.lab.listing(seen_from or name)
        return seen.role.get(self.nodeid(name), "") if seen else ""

    def priorities(self) -> dict[str, int]:
        """The last column of `coroctl -l`."""
        rows = self.lab.tell(self.on()[0], "coroctl", "-l").splitlines()[2:]
        by_id = {int(row.split()[0]): int(row.split()[-1]) for row in rows if row.split()}
        return {name: by_id[self.nodeid(name)] for name in self.lab.names}

    def best(self, *, without: str = "") -> str:
        """Who has the largest priority among the others."""
        held = self.priorities()
        return max((name for name in self.on() if name != without), key=lambda name: (held[name], -self.nodeid(name)))

    def wait_eligible(self, name: str) -> None:
        """Until the node's own daemon says so: nothing of an earlier fault bars it any more."""

        def eligible() -> bool:
            told = self.lab.ask(name, "coroctl", "status", "--json")
            nodes = json.loads(told.stdout)["nodes"] if told.stdout else ()
            return any(node["eligible"] for node in nodes if node["nodeid"] == self.nodeid(name))

        until(eligible, SETTLED_S, f"{name} to be eligible", every_s=0.2)

    def manager_on(self, name: str) -> bool:
        told = [one for one in self.checker.records() if isinstance(one, Manager) and one.node == name]
        return bool(told) and told[-1].processes > 0

    def has_address(self, name: str) -> bool:
        told = [one for one in self.checker.records() if isinstance(one, Held) and one.node == name]
        return bool(told) and told[-1].present

    def main_pid(self, name: str, service: str) -> int:
        return int(self.lab.tell(name, "systemctl", "show", "--property=MainPID", "--value", service))

    # What becomes of it

    def settle(self, timeout_s: float = SETTLED_S) -> str:
        """Wait until all nodes that are on agree on one master, who alone answers and runs the manager; its name."""
        return until(self._settled, timeout_s, f"lab {self.lab.plan.name} to have one master", every_s=0.1)

    def _settled(self) -> str | None:
        answering = self.checker.answering()
        if len(answering) != 1:
            return None
        (master,) = answering
        if not self.manager_on(master):
            return None
        masters = {self.nodeid(master): "M"}
        for name in self.on():
            seen = self.lab.listing(name)
            if seen is None or {node: role for node, role in seen.role.items() if role == "M"} != masters:
                return None
        return master

    def make_whole(self) -> str:
        """End every fault, start what has ended, and wait for a master of a cluster with all nodes; its name."""
        for name in self.on():
            self.lab.ask(name, "systemctl", "reset-failed")
        self.lab.make_whole()
        for name in self.lab.names:
            self.lab.tell(name, "systemctl", "start", "corolistener")
        return self.settle()

    def wait_holder(self, timeout_s: float = 30) -> str:
        """Wait until one node answers and runs the manager, whatever the others think of it; its name."""

        def holder() -> str | None:
            answering = self.checker.answering()
            return next((name for name in answering if len(answering) == 1 and self.manager_on(name)), None)

        return until(holder, timeout_s, "one node to hold the address and run the manager")

    def wait_master(self, timeout_s: float = 30) -> str:
        """Wait until all nodes that are on name the same master, whoever answers; its name."""

        def agreed() -> str | None:
            seen = [self.lab.listing(name) for name in self.on()]
            named = {node for each in seen if each for node, role in each.role.items() if role == "M"}
            masters = [name for name in self.lab.names if named == {self.nodeid(name)}]
            return masters[0] if masters and None not in seen else None

        return until(agreed, timeout_s, "the nodes to agree on a master", every_s=0.1)

    def reboot(self, name: str) -> None:
        """A clean one, from the beginning to the end of it."""
        before = self.lab.init_pid(name)
        self.lab.tell(name, "systemctl", "--no-block", "reboot")
        until(lambda: self.lab.init_pid(name) not in (None, before), 60, f"{name} to come back")
        node.wait_booted(self.lab.plan, self.lab.plan.node(name))
        self.checker.prove(f"{name} was rebooted (its first process was {before}, is {self.lab.init_pid(name)})")

    def forget_failures(self) -> None:
        """New lives of the slaves' daemons: none of them waits any more because its last promotion failed."""
        for name in self.on():
            if not self.has_address(name):
                self.lab.tell(name, "systemctl", "restart", "corolistener", timeout_s=60)

    def wait_role(self, name: str, role: str, timeout_s: float = 30) -> None:
        until(lambda: self.role(name) == role, timeout_s, f"{name} to be {role}", every_s=0.1)

    def wait_manager(self, name: str, *, running: bool, timeout_s: float = 30) -> None:
        what = f"the manager to {'run' if running else 'end'} on {name}"
        until(lambda: self.manager_on(name) is running, timeout_s, what)

    # What the nodes wrote

    def log(self, name: str) -> list[str]:
        """corolistener's log, from the node's disk."""
        path = self.lab.plan.node_folder(self.lab.plan.node(name)) / "upper/var/log/corolistener.log"
        return path.read_text(errors="replace").splitlines() if path.exists() else []

    def marks(self) -> dict[str, int]:
        """How long each log is now."""
        return {name: len(self.log(name)) for name in self.lab.names}

    def lines(self, name: str, event: str, *words: str, since: dict[str, int] | None = None) -> list[str]:
        """Lines of that event that have all the words."""
        found = self.log(name)[(since or {}).get(name, 0) :]
        return [line for line in found if line.split()[4:5] == [event] and all(word in line for word in words)]

    def wait_line(
        self, name: str, event: str, *words: str, since: dict[str, int] | None = None, timeout_s: float = 20
    ) -> str:
        """The first such line."""
        what = " ".join((event, *words))
        return until(
            lambda: next(iter(self.lines(name, event, *words, since=since)), None), timeout_s, f"{what} on {name}"
        )

    def leases(self) -> int:
        """How many leases all logs tell of."""
        return len(self.checker.terms())

    # What is done to it

    def unplug(self, name: str, network_number: int) -> None:
        """One of the node's links loses carrier."""
        port = self.lab.plan.ports(self.lab.plan.node(name))[network_number]
        network.unplug(self.lab.plan, (port,))

    def shell(self, name: str, script: str) -> str:
        return self.lab.tell(name, "sh", "-c", script)

    def edit(self, change: Callable[[str], str]) -> str:
        """See `edit`."""
        return edit(self.lab, change)

    def unreachable(self, one: str, other: str) -> None:
        """Proof of a cut: LabError if a frame still passes from one to the other and back."""
        address = self.lab.plan.node(other).addresses[0]
        if self.lab.ask(one, "ping", "-c", "2", "-i", "0.1", "-W", "0.5", address).returncode == 0:
            raise LabError(f"{one} was to be cut off from {other}, and gets answers from it")
        self.checker.prove(f"{one} gets no answer from {other}")

    # What must be true at the end

    def finish_without_proof(self, *, silence_ms: float, answered: tuple[str, ...]) -> None:
        """As `finish`, where the proof comes after what it would disturb."""
        report = self.checker.report()
        assert report.violations == ()
        assert report.silence_ms <= silence_ms + (report.late_us + report.period_us) / 1e3
        assert report.answered == answered

    def finish(self, *, silence_ms: float | None = None, answered: tuple[str, ...] | None = None) -> Report:
        """Print what was seen; fail on a broken promise, on too long a silence, or without proof of the fault."""
        report = self.checker.report()
        print(report)
        assert report.violations == ()
        assert report.overlap_us == 0
        assert report.proofs, "nothing proves that the fault bit"
        if silence_ms is not None:
            known_to = (report.late_us + report.period_us) / 1e3
            assert report.silence_ms <= silence_ms + known_to, f"silent for {report.longest}, bound {silence_ms:g} ms"
        if answered is not None:
            assert report.answered == answered
        return report

    def order_of(self, report: Report, ended: str, began: str) -> None:
        """P1b from one side of a cut to the other: the manager had ended there before it began here."""
        ran = histories.managers(self.checker.records(), report.window.end_us)
        last = max(one.end_us for one in ran[ended])
        first = min(one.start_us for one in ran[began] if one.end_us > report.window.start_us)
        print(f"the manager had ended on {ended} {(first - last) / 1e3:.0f} ms before it began on {began}")
        assert last < first
