"""What an alarm is: how bad, of which kind, why, and what to do."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from coroctl.model import Node, NodeId, Snapshot


class Severity(Enum):
    """How much an alarm matters."""

    CRITICAL = "critical"
    """Something does not work, or is not safe to leave."""
    WARNING = "warning"
    """It works, and has less in reserve than it should."""


class Kind(Enum):
    """What an alarm is about: the word by which ``check --ignore`` names it."""

    COROSYNC = "corosync"
    BLIND = "blind"
    QUORUM = "quorum"
    MARGIN = "margin"
    NODE = "node"
    CONFIGURATION = "configuration"
    STARVED = "starved"
    LINK = "link"
    FLAPPING = "flapping"
    LATENCY = "latency"
    CUT = "cut"
    DAEMON = "daemon"
    CLOCK = "clock"
    MASTER = "master"
    MANAGER = "manager"
    LEASE = "lease"
    FAILOVER = "failover"
    DEAD_MAN = "dead-man"
    GUARD = "guard"
    LISTENER = "corolistener"
    RECOVERY = "recovery"
    MACHINES = "machines"


class Alarm(NamedTuple):
    """One thing that is wrong now."""

    severity: Severity
    kind: Kind
    text: str
    """Why, in a short sentence."""
    todo: str
    """What an operator can do about it."""
    node: NodeId | None = None
    """Whom it concerns; None: the cluster."""


def to_json(alarm: Alarm) -> dict[str, str | int | None]:
    """As docs/status-json.md has it."""
    return {**alarm._asdict(), "severity": alarm.severity.value, "kind": alarm.kind.value}


def label(node: Node) -> str:
    """Its name, else its number."""
    return node.name or f"node {node.nodeid}"


def named(snapshot: Snapshot, nodeid: NodeId) -> str:
    """The same by the number."""
    node = snapshot.node(nodeid)
    return label(node) if node else f"node {nodeid}"
