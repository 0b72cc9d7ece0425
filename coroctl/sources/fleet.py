"""The managed virtual machines one by one, as this node's corolistener knows them. Blocks; ask on a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.client import Client, ProtocolError
from coroctl.model import NodeId

if TYPE_CHECKING:
    from coroctl.client import Json


class Move(NamedTuple):
    """A machine got another node, or lost the one that it had."""

    source: NodeId | None
    target: NodeId | None
    why: str
    at: float
    """Seconds since 1970."""


class Guest(NamedTuple):
    """A virtual machine."""

    name: str
    node: NodeId | None
    """The one that may run it; None: none."""
    wanted: str
    """running, off."""
    seen: str
    """running, paused, off, failed, left, unknown."""
    seen_on: NodeId | None
    """Whose word that is."""
    priority: int
    memory_mib: int
    moving_to: NodeId | None
    failed_on: tuple[NodeId, ...]
    """Who could not start it since it last ran."""
    last_move: Move | None
    live: bool
    """It moves by live migration."""
    stayed: str
    """Why its last live move came to nothing; empty if it did not."""


class Fleet(NamedTuple):
    """All of them, by name."""

    guests: tuple[Guest, ...]
    known: bool
    """There is an inventory, and it is as new as the master's was when it first heard of this daemon."""


def fleet(client: Client | None = None) -> Fleet:
    """As they are now. CoroctlError says why it is not known."""
    told = (client or Client()).machines()
    try:
        return from_json(told)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ProtocolError("corolistener tells of machines in a way that this coroctl does not know") from None


def from_json(told: Json) -> Fleet:
    """As docs/control-sockets.md has it."""
    inventory = told["inventory"]
    known = inventory is not None and inventory["position"] is not None and inventory["caught_up"]
    return Fleet(tuple(_guest(one) for one in told["machines"]), bool(known))


def _guest(one: Json) -> Guest:
    move = one["last_move"]
    return Guest(
        one["name"],
        _node(one["node"]),
        one["wanted"],
        one["seen"],
        _node(one["seen_on"]),
        one["priority"],
        one["memory_mib"],
        _node(one["moving_to"]),
        tuple(NodeId(node) for node in one["failed_on"]),
        Move(_node(move["from"]), _node(move["to"]), move["why"], move["time_s"]) if move else None,
        one["live"],
        one["stayed"] or "",
    )


def _node(value: int | None) -> NodeId | None:
    return None if value is None else NodeId(value)
