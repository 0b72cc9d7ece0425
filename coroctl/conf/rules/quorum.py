"""Rules about quorum: what makes a fragment believe that it is the majority, and what leaves no majority at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.conf.finding import error, rule, warning
from coroctl.conf.plain import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.conf.finding import Remark
    from coroctl.conf.subject import Subject

_NOT_WITH_DEVICE = ("two_node", "last_man_standing", "auto_tie_breaker", "allow_downscale")


@rule("provider")
def _provider(subject: Subject) -> Iterator[Remark]:
    """Measured: without one corosync starts, and every fragment of the cluster is quorate."""
    if subject.get("quorum.provider") is None:
        make = error if subject.ours else warning
        hint = "provider: corosync_votequorum"
        yield make(
            subject.line("quorum.provider"), "quorum has no provider: every fragment of the cluster is quorate", hint
        )


@rule("two-node")
def _two_node(subject: Subject) -> Iterator[Remark]:
    """Measured: with three nodes every fragment, even of one node, is quorate."""
    quorum, nodes = subject.cluster.quorum, len(subject.cluster.nodes)
    if quorum.two_node and nodes != 2:
        message = f"two_node with {nodes} node{'s' if nodes != 1 else ''}: a single node would be quorate"
        yield error(subject.line("quorum.two_node"), message, "two_node is for exactly two nodes")


@rule("expected-votes")
def _expected_votes(subject: Subject) -> Iterator[Remark]:
    """Measured: corosync believes the number, so that with 1 every node alone is quorate."""
    quorum, votes = subject.cluster.quorum, subject.cluster.votes
    if quorum.expected_votes is None or not subject.cluster.nodes:
        return
    right = {votes, votes + (quorum.device_votes or 0)}
    if quorum.expected_votes not in right:
        message = f"expected_votes is {quorum.expected_votes}, but the nodes have {votes} votes"
        yield error(subject.line("quorum.expected_votes"), message, "leave it out: corosync counts the nodelist")


@rule("no-votes")
def _no_votes(subject: Subject) -> Iterator[Remark]:
    """Measured: corosync starts."""
    if subject.cluster.nodes and not subject.cluster.votes:
        yield error(subject.line("nodelist.node.quorum_votes"), "no node has a vote")


@rule("device")
def _device(subject: Subject) -> Iterator[Remark]:
    """Measured (two_node) and read: ``corosync -t`` accepts it, a start exits with 20."""
    if not subject.cluster.quorum.device:
        return
    for key in _NOT_WITH_DEVICE:
        if (subject.get(f"quorum.{key}") or "0") != "0":
            yield error(
                subject.line(f"quorum.{key}"), f"{key} does not go with a quorum device; corosync does not start"
            )
    if subject.cluster.quorum.device_votes is None and subject.cluster.quorum.expected_votes is not None:
        message = "with expected_votes the quorum device needs its votes; corosync does not start"
        yield error(subject.line("quorum.device.votes"), message)


@rule("replicas")
def _replicas(subject: Subject) -> Iterator[Remark]:
    """An acknowledged change of the inventory is on every replica that was heard: two majorities share a node."""
    cluster = subject.cluster
    votes = sum(node.votes for node in cluster.nodes if node.replication)
    if not subject.ours or not votes or votes >= cluster.majority:
        return
    message = f"the nodes with replication: on have {votes} of {cluster.votes} votes, and may be lost together"
    line = next(entry.line for node in subject.nodes if (entry := node.entry("replication")) and entry.value == "on")
    yield warning(line, message, "replication: on for nodes that are a majority")


@rule("no-failover")
def _no_failover(subject: Subject) -> Iterator[Remark]:
    """A master needs a majority of the nodes' votes; a quorum device and two_node do not count for it."""
    votes, majority = subject.cluster.votes, subject.cluster.majority
    lost = [node for node in subject.cluster.nodes if votes - node.votes < majority]
    if not subject.ours or not lost:
        return
    names = ", ".join(quoted(node.name or str(node.nodeid)) for node in lost[:4])
    device = "; the quorum device does not count for it" if subject.cluster.quorum.device else ""
    message = f"no failover is possible: without {names} nobody has a majority ({majority} votes){device}"
    yield warning(subject.line("nodelist.node"), message, "add a third node with prio 0 as witness")


RULES = (_provider, _two_node, _expected_votes, _no_votes, _device, _replicas, _no_failover)
