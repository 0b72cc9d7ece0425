"""The vocabulary that every part shares: node ids, states, roles, and the frozen view of a cluster.

Owns no behaviour beyond what a value says of itself, and knows nobody. The values are named
tuples, not dataclasses: ``coroctl -l`` pays for every import, and dataclasses cost it 16 ms.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, NewType

NodeId = NewType("NodeId", int)
"""A corosync nodeid: 1 to 4294967295. 0 never names a node."""


class NodeStatus(Enum):
    """Whether corosync has a node in its membership."""

    JOINED = "joined"
    LEFT = "left"
    ABSENT = "absent"
    """Configured, and never seen since this node's corosync started."""
    UNKNOWN = "unknown"
    """corosync did not say: it is down, frozen, or does not let us ask."""


class Role(Enum):
    """What a node's corolistener acts as."""

    MASTER = "master"
    SLAVE = "slave"
    SUSPENDED = "suspended"


class Node(NamedTuple):
    """One configured node, or a member that the configuration does not name."""

    nodeid: NodeId
    name: str
    """As configured; empty where the file gives none."""
    address: str
    """Of link 0: from the membership, else as the configuration writes it; empty if neither says."""
    status: NodeStatus
    role: Role | None = None
    """None where there is no role or no corolistener to tell it."""
    prio: int | None = None
    """None where the configuration gives none."""


class Source(Enum):
    """Where a view comes from."""

    COROSYNC = "corosync"
    """corosync's own libraries, asked on this node."""
    FILE = "file"
    """Only the configuration file: corosync did not answer."""


class Availability(Enum):
    """What became of asking corosync on this node."""

    ANSWERED = "answered"
    DOWN = "not running"
    SILENT = "not answering"
    """It runs and does not answer in time: frozen, or starved."""
    DENIED = "access denied"
    UNUSABLE = "unusable"
    """A client library is missing, or the answer could not be used."""


class View(NamedTuple):
    """What is known of the cluster at one moment, with a reason for what is not."""

    source: Source
    availability: Availability
    cluster_name: str
    nodes: tuple[Node, ...]
    """In order of nodeid."""
    quorate: bool | None
    """None while corosync did not say."""
    reason: str = ""
    """Why ``availability`` is not ANSWERED, for the operator; empty otherwise."""
