"""What there is to see of a simulated node, as one value, and what there is to say of it.

Looks only; knows nothing of how a cluster runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.decision.estate.facts import facts_of
from coroctl.decision.estate.picture import brief, picture

if TYPE_CHECKING:
    from coroctl.decision.values import Identity, Reason, Tenure
    from coroctl.model import NodeId, Role
    from coroctl.sim.machine import Machine


class NodeView(NamedTuple):
    """What a front end shows of one node."""

    node: NodeId
    powered: bool
    running: bool
    role: Role | None
    reason: Reason | None
    term: int
    tenure: Tenure | None
    lease_left_us: int
    prio: int
    members: frozenset[NodeId]
    quorate: bool
    identity: Identity
    speaks: bool
    manager: bool


def summed_up(view: NodeView) -> str:
    """A node in one line."""
    if view.role is None:
        return f"{view.node} down"
    reason = view.reason.value if view.reason else "eligible"
    return (
        f"{view.node} {view.role.value} prio {view.prio} term {view.term} {view.identity}"
        f" {reason}{' speaks' if view.speaks else ''}"
    )


def view_of(machine: Machine) -> NodeView:
    """What a front end shows of one node."""
    cluster, state = machine.cluster, machine.state
    now = cluster.timeline.now
    settings = cluster.files[machine.loaded].settings
    member = settings.member(machine.node)
    lease = state.claim.lease_until() - machine.clock.read(now) if state is not None else 0
    return NodeView(
        machine.node,
        machine.powered,
        state is not None and not machine.frozen and not machine.all_frozen,
        state.world.role if state is not None else None,
        state.world.reason if state is not None else None,
        state.ballots.term if state is not None else 0,
        state.claim.tenure if state is not None else None,
        max(0, lease),
        member.prio if member is not None else 0,
        state.world.members if state is not None else frozenset(),
        state.world.quorate if state is not None else False,
        machine.loaded,
        machine.powered and machine.kernel.speaks(now),
        machine.manager,
    )


class MachinesView(NamedTuple):
    """Virtual machines as a daemon tells of them (docs/control-sockets.md)."""

    brief: dict[str, Any]
    whole: dict[str, Any]


def machines_of(machine: Machine) -> MachinesView | None:
    """As the daemon of one node does; None if none runs there."""
    estate, lease = machine.estate.state, machine.state
    if estate is None or lease is None:
        return None
    facts = facts_of(lease, machine.clock.read(machine.cluster.timeline.now))
    return MachinesView(brief(estate, facts), picture(estate, facts))


def words(detail: object) -> str:
    """A detail of a log line."""
    value = getattr(detail, "value", detail)
    if isinstance(detail, tuple) and hasattr(detail, "ballot"):
        return str(getattr(detail, "identity", None) or "nothing")
    return str(value)
