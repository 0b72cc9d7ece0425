"""The votes of an outlook: whether they suffice, now and after, and how many nodes may still fail. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.messages import Verb

if TYPE_CHECKING:
    from coroctl.daemon.outlook_subject import Subject
    from coroctl.model import NodeId


class Tally(NamedTuple):
    """Votes, as corosync counts them."""

    each: dict[NodeId, int]
    """Of members."""
    present: int
    needed: int
    total: int

    def without(self, node: NodeId) -> Tally:
        """If that one were off."""
        rest = {one: votes for one, votes in self.each.items() if one != node}
        return self._replace(each=rest, present=self.present - self.each.get(node, 0))

    @property
    def suffice(self) -> bool:
        return self.present >= self.needed

    @property
    def spare(self) -> int:
        """How many members may fail, at worst, before quorum is lost."""
        left, lost = self.present, 0
        for votes in sorted(self.each.values(), reverse=True):
            left -= votes
            if left < self.needed:
                return lost
            lost += 1
        return lost

    @property
    def may_fail(self) -> str:
        """The same in words."""
        if not self.suffice:
            return "quorum is lost"
        spare = self.spare
        return {0: "no further node may fail", 1: "1 more node may fail"}.get(spare, f"{spare} more nodes may fail")


def now(subject: Subject) -> Tally:
    """As corosync has them, else as the list does."""
    told, voters = subject.facts.votes, subject.turn.files.lists[0]
    each = {node: votes for node, votes in voters.weights.items() if node in subject.turn.world.members}
    if told is None:
        return Tally(each, sum(each.values()), voters.majority, voters.total)
    return Tally(each, told.present, told.needed, told.expected)


def afterwards(subject: Subject) -> Tally:
    """With the list that the change makes; of a suspension: with the node off, as suspended ones often are."""
    before, plan = now(subject), subject.plan
    if plan.verb is Verb.SUSPEND:
        return before.without(plan.node)
    if not changes_list(subject):
        return before
    voters = dict(plan.after.voters())
    each = {node: votes for node, votes in voters.items() if node in subject.turn.world.members}
    total = before.total + sum(voters.values()) - subject.turn.files.lists[0].total
    return Tally(each, before.present + sum(each.values()) - sum(before.each.values()), total // 2 + 1, total)


def changes_list(subject: Subject) -> bool:
    """Whether there are other voters then."""
    return dict(subject.plan.after.voters()) != subject.turn.files.lists[0].weights


def quorum_at_risk(subject: Subject) -> bool:
    """Whether the votes suffice, and would no longer."""
    return now(subject).suffice and not afterwards(subject).suffice


def margin(subject: Subject) -> str:
    """The votes, and how many nodes may still fail."""
    before, after = now(subject), afterwards(subject)
    text = f"{before.present} votes are here, {before.needed} are needed"
    if changes_list(subject):
        majority = f"a majority is then {after.needed} of {after.total} votes (now {before.needed} of {before.total})"
        return f"{majority}, of which {after.present} are here: {after.may_fail}"
    if subject.plan.verb is Verb.SUSPEND and subject.plan.node in before.each:
        return f"{text}; {subject.name} keeps its vote, and if it is switched off: {after.may_fail}"
    return f"{text}: {before.may_fail}"


def votes_told(subject: Subject) -> str:
    """As they are."""
    before = now(subject)
    return f"{before.present} votes, {before.needed} needed"
