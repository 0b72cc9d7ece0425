"""What people are shown of machines and inventory, as plain JSON values (docs/control-sockets.md). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coroctl.decision.estate.actions import Alarm
from coroctl.decision.estate.inventory import MOVED, MOVED_LIVE, START_FAILED
from coroctl.decision.estate.values import LOST, NOTHING
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.decision.estate.facts import Facts
    from coroctl.decision.estate.inventory import Inventory, Move
    from coroctl.decision.estate.state import Estate
    from coroctl.decision.estate.values import Machine, Position, Wait
    from coroctl.model import NodeId

ABOUT_NODES = frozenset({Alarm.BEHIND, Alarm.NOT_RECOVERED, Alarm.FENCING, Alarm.NOT_FENCED})
FAILURES = 5
"""So many are told."""


def picture(estate: Estate, facts: Facts) -> dict[str, Any]:
    """The inventory as this node knows it, and its machines without their definitions."""
    inventory = estate.replica.inventory
    last = {move.name: move for move in inventory.moves}
    return {
        "inventory": {
            "position": str(inventory.position) if inventory.position != NOTHING else None,
            "changed_s": inventory.wall_s or None,
            "master": facts.leader.node if facts.leader is not None else None,
            "caught_up": estate.replica.floor is not None and inventory.position >= estate.replica.floor,
            "acknowledged": str(estate.replica.settled) if estate.replica.settled != NOTHING else None,
            "replicas": [replica(estate, facts, node) for node in sorted(facts.replicas)],
            "alarms": alarms(estate),
        },
        "recovery": [wait(one) for one in waits(estate, facts)],
        "machines": [row(one, last.get(one.name)) for _, one in sorted(inventory.machines.items())],
    }


def brief(estate: Estate, facts: Facts) -> dict[str, Any]:
    """What a snapshot of the cluster has of it: little, however many machines there are."""
    return {
        "managed": len(estate.replica.inventory.machines),
        "recovery": [wait(one) for one in waits(estate, facts)],
        "failures": failures(estate.replica.inventory),
        "alarms": alarms(estate),
    }


def alarms(estate: Estate) -> list[dict[str, Any]]:
    """This daemon's."""
    return [
        {"what": what.value, "about": about, "node": int(about) if what in ABOUT_NODES else None}
        for what, about in sorted(estate.alarms, key=str)
    ]


def failures(inventory: Inventory) -> list[dict[str, Any]]:
    """The last nodes that were clear and lost their machines, the oldest first: one operation each (M2 b)."""
    found: dict[Position, list[Move]] = {}
    for move in inventory.moves:
        if move.target == NOBODY and move.why not in (START_FAILED, MOVED, MOVED_LIVE):
            found.setdefault(move.position, []).append(move)
    return [
        {"node": moves[0].source, "why": moves[0].why, "at": moves[0].wall_s, "machines": len(moves)}
        for moves in list(found.values())[-FAILURES:]
    ]


def waits(estate: Estate, facts: Facts) -> tuple[Wait, ...]:
    """What the recovery of lost nodes waits for, as the master tells."""
    leader = facts.leader
    if leader is None or leader.node == estate.life.node:
        return estate.stock.waits
    fact = facts.nodes.get(leader.node)
    return fact.stock.waits if fact is not None and fact.heard else ()


def wait(one: Wait) -> dict[str, Any]:
    """One lost node."""
    waits_for, until_s = one.waits_for.value, one.until_s or None
    return {"node": one.node, "waits_for": waits_for, "until_s": until_s, "why": one.why or None}


def replica(estate: Estate, facts: Facts, node: NodeId) -> dict[str, Any]:
    """One node's, as far as it is heard."""
    if node == estate.life.node:
        position: Position | None = estate.stock.position
    else:
        fact = facts.nodes.get(node)
        position = fact.stock.position if fact is not None and fact.heard else None
    if position is None:
        return {"node": node, "state": "not heard", "position": None}
    if position in (NOTHING, LOST):
        return {"node": node, "state": "lost" if position == LOST else "none", "position": None}
    return {"node": node, "state": "there", "position": str(position)}


def row(one: Machine, move: Move | None) -> dict[str, Any]:
    """One machine."""
    moved = None
    if move is not None:
        moved = {"from": move.source or None, "to": move.target or None, "why": move.why, "time_s": move.wall_s}
    return {
        "name": one.name,
        "uuid": one.uuid,
        "node": one.node or None,
        "wanted": one.wanted.value,
        "seen": one.seen.value,
        "seen_on": one.seen_on or None,
        "priority": one.priority,
        "memory_mib": one.memory_mib,
        "moving_to": one.to or None,
        "live": one.live > NOTHING,
        "stayed": one.stayed or None,
        "failed_on": list(one.tried),
        "last_move": moved,
    }
