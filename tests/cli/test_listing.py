"""The node list: its columns to the letter, and what it says when corosync does not."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from coroctl.cli.listing import exit_code, lines
from coroctl.lab.conditions import read_listing
from coroctl.model import Availability, Node, NodeId, NodeStatus, Role, Snapshot, Source

if TYPE_CHECKING:
    from coroctl.lab.handle import Lab


def snapshot(*nodes: Node, availability: Availability = Availability.ANSWERED, quorate: bool | None = True) -> Snapshot:
    return Snapshot(Source.COROSYNC, availability, "VMmanager", nodes, quorate)


SEVEN = Node(NodeId(7), "n7", "10.0.0.7", NodeStatus.JOINED, Role.MASTER, 100)
NINE = Node(NodeId(9), "n9", "10.0.0.9", NodeStatus.JOINED, Role.SLAVE, 40)
THIRTEEN = Node(NodeId(13), "n13", "10.0.0.13", NodeStatus.LEFT, None, 10)


def test_columns_of_the_original() -> None:
    assert lines(snapshot(SEVEN, NINE, THIRTEEN)) == [
        " VMmanager-cloud node list",
        "         Id               Ip    Status  Master/Slave  Priority",
        "          7         10.0.0.7    joined             M       100",
        "          9         10.0.0.9    joined             S        40",
        "         13        10.0.0.13      left             -        10",
    ]


@pytest.mark.parametrize(
    "address", ["fd00:1234:5678:9abc:def0:1234:5678:9abc", "a-host-name-that-somebody-wrote.example", "10.100.200.250"]
)
def test_a_long_address_stays_apart_and_the_row_readable(address: str) -> None:
    row = lines(snapshot(SEVEN._replace(address=address, nodeid=NodeId(4294967295))))[2]
    assert row.split() == ["4294967295", address, "joined", "M", "100"]


def test_a_long_address_moves_the_rest_no_further_than_it_must() -> None:
    plain, moved = lines(snapshot(SEVEN, NINE._replace(address="1234567890.1234567890")))[2:]
    assert len(moved) == len(plain)
    assert moved.endswith("        40")


def test_what_is_not_known_is_a_dash_and_not_a_gap() -> None:
    bare = Node(NodeId(2), "", "", NodeStatus.ABSENT)
    assert lines(snapshot(bare))[2].split() == ["2", "-", "absent", "-", "-"]


def test_nothing_from_outside_reaches_the_terminal_raw() -> None:
    evil = snapshot(SEVEN._replace(address="\x1b[2J"))._replace(cluster_name="a\u202eb\x07")
    assert not any(letter in "\n".join(lines(evil)) for letter in "\x1b\u202e\x07")


def test_suspended_is_written_out() -> None:
    assert lines(snapshot(NINE._replace(role=Role.SUSPENDED)))[2].split()[3] == "suspended"


@pytest.mark.parametrize(
    ("availability", "quorate", "code"),
    [
        (Availability.ANSWERED, True, 0),
        (Availability.ANSWERED, False, 2),
        (Availability.SILENT, None, 1),
        (Availability.DENIED, None, 1),
        (Availability.UNUSABLE, None, 1),
        (Availability.DOWN, None, 3),
    ],
)
def test_exit_codes(availability: Availability, quorate: bool | None, code: int) -> None:
    assert exit_code(snapshot(availability=availability, quorate=quorate)) == code


def test_the_lab_reads_what_we_print() -> None:
    seen = read_listing(0, "\n".join(lines(snapshot(SEVEN, THIRTEEN))))
    assert seen.status == {7: "joined", 13: "left"}
    assert seen.role == {7: "M", 13: "-"}


class TestOnACluster:
    pytestmark = pytest.mark.lab

    def rows(self, lab: Lab, name: str) -> tuple[int, dict[str, str], str]:
        """Exit code, address -> (status, prio), stderr of `coroctl -l` on a node."""
        answer = lab.ask(name, "coroctl", "-l")
        split = [line.split() for line in answer.stdout.splitlines()[2:]]
        return answer.returncode, {row[1]: f"{row[2]} {row[4]}" for row in split}, answer.stderr

    def addresses(self, lab: Lab) -> list[str]:
        return [node.addresses[0] for node in lab.plan.nodes]

    def test_three_joined(self, three_nodes: Lab) -> None:
        code, rows, errors = self.rows(three_nodes, "node1")
        one, two, three = self.addresses(three_nodes)
        assert rows == {one: "joined 100", two: "joined 40", three: "joined 10"}
        assert (code, errors) == (0, "")

    def test_one_left_then_two(self, three_nodes: Lab) -> None:
        one, two, three = self.addresses(three_nodes)
        three_nodes.kill("node3")
        three_nodes.wait("node3=left")
        code, rows, _ = self.rows(three_nodes, "node1")
        assert (code, rows) == (0, {one: "joined 100", two: "joined 40", three: "left 10"})
        three_nodes.kill("node2")
        three_nodes.wait("node2=left@node1")
        code, rows, _ = self.rows(three_nodes, "node1")
        assert (code, rows) == (2, {one: "joined 100", two: "left 40", three: "left 10"})

    def test_never_seen_is_absent(self, three_nodes: Lab) -> None:
        three_nodes.kill("node3")
        three_nodes.wait("node3=left")
        for name in ("node1", "node2"):
            three_nodes.tell(name, "systemctl", "stop", "corosync")
        for name in ("node1", "node2"):
            three_nodes.tell(name, "systemctl", "start", "corosync")
        three_nodes.wait("node2=joined@node1", "quorate@node1")
        assert self.rows(three_nodes, "node1")[1][self.addresses(three_nodes)[2]] == "absent 10"

    def test_frozen_within_two_seconds(self, three_nodes: Lab) -> None:
        three_nodes.freeze("node1", "corosync")
        begin = time.monotonic()
        code, rows, errors = self.rows(three_nodes, "node1")
        assert time.monotonic() - begin < 2
        assert code == 1
        assert list(rows.values()) == ["unknown 100", "unknown 40", "unknown 10"]
        assert "does not answer" in errors

    def test_frozen_in_the_middle_of_the_answer(self, three_nodes: Lab) -> None:
        """A connection made before the freeze blocks in a later call, not in the first one."""
        probe = (
            "import os, signal, subprocess, coroctl.sources.native as native\n"
            "from coroctl.cli.main import main\n"
            "pid = int(subprocess.check_output(['pidof', 'corosync']))\n"
            "real = native.Quorum.initialize\n"
            "def freeze_first():\n"
            "    os.kill(pid, signal.SIGSTOP)\n"
            "    return real()\n"
            "native.Quorum.initialize = freeze_first\n"
            "raise SystemExit(main(['-l']))\n"
        )
        begin = time.monotonic()
        answer = three_nodes.ask("node1", sys.executable, "-c", probe)
        assert time.monotonic() - begin < 2
        assert answer.returncode == 1
        assert "does not answer" in answer.stderr

    def test_down(self, three_nodes: Lab) -> None:
        three_nodes.tell("node1", "systemctl", "stop", "corosync")
        code, rows, errors = self.rows(three_nodes, "node1")
        assert code == 3
        assert list(rows.values()) == ["unknown 100", "unknown 40", "unknown 10"]
        assert "not running" in errors

    def test_down_and_no_file(self, three_nodes: Lab) -> None:
        three_nodes.tell("node1", "systemctl", "stop", "corosync")
        three_nodes.tell("node1", "mv", "/etc/corosync/corosync.conf", "/etc/corosync/kept")
        try:
            code, rows, errors = self.rows(three_nodes, "node1")
        finally:
            three_nodes.tell("node1", "mv", "/etc/corosync/kept", "/etc/corosync/corosync.conf")
        assert (code, rows) == (3, {})
        assert "corosync.conf: there is no such file" in errors

    def test_without_the_right_to_ask(self, three_nodes: Lab) -> None:
        # Imports first: this Python may live where only root can read.
        probe = (
            "import os, coroctl.cli.listing, coroctl.sources.native, coroctl.sources.once\n"
            "import json, socket, coroctl.client, coroctl.conf.cluster, coroctl.conf.files\n"
            "from coroctl.cli.main import main\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "raise SystemExit(main(['-l']))\n"
        )
        answer = three_nodes.ask("node1", sys.executable, "-c", probe)
        assert answer.returncode == 1
        assert "sudo" in answer.stderr
        assert [line.split()[2] for line in answer.stdout.splitlines()[2:]] == ["unknown"] * 3

    def test_corolistener_lists_the_same(self, three_nodes: Lab) -> None:
        assert three_nodes.tell("node1", "corolistener", "-l") == three_nodes.tell("node1", "coroctl", "-l")
        refused = three_nodes.ask("node1", "corolistener")
        assert (refused.returncode, "coroctl keygen" in refused.stderr) == (os.EX_CONFIG, True)
