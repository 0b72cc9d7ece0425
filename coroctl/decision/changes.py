"""The holder's side of a change (section 7): edit, propose, collect, commit or withdraw, report.

A new holder first settles what a former one may have committed: among the voters of majority weight that have voted
for this tenure, the proposal staged under the highest ballot, if it would be the next version, is proposed again and
seen through. A withdrawn change is a proposal of "nothing" under a higher ballot, so "refused" is answered only when
a majority has staged that: no later holder can bring it back (P3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import peers, requests
from coroctl.decision.actions import Alarm, EditFile, Event
from coroctl.decision.log import alarm, log, over
from coroctl.decision.messages import Answer, Edit, Verb, Verdict
from coroctl.decision.settings import SECOND, Voters
from coroctl.decision.state import Change
from coroctl.decision.values import NOBODY, Ballot, Identity, Proposal, Staged, Tenure

if TYPE_CHECKING:
    from coroctl.decision.settings import Settings
    from coroctl.decision.state import Turn
    from coroctl.model import NodeId

STAGE_US = 5 * SECOND
RAISE_AGAIN_US = 5 * SECOND
LARGEST_PRIO = 1_000_000


def manage(turn: Turn) -> None:
    """What the holder does about the configuration, after each event."""
    if not turn.business.settled:
        settle(turn)
    change = turn.business.change
    if change is None:
        raise_priority(turn)
    elif change.proposal is not None:
        see_through(turn, change, change.proposal)


# What former holders have left


def settle(turn: Turn) -> None:
    """Once, when a majority has voted for this tenure and told what it has staged."""
    tenure = turn.claim.tenure
    if tenure is None or turn.business.change is not None:
        return
    voters = {node: news for node, news in turn.heard.items() if news.vote == tenure}
    if not peers.is_majority(turn, {*voters, turn.life.node}):
        return
    own = turn.files.settings.identity
    found = [(news.staged, node) for node, news in voters.items() if news.staged is not None]
    if turn.files.staged is not None:
        found.append((turn.files.staged, turn.life.node))
    top = max(found, key=lambda one: one[0].ballot, default=None)
    identity = top[0].identity if top else None
    turn.business = turn.business._replace(settled=True)
    if top is not None and identity is not None and identity.version == own.version + 1:
        propose_again(turn, tenure, identity, top[1])


def propose_again(turn: Turn, tenure: Tenure, identity: Identity, source: NodeId) -> None:
    """A former holder's change, under this tenure's ballot."""
    proposal = Proposal(next_ballot(turn, tenure), turn.files.settings.identity, identity, source, committed=False)
    edit = Edit(Verb.PRIORITY, NOBODY)
    change = Change(edit, turn.life.node, 0, turn.now, proposal, adopted=True)
    turn.business = turn.business._replace(change=change)
    log(turn, Event.PROPOSED, identity)


def next_ballot(turn: Turn, tenure: Tenure) -> Ballot:
    """Above every other of this tenure, and by the term above those of former holders."""
    turn.business = turn.business._replace(ballots=turn.business.ballots + 1)
    return Ballot(tenure.term, turn.life.incarnation >> peers.COUNTER_SHIFT, turn.business.ballots)


# A change of this tenure


def ready(turn: Turn) -> str:
    """Why no change can begin now; empty if one can."""
    if not turn.business.settled:
        return "the new holder is still settling what the former one has left"
    if turn.business.change is not None:
        return "another change is under way"
    if len(turn.files.lists) > 1:
        return "the last change of the node list has not reached a majority of both lists"
    if turn.current != turn.files.settings.identity:
        return "the holder's configuration is not the current one"
    return ""


def begin(turn: Turn, edit: Edit, origin: NodeId) -> None:
    """Have the edit made on the loaded file."""
    number = turn.number()
    turn.business = turn.business._replace(change=Change(edit, origin, number, turn.now))
    turn.do(EditFile(number, edit, turn.files.settings.identity))


def edited(turn: Turn, number: int, identity: Identity, settings: Settings) -> None:
    """Propose the result to everybody, this node included."""
    change, tenure, own = turn.business.change, turn.claim.tenure, turn.files.settings.identity
    if change is None or change.number != number or tenure is None:
        return
    if identity.version != own.version + 1:
        conclude(turn, change, Verdict.REFUSED, "the configuration has moved on")
        return
    proposal = Proposal(next_ballot(turn, tenure), own, identity, turn.life.node, committed=False)
    voters = Voters.of(settings.voters(), majority=turn.life.rules.majority)
    if len(voters.weights.keys() ^ turn.files.lists[0].weights.keys()) > 1:
        conclude(turn, change, Verdict.REFUSED, "more than one node would be added or removed: one node a change")
        return
    turn.business = turn.business._replace(change=change._replace(proposal=proposal, voters=voters, since=turn.now))
    turn.files = turn.files._replace(fetched=identity)
    log(turn, Event.PROPOSED, identity)


def edit_failed(turn: Turn, number: int, why: str) -> None:
    """Nothing was proposed to anybody: refused, for sure."""
    change = turn.business.change
    if change is not None and change.proposal is None and change.number == number:
        conclude(turn, change, Verdict.REFUSED, why)


def see_through(turn: Turn, change: Change, proposal: Proposal) -> None:
    """Collecting, loading, or withdrawing."""
    if proposal.committed:
        finish(turn, change, proposal)
    elif change.withdrawing:
        withdrawn(turn, change, proposal)
    elif may_commit(turn, change, proposal):
        committed = proposal._replace(committed=True)
        turn.business = turn.business._replace(change=change._replace(proposal=committed))
        log(turn, Event.COMMITTED, proposal.identity)
    elif turn.now >= change.since + STAGE_US:
        if change.adopted:
            # Who had it may be gone. If it was committed, any majority that is heard now knows it too: look again.
            turn.business = turn.business._replace(change=None, settled=False)
        else:
            withdraw(turn, change, proposal)
    else:
        turn.wake_at(change.since + STAGE_US)


def acknowledged(turn: Turn, proposal: Proposal) -> set[NodeId]:
    """Who has staged exactly this proposal."""
    wanted = Staged(proposal.ballot, proposal.identity)
    found = {node for node, news in turn.heard.items() if news.staged == wanted}
    return found | {turn.life.node} if turn.files.staged == wanted else found


def may_commit(turn: Turn, change: Change, proposal: Proposal) -> bool:
    """Majorities always; every member too, unless it is the master's own change and 5 s have passed."""
    have = acknowledged(turn, proposal)
    if not turn.life.rules.staging:
        return turn.life.node in have
    if not are_majorities(turn, change, have) or turn.life.node not in have:
        return False
    missing = members_without(turn, have)
    if not missing:
        over(turn, Alarm.NOT_STAGED)
        return True
    if turn.now < change.since + STAGE_US or (change.edit.request and not change.adopted):
        return False
    alarm(turn, Alarm.NOT_STAGED, " ".join(str(node) for node in sorted(missing)))
    return True


