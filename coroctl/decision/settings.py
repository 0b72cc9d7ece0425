"""What a loaded configuration says to the core: nodes, votes, times. Parsed elsewhere; no file is known here."""

from __future__ import annotations

from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

MS = 1000
SECOND = 1000 * MS


class Fencing(Enum):
    """How it is made sure that a lost node runs nothing."""

    NONE = "none"
    WATCHDOG = "watchdog"
    AGENT = "agent"


class Member(NamedTuple):
    """One node of the nodelist."""

    node: NodeId
    prio: int = 1
    votes: int = 1
    suspended: bool = False
    replica: bool = False
    """`replication: on`: it keeps a replica of the inventory."""


class Voters(NamedTuple):
    """A list of voters with their weights, and what counts as a majority of it."""

    weights: dict[NodeId, int]
    total: int
    majority: int
    digest: int

    @staticmethod
    def of(pairs: tuple[tuple[NodeId, int], ...], *, majority: bool = True) -> Voters:
        """From nodes and votes: never from expected_votes or two_node. `majority` is a mutation's seam."""
        total = sum(votes for _, votes in pairs)
        digest = int.from_bytes(sha256(repr(sorted(pairs)).encode()).digest()[:7])
        return Voters(dict(pairs), total, total // 2 + (1 if majority else 0), digest)

    def pairs(self) -> tuple[tuple[NodeId, int], ...]:
        """What `of` made it from."""
        return tuple(sorted(self.weights.items()))


class Settings(NamedTuple):
    """The values of the corosync.conf that corosync has loaded, defaults filled in."""

    identity: Identity
    members: tuple[Member, ...]
    lease_us: int = 2000 * MS
    slack_us: int = 200 * MS
    heartbeat_us: int = 200 * MS
    holdoff_us: int = 3200 * MS
    failback: bool = False
    failback_delay_us: int = 60 * SECOND
    address: bool = True
    """A cloud_ip is configured."""
    service: bool = True
    """A manager is configured."""
    ports: bool = True
    """The manager answers on TCP ports, which are checked."""
    service_start_us: int = 30 * SECOND
    service_stop_us: int = 30 * SECOND
    service_kill_us: int = 500 * MS
    fencing: Fencing = Fencing.NONE
    recover_stopped: bool = False
    """`on_clean_stop: recover`."""
    migrates: bool = False
    """`migration_uri` is set."""

    @property
    def promise_us(self) -> int:
        """P of a tenure that is claimed under these settings."""
        return self.lease_us + self.slack_us

    def member(self, node: NodeId) -> Member | None:
        """The node's row."""
        for one in self.members:
            if one.node == node:
                return one
        return None

    def largest(self) -> int:
        """The largest configured priority."""
        return max((one.prio for one in self.members), default=0)

    def voters(self) -> tuple[tuple[NodeId, int], ...]:
        """Nodes and votes, by node."""
        return tuple(sorted((one.node, one.votes) for one in self.members))
