"""How corosync's keys become nodes, for the cases that a healthy cluster does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.model import NodeStatus
from coroctl.sources.members import nodes

if TYPE_CHECKING:
    from coroctl.sources.members import Value

CONFIGURED: dict[str, Value] = {
    "nodelist.node.0.ring0_addr": "10.0.0.9",
    "nodelist.node.0.nodeid": 9,
    "nodelist.node.0.prio": "40",
    "nodelist.node.1.ring0_addr": "seven.example",
    "nodelist.node.1.nodeid": 7,
    "nodelist.node.1.name": "n7",
    "nodelist.node.1.prio": "much",
}
MEMBERS: dict[str, Value] = {
    "runtime.members.7.ip": "r(0) ip(10.0.0.7) r(1) ip(10.1.0.7)",
    "runtime.members.7.status": "joined",
}


def test_rows_are_in_order_of_nodeid_and_not_of_the_file() -> None:
    assert [node.nodeid for node in nodes(CONFIGURED, MEMBERS)] == [7, 9]


def test_the_membership_knows_the_address_better_than_the_file() -> None:
    seven, nine = nodes(CONFIGURED, MEMBERS)
    assert (seven.address, nine.address) == ("10.0.0.7", "10.0.0.9")


def test_a_configured_node_that_was_never_seen_is_absent() -> None:
    seven, nine = nodes(CONFIGURED, MEMBERS)
    assert (seven.status, nine.status) == (NodeStatus.JOINED, NodeStatus.ABSENT)


def test_a_priority_that_is_no_number_is_none() -> None:
    seven, nine = nodes(CONFIGURED, MEMBERS)
    assert (seven.prio, nine.prio) == (None, 40)


def test_a_member_that_is_not_configured_is_shown() -> None:
    [only] = nodes({}, MEMBERS)
    assert (only.nodeid, only.name, only.status, only.prio) == (7, "", NodeStatus.JOINED, None)


def test_a_node_without_nodeid_is_found_by_its_address() -> None:
    configured: dict[str, Value] = {"nodelist.node.0.ring0_addr": "10.0.0.7", "nodelist.node.0.name": "n7"}
    [only] = nodes(configured, MEMBERS)
    assert (only.nodeid, only.name) == (7, "n7")


def test_a_status_that_we_do_not_know_is_unknown() -> None:
    [only] = nodes({}, MEMBERS | {"runtime.members.7.status": "confused"})
    assert only.status is NodeStatus.UNKNOWN


def test_a_link_without_an_address_leaves_what_the_file_says() -> None:
    members: dict[str, Value] = {"runtime.members.9.ip": "r(0) no interface", "runtime.members.9.status": "left"}
    nine = nodes(CONFIGURED, members)[1]
    assert (nine.address, nine.status) == ("10.0.0.9", NodeStatus.LEFT)
