"""The text of ``status`` and ``links``: the verdict first, every gap with its reason, nothing raw from outside."""

from __future__ import annotations

import pytest

from coroctl.cli import links, mastership, status
from coroctl.model import (
    Availability,
    Configuration,
    Gap,
    Lease,
    Link,
    Mastership,
    Node,
    NodeId,
    NodeStatus,
    Qdevice,
    Quorum,
    Role,
    Snapshot,
    Source,
    Transition,
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
    denied = WELL._replace(availability=Availability.DENIED, quorate=None)
    assert status.lines(denied)[0] == "VMmanager: unknown, corosync lets only root ask it"


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


LEASE = Lease(NodeId(2), 7, 2000, 300, 1700)
TOLD = Mastership(
    NodeId(2),
    1_700_000_000.0,
    LEASE,
    "10.0.0.100/32",
    "vmbr0",
    "vmmgr.service",
    "nftables",
    (),
    (),
    "",
    (Transition(1_700_000_000.0, 7, "step", "add address", 16_400),),
    0,
    0,
    (),
)
RULED = WELL._replace(
    mastership=TOLD,
    nodes=(ONE._replace(role=Role.SLAVE, reason="node 2 holds the lease"), TWO._replace(role=Role.MASTER)),
)


def test_who_is_master_and_what_it_rests_on() -> None:
    day = mastership.moment(1_700_000_000.0)
    assert line(RULED, "master") == f"master    n2 (2) since {day}, 10.0.0.100/32 on vmbr0"
    assert line(RULED, "lease") == "lease     term 7, held by n2 (2), at most 1.7 of 2 s left"
    assert line(RULED, "dead-man") == "dead-man  nftables"
    own = RULED._replace(mastership=TOLD._replace(lease=LEASE._replace(holder=NodeId(1))))
    assert line(own, "lease") == "lease     term 7, held by n1 (1), 1.7 of 2 s left"
    assert f"  {day}  term 7  step add address (16.4 ms)" in status.lines(RULED)


def test_why_each_node_is_not_master() -> None:
    header, one, two = status.lines(RULED)[-6:-3]
    assert header.endswith("  WHY NOT MASTER")
    assert one.endswith("  node 2 holds the lease")
    assert two.endswith("  -")


def test_what_is_wrong_is_in_capitals() -> None:
    wrong = TOLD._replace(
        master=None, lease=None, dead_man="lifetime", warnings=("no guard",), alarms=("state lost", "other")
    )
    shown = RULED._replace(mastership=wrong._replace(stalls=2, longest_stall_ms=340, dropped=(("replayed", 3),)))
    assert line(shown, "master") == "master    nobody who is heard (10.0.0.100/32 on vmbr0)"
    assert line(shown, "lease") == "lease     nobody holds it"
    assert "NOT SAFE against a frozen process" in line(shown, "dead-man")
    assert line(shown, "stalls") == "stalls    2 over 100 ms, the longest 340 ms"
    assert line(shown, "dropped") == "dropped   replayed 3"
    assert line(shown, "WARNING") == "WARNING   no guard"
    assert [text.split(maxsplit=1)[1] for text in status.lines(shown) if "ALARM" in text] == ["state lost", "other"]


def test_a_node_whose_file_differs_is_marked() -> None:
    differs = RULED._replace(nodes=(ONE._replace(current=False), TWO))
    assert status.lines(differs)[-5].split()[8:10] == ["7", "!"]


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\u202eb", "tab\tand\nline"])
def test_nothing_that_the_daemon_tells_reaches_the_terminal_raw(text: str) -> None:
    told = TOLD._replace(
        address=text,
        device=text,
        dead_man=text,
        warnings=(text,),
        alarms=(text,),
        change=text,
        transitions=(Transition(0, 1, text, text, 1),),
        dropped=((text, 1),),
    )
    printed = "\n".join(status.lines(RULED._replace(mastership=told, nodes=(ONE._replace(reason=text),))))
    assert not any(letter in printed for letter in "\x1b\u202e\t")
