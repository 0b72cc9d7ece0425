"""What an operator should know before a change: each check with its reason, and what will happen then.

Pure, from the core's state, the shell's facts and what was looked up for it (`Probe`). It judges; whether somebody may
still go on is for `refusal`, and the holder has the last word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.daemon import outlook_checks as checks
from coroctl.daemon import outlook_votes as votes
from coroctl.daemon.outlook_subject import Check, Subject, Verdict
from coroctl.daemon.prospect import Prospect, foresee, master_of, prio_after, surveyed_holder
from coroctl.decision import peers
from coroctl.decision.messages import Verb
from coroctl.decision.state import Turn

if TYPE_CHECKING:
    from collections.abc import Collection

    from coroctl.daemon.facts import Facts
    from coroctl.daemon.outlook_subject import Draft, Probe, Seen
    from coroctl.daemon.prospect import Plan
    from coroctl.decision.state import State
    from coroctl.decision.values import Identity

WHOLE = frozenset({Verb.RESTORE, Verb.ADOPT})
"""Changes of the file as a whole."""
SHOWN = 4
SILENCE_MS = 100
"""A planned hand-over keeps the address silent for less than this."""


class Effect(NamedTuple):
    """One consequence, in words."""

    what: str
    """configuration, address, manager, machines, quorum; of a virtual machine: machine, recovery, danger."""
    text: str


class Outlook(NamedTuple):
    """The answer to a preflight."""

    plan: Plan
    name: str
    """Of the node."""
    term: int
    """Of the lease; 0 if there is none."""
    identity: Identity
    checks: tuple[Check, ...]
    effects: tuple[Effect, ...]
    prospect: Prospect
    nothing: str
    """Why there is nothing to do; empty if there is."""
    risks_quorum: bool
    difference: tuple[str, ...] = ()
    """Line by line, where the file as a whole becomes another one."""
    stops: bool = False
    """A virtual machine that runs is stopped."""

    @property
    def interrupts(self) -> bool:
        """Whether the address leaves a node that has it, or a machine is down for a while."""
        return self.stops or self.prospect.loses is not None


def outlook(
    state: State,
    now: int,
    facts: Facts,
    plan: Plan,
    draft: Draft,
    probe: Probe,
    seen: Seen | None = None,
    owned: tuple[str, ...] | None = None,
    machines: str = "",
) -> Outlook:
    """All of it. `now` is the daemon's clock, microseconds; the node must be in the loaded list, unless it is added.

    `machines`: what becomes of virtual machines.
    """
    turn = Turn(state, now, 0)
    peers.survey(turn)
    subject = Subject(turn, facts, plan, draft, probe, seen, foresee(turn, plan), owned)
    holder = surveyed_holder(turn)
    return Outlook(
        plan,
        subject.name,
        holder.tenure.term if holder else 0,
        plan.wanted,
        checks.all_of(subject),
        _effects(subject, machines),
        subject.prospect,
        _nothing(subject),
        votes.quorum_at_risk(subject),
        draft.lines if plan.verb in WHOLE else (),
    )


def refusal(found: Outlook, forced: Collection[str]) -> str:
    """Why the change is not to be made: what fails and may not be, or was not, forced. Empty: nothing."""
    wrong = [one for one in found.checks if one.verdict is Verdict.FAIL]
    if moved := [one.reason for one in wrong if one.name in (checks.VIEW, checks.IDLE)]:
        return f"changed since you looked: {'; '.join(moved)}"
    return "; ".join(f"{one.name}: {one.reason}" for one in wrong if one.safety or one.name not in forced)


def as_json(found: Outlook) -> dict[str, Any]:
    """For docs/control-sockets.md; plain values only."""
    prospect = found.prospect
    return {
        "verb": found.plan.verb.value,
        "node": found.plan.node,
        "name": found.name,
        "seen": {"term": found.term, "configuration": found.identity._asdict()},
        "nothing": found.nothing,
        "checks": [
            {"name": one.name, "verdict": one.verdict.value, "reason": one.reason, "safety": one.safety}
            for one in found.checks
        ],
        "effects": [one._asdict() for one in found.effects],
        "address": {
            "loses": prospect.loses,
            "gains": prospect.gains,
            "delay_ms": round(prospect.delay_s * 1000),
            "silence_ms": SILENCE_MS if prospect.loses is not None and prospect.gains is not None else None,
        },
        "interrupts": found.interrupts,
        "risks_quorum": found.risks_quorum,
        "difference": list(found.difference),
    }


def _nothing(subject: Subject) -> str:
    turn, plan = subject.turn, subject.plan
    member = turn.files.settings.member(plan.node)
    name = subject.name
    match plan.verb:
        case Verb.PRIORITY if member is not None and member.prio == plan.edit.value:
            return f"{name} has priority {plan.edit.value} already"
        case Verb.SUSPEND if member is not None and member.suspended:
            return f"{name} is suspended already"
        case Verb.RESUME if member is not None and not member.suspended:
            return f"{name} is not suspended"
        case Verb.ADOPT if checks.adopted(subject):
            return f"{name} has that file already"
        case Verb.PROMOTE if master_of(turn) == plan.node and _is_first(subject):
            return f"{name} is master already, and has the largest priority"
    return ""


def _is_first(subject: Subject) -> bool:
    """Before any other by priority."""
    order = [(one.prio, -one.node) for one in subject.turn.files.settings.members]
    return max(order)[1] == -subject.plan.node


def _effects(subject: Subject, machines: str) -> tuple[Effect, ...]:
    found = [
        Effect("configuration", _in_the_file(subject)),
        Effect("address", _address(subject)),
        Effect("manager", _manager(subject)),
        Effect("machines", machines or "no machines are managed"),
        Effect("quorum", votes.margin(subject)),
    ]
    return tuple(one for one in found if one.text)


def _in_the_file(subject: Subject) -> str:
    turn, plan, name = subject.turn, subject.plan, subject.name
    member = turn.files.settings.member(plan.node)
    version = turn.files.settings.identity.version + 1
    match plan.verb:
        case Verb.PRIORITY | Verb.PROMOTE:
            was = member.prio if member is not None else 0
            what = f"priority of {name}: {was} -> {prio_after(plan, plan.node)}"
        case Verb.SUSPEND:
            what = f"{name} gets the mark `suspended`, which outlasts restarts"
        case Verb.RESUME:
            what = f"{name} loses the mark `suspended`"
        case Verb.NODE_ADD:
            addresses = plan.edit.text.split()[1:]
            prio = prio_after(plan, plan.node)
            what = f"{name} ({', '.join(addresses)}) becomes node {plan.node}, with priority {prio} and one vote"
        case Verb.NODE_REMOVE:
            what = f"{name} is in the list no more"
        case Verb.RESTORE:
            what = f"as in {name}: {_changed(subject)}"
        case Verb.ADOPT:
            return f"version {plan.wanted.version} replaces the file of {name} only, whose own goes into its history"
        case _:
            return ""
    return f"{what}; version {version} on every node{_raised(subject)}"


def _changed(subject: Subject) -> str:
    """The first settings that differ."""
    shown, rest = subject.draft.changes[:SHOWN], len(subject.draft.changes) - SHOWN
    return ", ".join([*shown, *([f"and {rest} more"] if rest > 0 else [])]) or "no setting differs"


def _raised(subject: Subject) -> str:
    """Section 6, step 6: a new master makes itself the largest."""
    after, gains = subject.plan.after, subject.prospect.gains
    if gains is None or after.failback:
        return ""
    largest = max((one.prio, -one.node) for one in after.members)
    if largest[1] == -gains:
        return ""
    return f", then {subject.label(gains)} raises its own priority to {largest[0] + 1}"


def _address(subject: Subject) -> str:
    loses, gains = subject.prospect.loses, subject.prospect.gains
    what = subject.facts.address or "the role (no address is configured)"
    if loses is None and gains is None:
        master = master_of(subject.turn)
        return f"stays on {subject.label(master)}" if master is not None else "nobody has it, as before"
    if gains is None:
        assert loses is not None
        return f"{what} leaves {subject.label(loses)}, and nobody takes it over"
    if loses is None:
        return f"{subject.label(gains)} takes {what}, which nobody has now"
    silence = f"silent for less than {SILENCE_MS / 1000:g} s" if subject.facts.address else "without a gap in the lease"
    return f"{what} moves from {subject.label(loses)} to {subject.label(gains)} {_when(subject)}, {silence}"


def _when(subject: Subject) -> str:
    delay, waits_for = subject.prospect.delay_s, subject.prospect.waits_for
    if waits_for is not None:
        return f"when this is over there: {waits_for.value}"
    if subject.prospect.by_failback:
        return f"when failback's {delay:g} s are over"
    return f"after {delay:.0f} s" if delay else "at once"


def _manager(subject: Subject) -> str:
    service, loses, gains = subject.facts.service, subject.prospect.loses, subject.prospect.gains
    if not service or (loses is None and gains is None):
        return ""
    settings = subject.turn.files.settings
    steps = []
    if loses is not None:
        steps.append(f"stops on {subject.label(loses)} (at most {settings.service_stop_us / 1e6:g} s)")
    if gains is not None:
        steps.append(f"starts on {subject.label(gains)} (at most {settings.service_start_us / 1e6:g} s)")
    return f"{service} {', then '.join(steps)}"
