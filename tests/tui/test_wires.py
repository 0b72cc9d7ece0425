"""What a snapshot becomes in the matrix and on the node screen."""

from __future__ import annotations

import pytest

from coroctl.alarms.memory import Memory
from coroctl.model import Configuration, NodeStatus, Snapshot
from coroctl.tui import node_facts
from coroctl.tui.wires import findings, heat, matrix, milliseconds, rows
from coroctl_widgets import Tone
from tests.alarms.build import ONE, THREE, TWO, WELL, changed, hearing, link

DOWN = link(0, TWO)._replace(connected=False)


def spots(snapshot: Snapshot) -> list[list[str]]:
    return [[spot.text for spot in row] for row in matrix(snapshot).spots]


def test_one_row_has_numbers_the_others_words() -> None:
    assert spots(WELL) == [["-", "0.30", "0.30"], ["ok", "-", "ok"], ["ok", "ok", "-"]]
    assert matrix(WELL).names == ("n1*", "n2", "n3")


def test_a_one_way_cut_is_marked_at_both_ends() -> None:
    assert spots(hearing({TWO: (ONE,)}))[1:] == [["ok", "-", "DEAF"], ["ok", "ok!", "-"]]


def test_a_cut_of_two_that_a_third_hears() -> None:
    assert spots(hearing({TWO: (ONE,), THREE: (ONE,)}))[1:] == [["ok", "-", "CUT"], ["ok", "CUT", "-"]]


def test_heartbeats_count_for_more_than_links() -> None:
    assert spots(hearing({ONE: (TWO,), THREE: None}))[0] == ["-", "0.30", "DEAF"]


@pytest.mark.parametrize(
    ("links", "status", "text", "tone"),
    [
        ((DOWN, link(1, TWO)), NodeStatus.JOINED, "0.30!", Tone.WARN),
        ((DOWN,), NodeStatus.JOINED, "DOWN", Tone.BAD),
        ((DOWN,), NodeStatus.LEFT, "DOWN", Tone.DIM),
        ((link(0, TWO)._replace(latency_us=None),), NodeStatus.JOINED, "up", Tone.NORMAL),
        ((), NodeStatus.JOINED, "ok", Tone.GOOD),
    ],
)
def test_links_of_this_node(links: tuple[object, ...], status: NodeStatus, text: str, tone: Tone) -> None:
    spot = matrix(changed(TWO, links=links, status=status)).spots[0][1]
    assert (spot.text, spot.tone) == (text, tone)


def test_what_is_not_told_is_a_question_and_says_so() -> None:
    silent = hearing({TWO: None})
    assert spots(silent)[1] == ["?", "-", "?"]
    assert [note.text for note in findings(silent)] == ["what n2 hears is not known here"]
    assert findings(WELL) == ()


def test_numbers() -> None:
    assert [milliseconds(one) for one in (41, 994, 1000, 9_949, 40_000)] == ["0.04", "0.99", "1.0", "9.9", "40"]
    assert heat(10) == heat(100) == 0
    assert heat(100) < heat(1000) < heat(10_000) < heat(100_000) == heat(9_000_000) == 1


def test_the_table_has_a_row_a_link() -> None:
    memory = Memory()
    memory.take(WELL, 1.0)
    assert [row.key for row in rows(WELL.nodes, memory)] == ["2.0", "2.1", "3.0", "3.1"]
    [row] = rows((WELL.nodes[1]._replace(links=(DOWN,)),), memory)
    assert [cell.text for cell in row.cells][1:4] == ["0", "○ DOWN", "-"]


def test_the_configuration_of_this_node_and_its_file() -> None:
    def told(snapshot: Snapshot) -> list[str]:
        return [note.text[12:] for note in node_facts.facts(snapshot, snapshot.nodes[0])][3:-1]

    assert told(WELL) == [
        "version 7 is loaded, as on a majority",
        "/etc/corosync/corosync.conf, sha256 abababababab",
    ]
    ahead = WELL._replace(configuration=Configuration("/f", 7, 8, "cd" * 32))
    assert told(ahead)[1] == "/f IS VERSION 8, sha256 cdcdcdcdcdcd"
    assert told(WELL._replace(configuration=Configuration("/f", 7, None, "")))[1] == "/f cannot be read"
    assert told(changed(ONE, current=False))[0] == "version 7 is loaded: NOT what a majority has"
