"""The votes of an outlook: whether they suffice, now and after, and how many nodes may still fail. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.messages import Verb
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.daemon.outlook_subject import Subject
    from coroctl.model import NodeId


def quorum_at_risk(subject: Subject) -> bool:
    """Whether the votes no longer suffice when a node that is being suspended is switched off, as they often are."""
    _, present, needed = _votes(subject)
    left = present - _vote_of(subject, subject.plan.node)
    return subject.plan.verb is Verb.SUSPEND and left < needed <= present


def margin(subject: Subject) -> str:
    """The votes, and how many nodes may still fail; of a suspension: with that node off."""
    _, present, needed = _votes(subject)
    text = f"{present} votes are here, {needed} are needed"
    spare = spare_nodes(subject, without=NOBODY)
    if subject.plan.verb is not Verb.SUSPEND or not _vote_of(subject, subject.plan.node):
        return f"{text}: {_may_fail(spare)}"
    rest = spare_nodes(subject, without=subject.plan.node)
    name = subject.label(subject.plan.node)
    after = _may_fail(rest) if present - _vote_of(subject, subject.plan.node) >= needed else "quorum is lost"
    return f"{text}; {name} keeps its vote, and if it is switched off: {after}"


def spare_nodes(subject: Subject, *, without: NodeId) -> int:
    """How many members may fail, at worst, before quorum is lost, once that one is off."""
    votes, present, needed = _votes(subject)
    left, lost = present - votes.pop(without, 0), 0
    for vote in sorted(votes.values(), reverse=True):
        left -= vote
        if left < needed:
            return lost
        lost += 1
    return lost


def _votes(subject: Subject) -> tuple[dict[NodeId, int], int, int]:
    """Of members; present and needed as corosync has them, else as the list does."""
    turn, told = subject.turn, subject.facts.votes
    voters = turn.files.lists[0]
    votes = {node: weight for node, weight in voters.weights.items() if node in turn.world.members}
    return (votes, told.present, told.needed) if told else (votes, sum(votes.values()), voters.majority)


def _vote_of(subject: Subject, node: NodeId) -> int:
    return _votes(subject)[0].get(node, 0)


def votes_told(subject: Subject) -> str:
    _, present, needed = _votes(subject)
    return f"{present} votes, {needed} needed"


def _may_fail(nodes: int) -> str:
    return {0: "no further node may fail", 1: "1 more node may fail"}.get(nodes, f"{nodes} more nodes may fail")
