"""The checks of an outlook, a function each: what was looked at, whether it is well, and why not.

A *safety* check is about what the change itself needs: the holder would refuse it, or it would be made on an old view,
so nobody can force it. The others are about what it leads to, and an operator may know better. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from coroctl.daemon.outlook_subject import Check, Verdict
from coroctl.daemon.outlook_votes import afterwards, changes_list, margin, quorum_at_risk, votes_told
from coroctl.daemon.prospect import PASSING, master_of, reason_of, surveyed_holder
from coroctl.daemon.standing import why_not_master
from coroctl.decision import adoption
from coroctl.decision.eligible import quorate
from coroctl.decision.messages import Request, Verb
from coroctl.decision.settings import SECOND
from coroctl.decision.values import NOBODY, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.daemon.outlook_subject import Subject

VIEW, IDLE = "view", "idle"
MACHINES_SHOWN = 8
CURABLE = {
    Verb.PROMOTE: frozenset({Reason.PRIO_ZERO}),
    Verb.PRIORITY: frozenset({Reason.PRIO_ZERO}),
    Verb.RESUME: frozenset({Reason.SUSPENDED}),
}
"""What the change itself does away with."""


def all_of(subject: Subject) -> tuple[Check, ...]:
    """Those that concern this change, in the order in which people read them."""
    return tuple(check for find in CHECKS[subject.plan.verb] for check in find(subject))


# Safety


def quorate_here(subject: Subject) -> Iterator[Check]:
    """The votes."""
    yield safe("quorate", votes_told(subject) if quorate(subject.turn) else "", "corosync is not quorate here")


def _holder(subject: Subject) -> Iterator[Check]:
    holder = surveyed_holder(subject.turn)
    well = f"{subject.label(holder.node)} holds the lease and carries it out" if holder else ""
    yield safe("holder", well, "nobody holds the lease, so nobody can carry it out")


def _current(subject: Subject) -> Iterator[Check]:
    turn = subject.turn
    own = turn.files.settings.identity
    yield safe(
        "current",
        f"version {own.version} is loaded here and on a majority" if turn.current == own else "",
        f"version {own.version}, loaded here, is not the one that a majority has",
    )


def _file(subject: Subject) -> Iterator[Check]:
    problem = subject.draft.problem
    yield safe("file", "" if problem else "corosync.conf is sound with the change", problem)


def _members(subject: Subject) -> Iterator[Check]:
    """Section 7: a member that cannot store a change makes it fail."""
    turn = subject.turn
    deaf = (turn.world.members & turn.files.lists[0].weights.keys()) - turn.heard.keys() - {turn.life.node}
    stopped = {node for node, peer in turn.peers.items() if peer.last is not None and peer.last.stopping}
    names = ", ".join(subject.label(node) for node in sorted(deaf - stopped))
    yield safe(
        "members",
        "" if names else "every member's corolistener is heard",
        f"corolistener of {names} is not heard, and could not store the change",
    )


def _idle(subject: Subject) -> Iterator[Check]:
    turn = subject.turn
    change = turn.business.change
    if change is not None and change.edit.node != NOBODY:
        busy = f"another change is under way ({change.edit.verb.value} {subject.label(change.edit.node)})"
    elif change is not None or any(news.proposal is not None for news in turn.heard.values()):
        busy = "another change is under way"
    elif turn.business.asked:
        busy = "another request is under way"
    elif len(turn.lists) > 1:
        busy = "the last change of the node list has not reached a majority of both lists"
    elif turn.files.adopting is not None:
        busy = "another file is being adopted here"
    else:
        busy = ""
    yield safe(IDLE, "" if busy else "no other change is under way", busy)


def view(subject: Subject) -> Iterator[Check]:
    """Whether it is as whoever asks saw it."""
    if subject.seen is None:
        return
    holder = surveyed_holder(subject.turn) if subject.plan.verb is not Verb.ADOPT else None
    identity = subject.plan.wanted
    moved = []
    if holder is not None and holder.tenure.term != subject.seen.term:
        moved.append(f"the term is {holder.tenure.term}, not {subject.seen.term}")
    if identity != subject.seen.identity:
        moved.append(f"the configuration is {identity}, not {subject.seen.identity}")
    yield safe(VIEW, "" if moved else "term and configuration are as you saw them", " and ".join(moved))


def _one_node(subject: Subject) -> Iterator[Check]:
    """L16: more at once is refused by the holder."""
    differ = len(dict(subject.plan.after.voters()).keys() ^ subject.turn.files.lists[0].weights.keys())
    more = f"{differ} nodes would be added or removed at once, and only one may be: one change for each"
    if differ:
        yield safe("one-node", "" if differ > 1 else "one node is added or removed", more)


def _source(subject: Subject) -> Iterator[Check]:
    """What adoption.py would say."""
    turn, plan = subject.turn, subject.plan
    request = Request("", plan.edit, turn.life.node, 0, plan.wanted)
    have = sorted(node for node, news in turn.heard.items() if news.identity == plan.wanted)
    names = ", ".join(subject.label(node) for node in have)
    where = f"{names} {'has' if len(have) == 1 else 'have'} version {plan.wanted.version} of it"
    most = ", as a majority has" if plan.wanted == turn.current else ""
    why = adoption.objection(turn, request) if turn.files.adopting is None and not adopted(subject) else ""
    yield safe("source", "" if why else f"{where}{most}", why)


def adopted(subject: Subject) -> bool:
    """ADOPT: whether that very file is in force here."""
    files = subject.turn.files
    return subject.plan.wanted == files.settings.identity and files.conflict is None


# The node itself


def _joined(subject: Subject) -> Iterator[Check]:
    turn, node = subject.turn, subject.plan.node
    if node in turn.world.members and not turn.world.gone_at:
        yield Check("joined", Verdict.PASS, f"{subject.label(node)} is a member")
    else:
        later = "" if subject.plan.verb is Verb.PROMOTE else ": it takes effect when it is back"
        yield Check("joined", _grave(subject), f"{subject.label(node)} is not a member{later}")


def _eligible(subject: Subject) -> Iterator[Check]:
    if subject.leaves:
        return
    turn, plan, name = subject.turn, subject.plan, subject.label(subject.plan.node)
    if plan.node != turn.life.node and plan.node not in turn.heard:
        silent = why_not_master(turn, subject.facts.past, plan.node, None)
        yield Check("eligible", _grave(subject), f"{name}: {silent}")
        return
    reason = reason_of(turn, plan.node)
    if reason in PASSING and _is_marked(subject):
        reason = Reason.SUSPENDED
    if reason is None or reason in CURABLE.get(plan.verb, ()):
        yield Check("eligible", Verdict.PASS, f"{name} may be master")
    elif reason in PASSING:
        yield Check("eligible", Verdict.WARN, f"{name}: {reason.value}; that passes by itself")
    else:
        first = f" (first: coroctl resume {name})" if reason is Reason.SUSPENDED else ""
        yield Check("eligible", _grave(subject), f"{name}: {reason.value}{first}")


def _newcomer(subject: Subject) -> Iterator[Check]:
    """Whether it would be master once it runs."""
    order = [(one.prio, -one.node) for one in subject.plan.after.members]
    if max(order)[1] == -subject.plan.node:
        text = f"{subject.name} has the largest priority: it becomes master when it has started (--prio gives another)"
        yield Check("master", Verdict.WARN, text)
    else:
        yield Check("master", Verdict.PASS, f"{subject.name} does not become master by it")


def _leaver(subject: Subject) -> Iterator[Check]:
    """The master's, and a running corosync's, is another way out."""
    turn, node, name = subject.turn, subject.plan.node, subject.name
    if master_of(turn) == node:
        text = f"{name} is master: the role leaves it with the change (better first: promote another node)"
        yield Check("master", Verdict.FAIL, text)
    else:
        yield Check("master", Verdict.PASS, f"{name} is not master")
    if node in turn.world.members:
        text = f"{name} is up, and its corosync goes on with the old list: stop corolistener and corosync there first"
        yield Check("stopped", Verdict.WARN, text)
    else:
        yield Check("stopped", Verdict.PASS, f"{name} is not a member")


def _machines(subject: Subject) -> Iterator[Check]:
    """What it runs, or is to run, stays its own: nobody could be given it."""
    if subject.owned is None:
        return
    count = len(subject.owned)
    if count:
        names = ", ".join(subject.owned[:MACHINES_SHOWN]) + (" ..." if count > MACHINES_SHOWN else "")
        text = f"{subject.name} owns virtual machines: {names} (move them first: coroctl machine move)"
        yield Check("machines", Verdict.FAIL, text)
    else:
        yield Check("machines", Verdict.PASS, f"{subject.name} owns no virtual machine")


def _configuration(subject: Subject) -> Iterator[Check]:
    turn, node = subject.turn, subject.plan.node
    news = turn.heard.get(node)
    if news is None and node != turn.life.node:
        return
    identity = news.identity if news is not None else turn.files.settings.identity
    if identity == turn.current:
        yield Check("configuration", Verdict.PASS, f"{subject.label(node)} has the current one")
    else:
        yield Check("configuration", _grave(subject), f"{subject.label(node)} has {identity}, not the current one")


def _device(subject: Subject) -> Iterator[Check]:
    turn, node, device = subject.turn, subject.plan.node, subject.facts.device
    if not subject.facts.address or subject.leaves:
        return
    own, news = node == turn.life.node, turn.heard.get(node)
    reason = reason_of(turn, node)
    where = f"{device} of {subject.label(node)}" if own else f"the address's device of {subject.label(node)}"
    if (own and not turn.world.carrier) or reason is Reason.UPLINK:
        yield Check("device", _grave(subject), f"{where} is missing or has no carrier")
    elif own or (news is not None and reason in (None, Reason.PING, Reason.PROMOTION_FAILED)):
        yield Check("device", Verdict.PASS, f"{where} has carrier")
    else:
        first = "it is not heard" if reason is None else f"it names only what bars it first: {reason.value}"
        yield Check("device", Verdict.WARN, f"{where}: not known ({first})")


def _manager(subject: Subject) -> Iterator[Check]:
    service, name = subject.facts.service, subject.label(subject.plan.node)
    if not service or not subject.takes:
        return
    probe = subject.probe
    if not probe.known:
        yield Check("manager", Verdict.WARN, f"{service} on {name}: not known from here ({probe.why or 'not asked'})")
    elif probe.manager:
        yield Check("manager", Verdict.FAIL, f"{name}: {probe.manager}")
    else:
        yield Check("manager", Verdict.PASS, f"{service} is there on {name}")


# What it leads to


def _failback(subject: Subject) -> Iterator[Check]:
    settings, plan = subject.plan.after, subject.plan
    if not settings.failback:
        return
    if plan.verb is Verb.PROMOTE:
        text = f"failback is on: this makes {subject.label(plan.node)} the preferred master for good"
        yield Check("failback", Verdict.FAIL, text)
    elif subject.prospect.by_failback:
        text = f"failback is on: the role moves {settings.failback_delay_us / SECOND:g} s after the change"
        yield Check("failback", Verdict.WARN, text)


def _successor(subject: Subject) -> Iterator[Check]:
    whole = subject.plan.verb is Verb.RESTORE
    if not subject.leaves and not whole:
        return
    name = subject.name
    if subject.prospect.eligible:
        names = ", ".join(subject.label(node) for node in sorted(subject.prospect.eligible))
        yield Check("successor", Verdict.PASS, f"may be master {'with' if whole else 'without'} {name}: {names}")
    elif whole and master_of(subject.turn) is not None:
        yield Check("successor", Verdict.FAIL, f"nobody may be master with {name}: nobody would serve")
    elif reason_of(subject.turn, subject.plan.node) is None and _is_here(subject):
        yield Check("successor", Verdict.FAIL, f"{name} is the last node that may be master: nobody would serve")
    else:
        yield Check("successor", Verdict.WARN, "no node may be master, with or without this change")


def _quorum(subject: Subject) -> Iterator[Check]:
    """A list whose majority is not here cannot be loaded, so that is for nobody to force."""
    if changes_list(subject) and quorum_at_risk(subject):
        yield safe("quorum", "", f"quorum is lost with the change: {margin(subject)}")
    elif quorum_at_risk(subject):
        yield Check("quorum", Verdict.FAIL, f"quorum is lost if {subject.name} goes: {margin(subject)}")
    else:
        yield Check("quorum", Verdict.PASS if afterwards(subject).spare else Verdict.WARN, margin(subject))


Finder = Callable[["Subject"], "Iterator[Check]"]
SAFETY: tuple[Finder, ...] = (quorate_here, _holder, _current, _file, _members, _idle, view)
ROLE: tuple[Finder, ...] = (_joined, _eligible, _configuration, _device, _manager, _failback, _successor, _quorum)
CHECKS: Mapping[Verb, tuple[Finder, ...]] = {
    Verb.PRIORITY: (*SAFETY, *ROLE),
    Verb.PROMOTE: (*SAFETY, *ROLE),
    Verb.SUSPEND: (*SAFETY, *ROLE),
    Verb.RESUME: (*SAFETY, *ROLE),
    Verb.NODE_ADD: (*SAFETY, _newcomer, _quorum),
    Verb.NODE_REMOVE: (*SAFETY, _leaver, _machines, _successor, _quorum),
    Verb.RESTORE: (*SAFETY, _one_node, _failback, _successor, _quorum),
    Verb.ADOPT: (_source, _file, _idle, view),
}
"""By verb, in the order in which people read them."""


# Within


def safe(name: str, well: str, wrong: str) -> Check:
    """One that nobody can force; it fails where `well` is empty."""
    return Check(name, Verdict.PASS if well else Verdict.FAIL, well or wrong, safety=True)


def _grave(subject: Subject) -> Verdict:
    """What bars the role is grave where the node is to take it now; else it only comes later."""
    return Verdict.FAIL if subject.takes else Verdict.WARN


def _is_marked(subject: Subject) -> bool:
    member = subject.turn.files.settings.member(subject.plan.node)
    return member is not None and member.suspended


def _is_here(subject: Subject) -> bool:
    node = subject.plan.node
    return node == subject.turn.life.node or node in subject.turn.heard
