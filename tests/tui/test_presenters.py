"""What a snapshot becomes on the screen."""

from __future__ import annotations

import pytest

from coroctl.alarms import Alarm, Kind, Severity
from coroctl.alarms.cluster import current_version
from coroctl.model import (
    Availability,
    Configuration,
    Lease,
    Link,
    Mastership,
    Node,
    NodeId,
    NodeStatus,
    Quorum,
    Role,
    Snapshot,
    Source,
)
from coroctl.tui import alarm_notes
from coroctl.tui.presenters import columns, gauge, notes, rows, title
from coroctl_widgets import Note, Tone


def node(nodeid: int, **known: object) -> Node:
    plain = Node(NodeId(nodeid), f"n{nodeid}", f"10.0.0.{nodeid}", NodeStatus.JOINED, votes=1, config_version=7)
    return plain._replace(**known)  # type: ignore[arg-type]


def link(number: int, *, connected: bool) -> Link:
    return Link(number, "a", "b", True, connected, 1446, 100, 1, 0)


def snapshot(*nodes: Node, quorate: bool | None = True, **known: object) -> Snapshot:
    quorum = Quorum(len(nodes), len(nodes) // 2 + 1, len(nodes), len(nodes), ("Quorate", "2Node"), "1.a")
    whole = Snapshot(
        Source.COROSYNC, Availability.ANSWERED, "VMmanager", nodes, quorate, quorum=quorum, local=NodeId(1)
    )
    return whole._replace(**known)  # type: ignore[arg-type]


def cell(shown: Snapshot, row: int, key: str) -> tuple[str, Tone]:
    position = [column.key for column in columns(shown)].index(key)
    found = rows(shown)[row].cells[position]
    return found.text, found.tone


@pytest.mark.parametrize(
    ("status", "text", "tone"),
    [
        (NodeStatus.JOINED, "● joined", Tone.GOOD),
        (NodeStatus.LEFT, "○ left", Tone.BAD),
        (NodeStatus.ABSENT, "- absent", Tone.WARN),
        (NodeStatus.UNKNOWN, "? unknown", Tone.DIM),
    ],
)
def test_status_has_a_word_a_glyph_and_a_tone(status: NodeStatus, text: str, tone: Tone) -> None:
    assert cell(snapshot(node(1, status=status)), 0, "status") == (text, tone)


@pytest.mark.parametrize(
    ("role", "text"), [(None, "-"), (Role.MASTER, "M"), (Role.SLAVE, "S"), (Role.SUSPENDED, "suspended")]
)
def test_roles(role: Role | None, text: str) -> None:
    assert cell(snapshot(node(1, role=role)), 0, "role")[0] == text


def test_links_up_of_all() -> None:
    links = (link(0, connected=True), link(1, connected=False))
    assert cell(snapshot(node(1), node(2, links=links)), 1, "links") == ("1/2 !", Tone.WARN)
    assert cell(snapshot(node(1), node(2, links=links[1:])), 1, "links") == ("0/1 !", Tone.BAD)
    assert cell(snapshot(node(1), node(2, links=links[:1])), 1, "links") == ("1/1", Tone.NORMAL)
    assert cell(snapshot(node(1)), 0, "links")[0] == "-"


def test_the_asked_node_is_marked_and_a_nameless_one_named() -> None:
    assert cell(snapshot(node(1)), 0, "name")[0] == "n1*"
    assert cell(snapshot(node(2, name="")), 0, "name")[0] == "node 2"


def test_configuration_that_is_not_what_the_majority_has() -> None:
    shown = snapshot(node(1), node(2), node(3, config_version=6))
    assert current_version(shown) == 7
    assert cell(shown, 0, "config") == ("v7", Tone.NORMAL)
    assert cell(shown, 2, "config") == ("v6 old", Tone.WARN)
    ahead = snapshot(node(1), node(2), node(3, config_version=9))
    assert current_version(ahead) == 7
    assert cell(ahead, 2, "config") == ("v9 new", Tone.WARN)


def test_votes_and_not_heads_make_a_majority() -> None:
    assert current_version(snapshot(node(1, votes=3), node(2, config_version=6), node(3, config_version=6))) == 7


def test_a_file_that_is_not_loaded_is_seen() -> None:
    conf = Configuration("/etc/corosync/corosync.conf", 7, 8, "ab")
    assert cell(snapshot(node(1), node(2), configuration=conf), 0, "config") == ("v7>8 !", Tone.WARN)
    assert cell(snapshot(node(1), node(2), configuration=conf), 1, "config") == ("v7", Tone.NORMAL)


def test_large_ids_and_long_addresses_get_their_room() -> None:
    shown = snapshot(node(4294967295, address="fd00:1234:5678:9abc:def0:1234:5678:9abc"))
    widths = {column.key: column.width for column in columns(shown)}
    assert widths["id"] == 10
    assert widths["ip"] == 39


def test_gauge_counts_votes_and_keeps_the_flags_that_say_something() -> None:
    shown = gauge(snapshot(node(1), node(2), node(3)))
    assert (shown.present, shown.quorum, shown.expected, shown.spare, shown.flags) == (3, 2, 3, 1, ("2Node",))


def test_gauge_says_why_it_knows_nothing() -> None:
    down = snapshot(quorate=None, quorum=None, availability=Availability.DOWN, reason="corosync is down")
    assert gauge(down).reason == "corosync is down"
    assert gauge(None).reason == "asking corosync"


@pytest.mark.parametrize(
    ("shown", "state", "tone"),
    [
        (snapshot(node(1)), "QUORATE", Tone.GOOD),
        (snapshot(node(1), quorate=False), "NOT QUORATE", Tone.BAD),
        (snapshot(node(1), quorate=None, availability=Availability.SILENT), "NOT ANSWERING", Tone.BAD),
        (snapshot(node(1), quorate=None, availability=Availability.DENIED), "ACCESS DENIED", Tone.BAD),
        (None, "CONNECTING", Tone.DIM),
    ],
)
def test_title_has_the_state_in_a_word(shown: Snapshot | None, state: str, tone: Tone) -> None:
    bar = title(shown, 0)
    assert (bar.state, bar.tone) == (state, tone)


def test_title_does_not_flicker_while_data_are_fresh() -> None:
    shown = snapshot(node(1))
    assert title(shown, 0.1) == title(shown, 2.4)
    assert title(shown, 7.9).age == 7


TOLD = Mastership(
    NodeId(2),
    None,
    Lease(NodeId(2), 7, 2000, 300, 1700),
    "10.0.0.100/32",
    "vmbr0",
    "",
    "nftables",
    (),
    (),
    "",
    (),
    0,
    0,
    (),
)


def ruled(**known: object) -> Snapshot:
    nodes = (node(1, reason="node 2 holds the lease", role=Role.SLAVE), node(2, role=Role.MASTER))
    return snapshot(*nodes, mastership=TOLD._replace(**known))  # type: ignore[arg-type]


def test_no_notes_without_a_corolistener() -> None:
    assert notes(snapshot(node(1)), "1") == ()


def test_notes_say_who_is_master_and_why_the_chosen_one_is_not() -> None:
    first, second = notes(ruled(), "1")
    assert first == Note("n2 is master, 10.0.0.100/32, term 7", Tone.GOOD)
    assert second == Note("n1 is not master: node 2 holds the lease", Tone.DIM)
    assert notes(ruled(), "2")[1].text == ""
    assert notes(ruled(), None)[1].text == ""
    assert " since " in notes(ruled(since=1_700_000_000.0), None)[0].text


def test_notes_of_a_cluster_without_a_master() -> None:
    assert notes(ruled(master=None), "1")[0] == Note("NO MASTER: n2 holds the lease", Tone.WARN)
    assert notes(ruled(master=None, lease=None), "1")[0] == Note("NO MASTER", Tone.WARN)


def test_notes_of_what_is_wrong_stay_few() -> None:
    wrong = [Alarm(Severity.CRITICAL, Kind.QUORUM, "a", "do"), *[Alarm(Severity.WARNING, Kind.LINK, "b", "look")] * 3]
    assert notes(ruled(), "1", wrong, key="A")[2:] == (
        Note("ALARM: a > do", Tone.BAD),
        Note("warning: b > look", Tone.WARN),
        Note("and 2 more: key A", Tone.WARN),
    )
    assert notes(ruled(), "1", wrong, height=18, key="A")[2:] == (
        Note("ALARM (and 3 more: key A): a", Tone.BAD),  # the worst, and no line that says nothing
    )
    assert notes(ruled(change="priority 1 50"), "1", wrong[:2])[2:] == (
        Note("under way: priority 1 50"),
        Note("ALARM: a > do", Tone.BAD),
        Note("warning: b > look", Tone.WARN),
    )


def test_alarms_are_told_without_a_corolistener_too() -> None:
    assert notes(snapshot(node(1)), "1", wrong_one())[0].text == "warning: b > look"


def wrong_one() -> tuple[Alarm, ...]:
    return (Alarm(Severity.WARNING, Kind.LINK, "b", "look"),)


def test_a_command_in_an_alarm_is_not_cut_at_its_hyphens() -> None:
    alarm = Alarm(Severity.CRITICAL, Kind.RECOVERY, "n3 is lost", "if it has no power: coroctl confirm-dead n3")
    for width in range(24, 80):
        assert any("confirm-dead" in line.text for line in alarm_notes.whole([alarm], width)), width