def are_majorities(turn: Turn, change: Change, nodes: set[NodeId]) -> bool:
    """Of the lists that count, and of the one that the change makes."""
    new = change.voters
    enough = new is None or sum(weight for node, weight in new.weights.items() if node in nodes) >= new.majority
    return enough and peers.is_majority(turn, nodes)


def members_without(turn: Turn, have: set[NodeId]) -> frozenset[NodeId]:
    """Members, as corosync lists them here, that have not stored it and have not announced their stop."""
    stopped = {node for node, peer in turn.peers.items() if peer.last is not None and peer.last.stopping}
    return (turn.world.members & turn.files.lists[0].weights.keys()) - have - stopped


def why_not(turn: Turn, proposal: Proposal) -> str:
    """What a change is refused for when its time is up."""
    missing = members_without(turn, acknowledged(turn, proposal))
    if missing:
        names = ", ".join(str(node) for node in sorted(missing))
        return f"not stored in time by node{'s' if len(missing) > 1 else ''} {names}"
    return "who has stored it is no majority of the nodes, as they are or as they would be"


def finish(turn: Turn, change: Change, proposal: Proposal) -> None:
    """Done when a majority has loaded it: it can no longer be lost."""
    identity = proposal.identity
    have = {node for node, news in turn.heard.items() if news.identity == identity}
    if turn.files.settings.identity == identity and peers.is_majority(turn, have | {turn.life.node}):
        if change.edit.verb is Verb.PROMOTE:
            turn.claim = turn.claim._replace(forced=change.edit.node)
        conclude(turn, change, Verdict.OK, "")


def withdraw(turn: Turn, change: Change, proposal: Proposal) -> None:
    """Ask everybody to stage "nothing" under a higher ballot."""
    assert turn.claim.tenure is not None
    why = why_not(turn, proposal)
    nothing = proposal._replace(ballot=next_ballot(turn, turn.claim.tenure), identity=None)
    turn.business = turn.business._replace(change=change._replace(proposal=nothing, withdrawing=True, why=why))
    log(turn, Event.WITHDRAWN, proposal.identity)


def withdrawn(turn: Turn, change: Change, proposal: Proposal) -> None:
    """Refused, once no later holder can find the proposal on top."""
    if peers.is_majority(turn, acknowledged(turn, proposal)):
        conclude(turn, change, Verdict.REFUSED, change.why)


def conclude(turn: Turn, change: Change, verdict: Verdict, why: str) -> None:
    """Answer whoever asked; the next change may begin."""
    turn.business = turn.business._replace(change=None)
    if change.adopted:
        return
    if change.edit.request:
        requests.answer(turn, change.origin, Answer(change.edit.request, verdict, why))
    elif verdict is not Verdict.OK:
        turn.business = turn.business._replace(raise_at=turn.now + RAISE_AGAIN_US)


# The master's own


def raise_priority(turn: Turn) -> None:
    """Section 6, step 6: the master makes itself the largest, unless it is, or failback is on."""
    business, settings = turn.business, turn.files.settings
    if business.raised or not turn.duty.serving or turn.duty.ending:
        return
    own = settings.member(turn.life.node)
    order = max(((one.prio, -one.node) for one in settings.members), default=(0, 0))
    if settings.failback or own is None or (own.prio, -own.node) == order:
        turn.business = business._replace(raised=True)
    elif turn.now < business.raise_at:
        turn.wake_at(business.raise_at)
    elif not ready(turn):
        begin(turn, Edit(Verb.PRIORITY, turn.life.node, min(settings.largest() + 1, LARGEST_PRIO + 1)), turn.life.node)
