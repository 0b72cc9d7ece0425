"""``status --json`` agrees, value by value, with corosync's own tools run beside it; both sources say the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.errors import CorosyncLost, LibraryMissing
from coroctl.model import Availability, Gap, Snapshot, Source
from coroctl.sources import commands, native
from coroctl.sources.once import everything
from coroctl.sources.programs import ProgramSilent
from tests.on_node import corosync_control as control

if TYPE_CHECKING:
    from collections.abc import Iterator


def output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout


@contextmanager
def stopped() -> Iterator[None]:
    """Without a corosync on this node."""
    subprocess.run(["systemctl", "stop", "corosync"], check=True)
    try:
        yield
    finally:
        control.restart()
        control.await_whole()


@pytest.fixture
def status() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(output(sys.executable, "-m", "coroctl", "status", "--json"))
    return loaded


def test_as_quorumtool(status: dict[str, Any]) -> None:
    said = output("corosync-quorumtool", "-s")
    head, _, members = said.partition("Membership information")
    pairs = dict(re.findall(r"^([A-Z][\w ]+?): +(.*?) *$", head, re.MULTILINE))
    quorum = status["quorum"]
    assert quorum["provider"] == pairs["Quorum provider"]
    assert status["local_nodeid"] == int(pairs["Node ID"])
    assert quorum["ring_id"] == pairs["Ring ID"]
    assert status["quorate"] == (pairs["Quorate"] == "Yes")
    assert quorum["expected"] == int(pairs["Expected votes"])
    assert quorum["highest_expected"] == int(pairs["Highest expected"])
    assert quorum["present"] == int(pairs["Total votes"])
    assert quorum["needed"] == int(pairs["Quorum"].split()[0])
    assert quorum["flags"] == pairs["Flags"].split()
    rows = re.findall(r"^ +(\d+) +(\d+) (\S+)", members, re.MULTILINE)
    assert rows
    joined = [node for node in status["nodes"] if node["status"] == "joined"]
    assert [(str(node["nodeid"]), str(node["votes"]), node["name"]) for node in joined] == rows
    assert len(joined) == int(pairs["Nodes"])


def test_as_cfgtool(status: dict[str, Any]) -> None:
    said = output("corosync-cfgtool", "-n")
    pattern = r"LINK: (\d+) udp \((\S+)->(\S+)\) enabled (connected )?mtu: (\d+)"
    blocks = re.split(r"^nodeid: (\d+) ", said, flags=re.MULTILINE)[1:]
    told = {int(nodeid): re.findall(pattern, block) for nodeid, block in zip(blocks[::2], blocks[1::2], strict=True)}
    assert told
    ours = {
        node["nodeid"]: [
            (
                str(link["number"]),
                link["local"],
                link["remote"],
                "connected " if link["connected"] else "",
                str(link["mtu"]),
            )
            for link in node["links"]
        ]
        for node in status["nodes"]
        if node["links"]
    }
    assert ours == told


def test_as_cmapctl(status: dict[str, Any]) -> None:
    keys = dict(re.findall(r"^(\S+) \(\w+\) = (.*)$", output("corosync-cmapctl"), re.MULTILINE))
    assert status["cluster_name"] == keys["totem.cluster_name"]
    assert status["transport"] == keys["totem.transport"]
    assert str(status["configuration"]["loaded_version"]) == keys["totem.config_version"]
    for position, node in enumerate(status["nodes"]):  # the lab writes its nodes in order of nodeid
        prefix = f"nodelist.node.{position}."
        assert str(node["nodeid"]) == keys[prefix + "nodeid"]
        assert node["name"] == keys[prefix + "name"]
        assert str(node["prio"]) == keys[prefix + "prio"]
        member = f"runtime.members.{node['nodeid']}."
        assert node["status"] == keys[member + "status"]
        assert str(node["config_version"]) == keys[member + "config_version"]
        addresses = re.findall(r"ip\((.*?)\)", keys[member + "ip"])
        assert node["addresses"] == addresses
        assert node["address"] == addresses[0]


def test_the_files_identity(status: dict[str, Any]) -> None:
    conf = status["configuration"]
    assert conf["file"] == "/etc/corosync/corosync.conf"
    assert conf["sha256"] == output("sha256sum", conf["file"]).split()[0]
    assert conf["version"] == conf["loaded_version"]


def test_counters_and_latency_of_links(status: dict[str, Any]) -> None:
    said = output("corosync-cmapctl", "-m", "stats", "stats.knet.node")
    keys = dict(re.findall(r"^(\S+) \(\w+\) = (.*)$", said, re.MULTILINE))
    links = [(node["nodeid"], link) for node in status["nodes"] for link in node["links"]]
    assert links
    for nodeid, link in links:
        prefix = f"stats.knet.node{nodeid}.link{link['number']}."
        assert str(link["ups"]) == keys[prefix + "up_count"]
        assert str(link["downs"]) == keys[prefix + "down_count"]
        # A running average moves on; it stays within what was ever seen on this link.
        assert int(keys[prefix + "latency_min"]) <= link["latency_us"] <= int(keys[prefix + "latency_max"])


def comparable(snapshot: Snapshot) -> Snapshot:
    """Without what only one of the two ways can tell, and what moves between two questions."""
    nodes = (
        node._replace(links=tuple(link._replace(local="", remote="", latency_us=None) for link in node.links))
        for node in snapshot.nodes
    )
    return snapshot._replace(source=Source.COROSYNC, nodes=tuple(nodes), pauses=None)


def test_the_tools_text_gives_the_same_snapshot() -> None:
    assert comparable(commands.ask(5)) == comparable(native.ask())


def test_without_a_library_the_tools_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a corosync whose libraries have other sonames."""

    def missing() -> Snapshot:
        raise LibraryMissing("libquorum.so.5", "libquorum5")

    monkeypatch.setattr(native, "ask", missing)
    snapshot = everything()
    assert snapshot.source is Source.COMMANDS
    assert snapshot.availability is Availability.ANSWERED
    assert Gap("libraries", "libquorum.so.5 is not installed (Debian package libquorum5)") in snapshot.gaps
    with stopped():
        down = everything()
    assert (down.source, down.availability) == (Source.FILE, Availability.DOWN)


def test_the_tools_without_a_corosync() -> None:
    with stopped(), pytest.raises(CorosyncLost):
        commands.ask(5)


def test_the_tools_with_a_frozen_corosync() -> None:
    with control.frozen(), pytest.raises(ProgramSilent):
        commands.ask(0.5)
