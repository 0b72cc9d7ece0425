"""One change of the file: what it changes, and that it changes nothing else."""

from __future__ import annotations

import pytest

from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from coroctl.daemon.editing import EditRefused, edited, restored
from coroctl.decision.messages import Edit, Verb
from coroctl.model import NodeId
from tests.conf.samples import GOOD, changed

N7, N9, N13 = NodeId(7), NodeId(9), NodeId(13)


def priorities(data: bytes) -> dict[int | None, int | None]:
    return {node.nodeid: node.prio for node in read_cluster(Document.parse(data)).nodes}


def difference(before: bytes, after: bytes) -> list[str]:
    old, new = before.decode().splitlines(), after.decode().splitlines()
    return [f"-{line}" for line in old if line not in new] + [f"+{line}" for line in new if line not in old]


@pytest.mark.parametrize("verb", [Verb.PRIORITY, Verb.PROMOTE])
def test_a_priority_changes_two_lines(verb: Verb) -> None:
    after = edited(GOOD, Edit(verb, N9, 101))
    assert difference(GOOD, after) == [
        "-  config_version: 7",
        "-    prio: 40",
        "+  config_version: 8",
        "+    prio: 101",
    ]


def test_suspend_and_resume() -> None:
    suspended = edited(GOOD, Edit(Verb.SUSPEND, N13))
    assert [node.suspended for node in read_cluster(Document.parse(suspended)).nodes] == [False, False, True]
    resumed = edited(suspended, Edit(Verb.RESUME, N13))
    assert not any(node.suspended for node in read_cluster(Document.parse(resumed)).nodes)
    assert read_cluster(Document.parse(resumed)).config_version == 9


def test_comments_line_ends_and_unknown_keys_stay() -> None:
    commented = changed("nodelist {", "# ours\n\nnodelist {")
    odd = commented.replace(b"    prio: 40\n", b"\tprio  :  40 \r\n    mine: x\r\n")
    after = edited(odd, Edit(Verb.PRIORITY, N9, 41))
    assert after == odd.replace(b"config_version: 7", b"config_version: 8").replace(b":  40 ", b":  41 ")


def test_above_the_ceiling_all_are_renumbered_in_their_order() -> None:
    at_ceiling = changed("prio: 100", "prio: 1000000")
    after = edited(at_ceiling, Edit(Verb.PRIORITY, N9, 1_000_001))
    assert priorities(after) == {7: 20, 9: 30, 13: 10}
    assert read_cluster(Document.parse(after)).config_version == 8


def test_of_equals_the_lowest_nodeid_stays_the_best_when_renumbered() -> None:
    equal = changed("prio: 40", "prio: 1000000", changed("prio: 100", "prio: 1000000"))
    assert priorities(edited(equal, Edit(Verb.PROMOTE, N13, 1_000_001, "r"))) == {7: 20, 9: 10, 13: 30}


def test_renumbering_leaves_a_witness_one() -> None:
    witness = changed("prio: 10\n", "prio: 0\n", changed("prio: 100", "prio: 1000000"))
    assert priorities(edited(witness, Edit(Verb.PRIORITY, N9, 1_000_001))) == {7: 10, 9: 20, 13: 0}


def test_an_operators_number_above_the_ceiling_is_refused() -> None:
    with pytest.raises(EditRefused, match="1000001 is above 1000000"):
        edited(GOOD, Edit(Verb.PRIORITY, N9, 1_000_001, "request"))


def test_a_priority_below_0_is_refused() -> None:
    with pytest.raises(EditRefused, match="below 0"):
        edited(GOOD, Edit(Verb.PRIORITY, N9, -1))


def test_a_node_that_is_not_in_the_list() -> None:
    with pytest.raises(EditRefused, match="has no node with nodeid 8"):
        edited(GOOD, Edit(Verb.SUSPEND, NodeId(8)))


def test_a_node_that_is_there_twice() -> None:
    with pytest.raises(EditRefused, match="has 2 node with nodeid 7"):
        edited(changed("nodeid: 9", "nodeid: 7"), Edit(Verb.SUSPEND, N7))


