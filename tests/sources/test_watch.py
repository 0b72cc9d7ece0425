"""When a watch stops trusting what it knows. Its life on a real corosync is in tests/on_node/tui."""

from __future__ import annotations

import time

from coroctl.model import Availability, Node, NodeId, NodeStatus, Role, Snapshot, Source
from coroctl.sources.feed import Update
from coroctl.sources.watch import BUSY_S, SILENT_S, Watch, silenced

ONE = Node(NodeId(1), "n1", "10.0.0.1", NodeStatus.JOINED, Role.MASTER, 100)
WELL = Snapshot(Source.COROSYNC, Availability.ANSWERED, "c", (ONE,), True)


def watch(age_s: float, asking_for_s: float | None = None) -> Watch:
    """One that has spoken so long ago, and has been in a call for so long."""
    one, now = Watch("/nonexistent/corosync.conf"), time.monotonic()
    one._latest = Update(WELL, now - age_s)
    one._asking_since = None if asking_for_s is None else now - asking_for_s
    return one


def test_fresh_knowledge_is_told_as_it_is() -> None:
    latest = watch(1).latest()
    assert latest is not None
    assert latest.snapshot == WELL


def test_a_call_that_does_not_return_is_a_frozen_corosync() -> None:
    latest = watch(1, SILENT_S + 0.1).latest()
    assert latest is not None
    assert latest.snapshot.availability is Availability.SILENT
    assert "does not answer" in latest.snapshot.reason


def test_a_corosync_that_puts_us_off_for_long_is_not_believed_any_more() -> None:
    latest = watch(BUSY_S + 0.1).latest()
    assert latest is not None
    assert latest.snapshot.availability is Availability.SILENT
    assert "cannot form a ring" in latest.snapshot.reason
    assert latest.snapshot.quorate is None


def test_without_any_answer_yet_the_file_is_all_there_is() -> None:
    one = Watch("/nonexistent/corosync.conf")
    assert one.latest() is None
    one._asking_since = time.monotonic() - SILENT_S - 0.1
    latest = one.latest()
    assert latest is not None
    assert (latest.snapshot.source, latest.snapshot.availability) == (Source.FILE, Availability.SILENT)


def test_silence_leaves_nothing_that_could_be_taken_for_now() -> None:
    [node] = silenced(WELL, "frozen").nodes
    assert (node.status, node.role, node.links) == (NodeStatus.UNKNOWN, None, ())
    assert node.prio == 100
