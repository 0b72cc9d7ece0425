"""What an operator may want to know of this daemon, as one JSON object: pure, from the core's state and facts.

Knows no socket; the times in it are durations, or wall clock where it says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coroctl.daemon.facts import DeadMan, Names
from coroctl.daemon.standing import holder_of, role, why_not_master
from coroctl.decision import peers
from coroctl.decision.eligible import quorate
from coroctl.decision.state import Turn
from coroctl.decision.values import NOBODY, standing_of
from coroctl.model import NodeStatus

if TYPE_CHECKING:
    from coroctl.daemon.facts import Facts
    from coroctl.daemon.standing import Holder
    from coroctl.decision.state import State
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

SCHEMA = 1
"""Rises when a key changes its meaning or goes."""
Json = dict[str, Any]


def status(state: State, now: int, facts: Facts) -> Json:
    """The whole picture; plain JSON values only. `now` is the daemon's clock, microseconds."""
    turn = Turn(state, now, 0)
    peers.survey(turn)
    holder = holder_of(turn)
    nodes = [_node(turn, facts, node, holder) for node in _known(turn, facts)]
    return {
        "schema": SCHEMA,
        "program": facts.program,
        "started": facts.started,
        "node": state.life.node,
        "incarnation": state.life.incarnation,
        "cluster_name": facts.cluster_name,
        "term": state.ballots.term,
        "corosync": _corosync(turn, facts),
        "mastership": _mastership(turn, facts, holder),
        "safety": _safety(turn, facts),
        "configuration": _configuration(turn, facts),
        "nodes": nodes,
        "machines": facts.machines,
        "alarms": _alarms(state, facts),
        "transitions": [one._asdict() for one in facts.past.transitions],
        "change": _change(turn),
        "requests": [
            {"id": one.id, "verb": one.edit.verb.value, "node": one.edit.node} for one, _ in state.business.asked
        ],
        "health": {
            "stalls": facts.stalls,
            "longest_stall_ms": facts.longest_stall_us // 1000,
            "dropped": dict(facts.dropped),
        },
    }


def visible(state: State) -> tuple[object, ...]:
    """Differs whenever a picture differs in more than ages: cheap, for every step."""
    world, claim, duty, files = state.world, state.claim, state.duty, state.files
    return (
        (world.members, world.quorate, world.gone_at, world.role, world.reason, world.paused),
        (claim.office, claim.tenure, duty.steps, duty.serving, bool(duty.cleaning), state.life.stopping),
        (files.settings.identity, files.staged, files.conflict, len(files.lists)),
        (state.business.change, state.business.asked, state.ballots.term, state.alarms),
        tuple((node, peer.incarnation, peer.last) for node, peer in state.peers.items()),
    )


def _known(turn: Turn, facts: Facts) -> list[NodeId]:
    """Every node of the loaded list, every member, and this node."""
    configured = {member.node for member in turn.files.settings.members}
    return sorted(configured | turn.world.members | facts.past.seen | {turn.life.node})


def _node(turn: Turn, facts: Facts, node: NodeId, holder: Holder | None) -> Json:
    own = node == turn.life.node
    news = turn.heard.get(node)
    member = turn.files.settings.member(node)
    names = facts.names.get(node, Names())
    acts_as = role(turn, facts.past, node)
    identity = turn.files.settings.identity if own else news.identity if news else None
    contact = facts.past.contacts.get(node)
    told = turn.world.reason if own else news.reason if news else None
    office = turn.claim.office if own else news.office if news else None
    return {
        "nodeid": node,
        "name": names.name,
        "addresses": list(names.addresses),
        "status": _status(turn, facts, node).value,
        "role": acts_as.value if acts_as else None,
        "office": office.value if office else None,
        "reason": why_not_master(turn, facts.past, node, holder),
        "barred": told.name.lower().replace("_", "-") if told else None,
        "may_be": standing_of(told).name.lower() if own or news else None,
        "prio": member.prio if member else None,
        "votes": member.votes if member else None,
        "suspended": member.suspended if member else None,
        "heard": own or news is not None,
        "heard_ms": 0 if own else (turn.now - contact.at) // 1000 if contact else None,
        "configuration": _identity(identity),
        "current": identity == turn.current if identity and turn.current else None,
        "staged": _identity(news.staged.identity) if news and news.staged else None,
        "stopping": turn.life.stopping if own else news.stopping if news else None,
        "watchdog_ms": news.stock.watchdog_us // 1000 if news else None,
        "skew_ms": facts.skew_ms.get(node),
        "hears": _hears(turn, facts, node),
        "load": facts.loads[node]._asdict() if node in facts.loads else None,
    }


