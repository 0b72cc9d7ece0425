"""The text of ``status`` and ``links``: the verdict first, every gap with its reason, nothing raw from outside."""

from __future__ import annotations

import pytest

from coroctl.cli import links, status
from coroctl.model import (
    Availability,
    Configuration,
    Gap,
    Link,
    Node,
    NodeId,
    NodeStatus,
    Qdevice,
    Quorum,
    Snapshot,
    Source,
)

UP = Link(0, "10.0.0.1", "10.0.0.2", True, True, 1446, 120, 1, 0)
DOWN = Link(1, "10.1.0.1", "10.1.0.2", True, False, 1446, 1500, 2, 2)
ONE = Node(NodeId(1), "n1", "10.0.0.1", NodeStatus.JOINED, prio=100, votes=1, addresses=("10.0.0.1",), config_version=7)
TWO = ONE._replace(nodeid=NodeId(2), name="n2", links=(UP, DOWN))
WELL = Snapshot(
    Source.COROSYNC,
    Availability.ANSWERED,
    "VMmanager",
    (ONE, TWO),
    True,
    local=NodeId(1),
    transport="knet",
    quorum=Quorum(2, 2, 2, 2, ("Quorate", "2Node"), "1.a", "corosync_votequorum"),
    configuration=Configuration("/etc/corosync/corosync.conf", 7, 7, "ab" * 32),
)


def line(snapshot: Snapshot, begin: str) -> str:
    [found] = [text.strip() for text in status.lines(snapshot) if text.strip().startswith(begin)]
    return found


def test_the_verdict_comes_first() -> None:
    assert status.lines(WELL)[0] == "VMmanager: quorate, can lose 0 more nodes"
    assert status.lines(WELL._replace(quorate=False))[0] == "VMmanager: NOT QUORATE"
    down = WELL._replace(availability=Availability.DOWN, quorate=None)
    assert status.lines(down)[0] == "VMmanager: unknown, corosync is not running"


def test_what_it_rests_on() -> None:
    assert line(WELL, "asked") == "asked     n1 (1), source corosync"
    assert line(WELL, "votes") == "votes     2 of 2 expected, quorum 2, flags Quorate 2Node"
    assert line(WELL, "ring") == "ring      1.a"
    assert line(WELL, "config") == "config    version 7, sha256 abababababab (/etc/corosync/corosync.conf)"


def test_a_file_that_is_not_loaded_cannot_be_overlooked() -> None:
    ahead = WELL._replace(configuration=Configuration("/f", 7, 8, "cd" * 32))
    assert "LOADED IS VERSION 7" in line(ahead, "config")


def test_a_qdevice_is_described() -> None:
    device = WELL._replace(qdevice=Qdevice("net", 1, alive=True, casts_vote=False))
    assert line(device, "qdevice") == "qdevice   net: alive, does not cast its 1 vote"


def test_nodes_in_columns() -> None:
    header, one, two = (text.split() for text in status.lines(WELL)[-3:])
    assert header == ["ID", "NAME", "ADDRESS", "STATUS", "M/S", "PRIO", "VOTES", "LINKS", "CONFIG"]
    assert one == ["1", "n1", "10.0.0.1", "joined", "-", "100", "1", "-", "7"]
    assert two == ["2", "n2", "10.0.0.1", "joined", "-", "100", "1", "1/2", "7"]


def test_every_gap_has_its_reason() -> None:
    gap = Gap("roles", "no corolistener runs on this node")
    assert status.lines(WELL._replace(gaps=(gap,)))[-1] == "not known: roles: no corolistener runs on this node"


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\u202eb", "tab\tand\nline"])
def test_nothing_from_outside_reaches_the_terminal_raw(text: str) -> None:
    evil = WELL._replace(cluster_name=text, nodes=(ONE._replace(name=text),), gaps=(Gap("votes", text),))
    printed = "\n".join([*status.lines(evil), *links.lines(evil)])
    assert not any(letter in printed for letter in "\x1b\u202e\t")


def test_links_one_a_line() -> None:
    header, up, down = (text.split() for text in links.lines(WELL))
    assert header == ["ID", "NAME", "LINK", "FROM", "TO", "STATE", "LATENCY", "MTU", "UPS", "DOWNS"]
    assert up == ["2", "n2", "0", "10.0.0.1", "10.0.0.2", "connected", "120", "us", "1446", "1", "0"]
    assert down == ["2", "n2", "1", "10.1.0.1", "10.1.0.2", "DOWN", "1.5", "ms", "1446", "2", "2"]


def test_no_links_for_a_reason() -> None:
    bare = WELL._replace(nodes=(ONE,), gaps=(Gap("links", "transport udpu does not tell the state of its links"),))
    assert links.lines(bare) == ["no links: transport udpu does not tell the state of its links"]
    assert links.lines(WELL._replace(nodes=(ONE,))) == ["no links: this node has no peers"]