def test_a_node_is_removed_with_its_votes() -> None:
    after = read_cluster(Document.parse(edited(GOOD, Edit(Verb.NODE_REMOVE, N9))))
    assert [node.nodeid for node in after.nodes] == [7, 13]
    assert after.quorum.expected_votes == 2


@pytest.mark.parametrize("text", ["", " ", "n8"])
def test_a_node_cannot_be_added_without_name_and_address(text: str) -> None:
    with pytest.raises(EditRefused, match="cannot be added without name and address"):
        edited(GOOD, Edit(Verb.NODE_ADD, NodeId(8), text=text))


def test_a_node_is_added_with_its_vote() -> None:
    after = edited(GOOD, Edit(Verb.NODE_ADD, NodeId(8), 5, text="n8 10.0.0.8"))
    added = "  node {\n    ring0_addr: 10.0.0.8\n    name: n8\n    nodeid: 8\n    prio: 5\n  }\n"
    expected = changed("expected_votes: 3", "expected_votes: 4", changed("config_version: 7", "config_version: 8"))
    assert after == expected.replace(b"    prio: 10\n  }\n", b"    prio: 10\n  }\n" + added.encode())


def test_a_node_is_added_with_an_address_for_each_link() -> None:
    one, _, _ = read_cluster(Document.parse(GOOD)).nodes
    assert one.addresses == ("10.0.0.7",)
    document = Document.parse(GOOD)
    for node in (N7, N9, N13):
        section = next(one for one in document.sections("nodelist.node") if one.get("nodeid") == str(node))
        document = document.set_in(section, "ring1_addr", f"10.0.1.{node}")
    after = edited(document.render(), Edit(Verb.NODE_ADD, NodeId(8), 5, text="n8 10.0.0.8 10.0.1.8"))
    assert read_cluster(Document.parse(after)).nodes[-1].addresses == ("10.0.0.8", "10.0.1.8")


def test_two_node_ends_with_a_third_one() -> None:
    two = changed("expected_votes: 2", "expected_votes: 2\n  two_node: 1", edited(GOOD, Edit(Verb.NODE_REMOVE, N9)))
    after = read_cluster(Document.parse(edited(two, Edit(Verb.NODE_ADD, NodeId(8), 5, text="n8 10.0.0.8"))))
    assert (after.quorum.two_node, len(after.nodes)) == (False, 3)


def test_a_former_file_is_the_next_version() -> None:
    former = changed("prio: 40", "prio: 41")
    assert restored(changed("config_version: 7", "config_version: 12"), former) == changed(
        "config_version: 7", "config_version: 13", former
    )


def test_a_file_that_is_loaded_is_not_restored() -> None:
    with pytest.raises(EditRefused, match="in nothing but the number"):
        restored(changed("config_version: 7", "config_version: 12"), GOOD)


@pytest.mark.parametrize("verb", [Verb.RESTORE, Verb.ADOPT])
def test_what_is_no_change_of_the_loaded_file(verb: Verb) -> None:
    with pytest.raises(EditRefused, match="is no change of the loaded file"):
        edited(GOOD, Edit(verb, NodeId(0)))


def test_a_file_without_version_gets_one() -> None:
    after = edited(changed("  config_version: 7\n", ""), Edit(Verb.PRIORITY, N9, 41))
    assert read_cluster(Document.parse(after)).config_version == 1


def test_the_largest_version_cannot_rise() -> None:
    with pytest.raises(EditRefused, match="cannot rise above 18446744073709551615"):
        edited(changed("config_version: 7", f"config_version: {(1 << 64) - 1}"), Edit(Verb.PRIORITY, N9, 41))


def test_a_node_without_prio_counts_as_1_and_gets_a_line() -> None:
    without = changed("    prio: 40\n", "")
    assert priorities(edited(without, Edit(Verb.PRIORITY, N9, 41))) == {7: 100, 9: 41, 13: 10}
