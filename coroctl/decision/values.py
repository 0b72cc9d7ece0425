"""The words of the core: tenures, marks, ballots, offices, and every reason for not being eligible.

Plain frozen values. They know nobody but the vocabulary, and decide nothing.
All times are integers: microseconds of the clock of the node that they belong to (CLOCK_BOOTTIME).
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.model import NodeId

if TYPE_CHECKING:
    from coroctl.decision.estate.values import Stock

NOBODY = NodeId(0)


class Tenure(NamedTuple):
    """One claim of one life of one daemon (L1): compared as a whole, ordered by term."""

    term: int
    node: NodeId
    boot: int
    nonce: int

    def __str__(self) -> str:
        return f"{self.term}/{self.node}"


class Mark(NamedTuple):
    """A datagram of some node, as its hearers name it: which life of the sender, and which of its sequences."""

    incarnation: int
    sequence: int


class Identity(NamedTuple):
    """Which configuration file: its number and its content (sha256)."""

    version: int
    digest: str

    def __str__(self) -> str:
        return f"{self.version}:{self.digest[:8]}"


Weights = tuple[tuple[NodeId, int], ...]
"""A voter list: nodes and votes, by node."""


class Ballot(NamedTuple):
    """Order among proposals for the next configuration: the holder's term, its life in it (L15), its own count."""

    term: int
    life: int
    number: int


class Staged(NamedTuple):
    """What a node has stored beside its configuration. identity None: the proposal of that ballot is "nothing"."""

    ballot: Ballot
    identity: Identity | None


class Proposal(NamedTuple):
    """What the holder asks everybody to stage; committed once it may be loaded."""

    ballot: Ballot
    base: Identity
    identity: Identity | None
    source: NodeId
    committed: bool


class Office(Enum):
    """Where a node stands with its own tenure."""

    VOTER = "voter"
    STORING = "storing its claim"
    CLAIMING = "claiming"
    HOLDING = "holding"
    RELEASING = "releasing"


CLAIMS = frozenset({Office.CLAIMING, Office.HOLDING})
"""Who has a tenure of its own, and tells it."""


class Standing(IntEnum):
    """What a node may be elected for: the larger, the better."""

    NONE = 0
    COORDINATOR = 1
    MASTER = 2


class Reason(Enum):
    """Why a node is not eligible. Everybody can read it; the table below says what it bars."""

    STARTING = "its daemon is starting"
    LEFTOVERS = "what is left of its time as master is being removed"
    UNTRUSTED = "its state was lost, or is older than what is known of it"
    HOLDOFF = "start hold-off"
    STOPPING = "its daemon is stopping"
    NOT_QUORATE = "corosync is not quorate there"
    STALE = "its configuration is not the current one"
    CONFLICT = "its configuration has the number of another one"
    HEARS_TOO_FEW = "it does not hear a majority"
    BACKOFF = "its last claim failed"
    HANDED_OVER = "it has just handed over"
    DISK = "it cannot store its state"
    SUSPENDED = "suspended by an operator"
    PRIO_ZERO = "priority 0"
    UPLINK = "the device of the cluster address is down"
    PING = "ping_target does not answer"
    PROMOTION_FAILED = "its last promotion failed"


ONLY_COORDINATOR = frozenset(
    {Reason.SUSPENDED, Reason.PRIO_ZERO, Reason.UPLINK, Reason.PING, Reason.PROMOTION_FAILED},
)
"""A node with one of these may hold the lease, but not the address; every other reason bars both."""


def standing_of(reason: Reason | None) -> Standing:
    """What a node may be elected for, given its reason."""
    if reason is None:
        return Standing.MASTER
    return Standing.COORDINATOR if reason in ONLY_COORDINATOR else Standing.NONE


class Record(NamedTuple):
    """What must survive a power cut. Written whole, fsynced, with a checksum (the daemon's matter)."""

    counter: int = 0
    """How often this node's daemon has started: the durable half of its incarnation."""
    vote: Tenure | None = None
    promise_us: int = 0
    """How long the vote's holder asked to be promised (L + slack)."""
    given_up: Tenure | None = None
    """The newest tenure of this node that it has given up (L12)."""
    floor: int = 0
    """No term up to this one is granted, whoever lost which vote (L9)."""
    lists: tuple[Weights, ...] = ()
    """The loaded voter list first, then the former ones whose majorities are still needed (L16)."""


class Run(NamedTuple):
    """What is kept in /run: it dies with the boot, and is cheap to write at each renewal."""

    boot: int
    counter: int
    vote: Tenure | None
    lease_us: int
    """L of that tenure, if it is this node's own."""
    lease_until: int
    """When this node's own lease ends; 0 if it holds none, or has begun to give it up."""
    guard_until: int
    """When something outside the daemon must kill it, the manager and the address, unless this is written anew; 0:
    never. Not cleared by a lost lease, but by the confirmed end of the clean-up: the daemon may be frozen between.
    """


class Heartbeat(NamedTuple):
    """The whole state of a node, as it tells it every heartbeat_ms and at once on any change (L2)."""

    sender: NodeId
    incarnation: int
    sequence: int
    """The sender's clock when it decided to send, made strictly rising: an echo of it says when it was sent."""
    echo: dict[NodeId, Mark]
    """Per peer, its newest datagram that was processed. Only this renews a lease."""
    hello: dict[NodeId, Mark]
    """Per peer, the newest datagram of an incarnation that is not accepted yet (L3)."""
    news: News


class News(NamedTuple):
    """The part of a heartbeat whose every change is sent at once."""

    office: Office
    tenure: Tenure | None
    """What the sender claims or holds."""
    lease_us: int
    promise_us: int
    """L and P of `tenure`'s holder: they bind the voter, whatever its own settings say."""
    vote: Tenure | None
    """The sender's own vote; None while it is being stored (L8)."""
    vote_promise_us: int
    """P of that vote, for a peer that has lost its state (L9)."""
    term: int
    """The highest term that the sender has seen."""
    would: NodeId
    """Whom it would grant a claim now (pre-vote)."""
    reason: Reason | None
    prio: int
    given_up: Tenure | None
    """The newest given-up tenure that it knows of, its own or another's."""
    handed_to: NodeId
    """In a planned hand-over, to whom; the manager has stopped."""
    identity: Identity
    voters_digest: int
    """Of the voter list it has loaded."""
    former: tuple[Weights, ...]
    """Former voter lists that still count for it (L16), so that they count for whoever needs its vote."""
    serving: bool
    """It holds the address and the manager runs."""
    stopping: bool
    staged: Staged | None
    proposal: Proposal | None
    stock: Stock
    """Of the sender's machines: the estate's matter."""