def _hears(turn: Turn, facts: Facts, node: NodeId) -> list[Json] | None:
    """Whom it hears; None of a node whose own word has not come for a lease, as nothing can be known of its ears."""
    lease = turn.files.settings.lease_us
    silent = facts.hearing.get(turn.life.node, {}).get(node)
    row = facts.hearing.get(node)
    if row is None or (node != turn.life.node and (silent is None or silent > lease)):
        return None
    listed = {member.node for member in turn.files.settings.members}
    return [{"node": peer, "ms": row[peer] // 1000} for peer in sorted(row) if peer in listed]


def _status(turn: Turn, facts: Facts, node: NodeId) -> NodeStatus:
    if turn.world.gone_at:
        return NodeStatus.UNKNOWN
    if node in turn.world.members:
        return NodeStatus.JOINED
    return facts.statuses.get(node) or (NodeStatus.LEFT if node in facts.past.seen else NodeStatus.ABSENT)


def _corosync(turn: Turn, facts: Facts) -> Json:
    lost = bool(turn.world.gone_at)
    return {
        "connected": not lost,
        "lost_ms": (turn.now - turn.world.gone_at) // 1000 if lost else None,
        "quorate": quorate(turn),
        "members": sorted(turn.world.members),
        "transport": facts.transport,
        "votes": facts.votes._asdict() if facts.votes and not lost else None,
    }


def _mastership(turn: Turn, facts: Facts, holder: Holder | None) -> Json:
    """The lease, the address, and since when. Of another's lease what remains is an upper bound."""
    service = facts.past.service
    serving = holder is not None and holder.serving
    known = serving and service is not None and holder is not None and service.tenure == holder.tenure
    return {
        "master": holder.node if holder and serving else None,
        "since": service.at if known and service is not None else None,
        "address": facts.address,
        "device": facts.device,
        "service": facts.service,
        "lease": None
        if holder is None
        else {
            "holder": holder.node,
            "term": holder.tenure.term,
            "age_ms": holder.age_us // 1000,
            "remaining_ms": max(holder.lease_us - holder.age_us, 0) // 1000,
            "lease_ms": holder.lease_us // 1000,
        },
        "would": turn.speech.news.would if turn.speech.news and turn.speech.news.would != NOBODY else None,
        "paused": turn.world.paused,
    }


def _safety(turn: Turn, facts: Facts) -> Json:
    """What holds if this process freezes."""
    left = turn.dead_man.until - turn.now
    found = list(facts.warnings)
    if facts.dead_man is DeadMan.LIFETIME:
        found.append("not safe against a frozen process: nftables is not usable, only the address's lifetime serves")
    if not facts.guard:
        found.append("no guard: the manager would outlive its lease if corolistener froze")
    return {
        "dead_man": facts.dead_man.value,
        "dead_man_ms": max(left, 0) // 1000 if turn.dead_man.until else None,
        "guard": facts.guard,
        "warnings": found,
    }


def _configuration(turn: Turn, facts: Facts) -> Json:
    files = turn.files
    return {
        "file": facts.file,
        "loaded": _identity(files.settings.identity),
        "current": _identity(turn.current),
        "staged": _identity(files.staged.identity) if files.staged else None,
        "conflict": _identity(files.conflict),
        "lists": len(turn.lists),
        "failback": files.settings.failback,
    }


def _alarms(state: State, facts: Facts) -> list[Json]:
    told = {alarm: (at, detail) for alarm, at, detail in facts.past.alarms}
    return [
        {"alarm": alarm.value, "since": told.get(alarm, (None, ""))[0], "detail": told.get(alarm, (None, ""))[1]}
        for alarm in sorted(state.alarms, key=lambda alarm: alarm.name)
    ]


def _change(turn: Turn) -> Json | None:
    change = turn.business.change
    if change is None:
        return None
    return {
        "verb": change.edit.verb.value,
        "node": change.edit.node,
        "value": change.edit.value,
        "request": change.edit.request,
        "for_ms": (turn.now - change.since) // 1000,
        "proposed": _identity(change.proposal.identity) if change.proposal else None,
        "committed": bool(change.proposal and change.proposal.committed),
        "withdrawing": change.withdrawing,
    }


def _identity(identity: Identity | None) -> Json | None:
    return {"version": identity.version, "digest": identity.digest} if identity else None
