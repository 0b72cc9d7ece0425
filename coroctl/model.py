"""The vocabulary that every part shares: node ids, states, roles, and the frozen snapshot of a cluster.

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


class Link(NamedTuple):
    """One knet link from this node to another one, as this node's corosync sees it."""

    number: int
    """0 to 7, the N of ringN_addr."""
    local: str
    """Address of this node's end; empty if it is not told."""
    remote: str
    enabled: bool
    connected: bool
    mtu: int | None
    """Bytes; None if it is not told."""
    latency_us: int | None
    """knet's running average, microseconds."""
    ups: int | None
    """How often it came up since corosync started."""
    downs: int | None


class Hearing(NamedTuple):
    """That one node's corolistener hears another one's."""

    node: NodeId
    """The one that is heard."""
    ms: int
    """How long ago the last thing from it was taken in."""


class Pause(NamedTuple):
    """A time in which corosync itself did not get the processor."""

    at: float
    """Its end, seconds since 1970."""
    ms: int


class Load(NamedTuple):
    """Of a node's machine."""

    average: float
    """Processes that ran or waited to run, in the last minute."""
    cores: int
    """Processors that they share."""


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
    votes: int | None = None
    """As corosync counts them; of a node that it does not count, as configured."""
    addresses: tuple[str, ...] = ()
    """Of every link, in order, as `address`."""
    config_version: int | None = None
    """Of the configuration that the node's corosync has loaded."""
    links: tuple[Link, ...] = ()
    """From this node to that one; none to itself, nor where the transport does not tell."""
    reason: str = ""
    """Why it is not master, in words; empty for the master, and where no corolistener tells it."""
    heard_ms: int | None = None
    """How long ago this node's corolistener last heard that one's; None if it never did."""
    current: bool | None = None
    """Whether its corolistener has the configuration that a majority has loaded; None if that is not known."""
    skew_ms: int | None = None
    """Its wall clock less this node's; None if it is not told."""
    eligible: bool | None = None
    """Whether it could be master now; None if it is not told."""
    hears: tuple[Hearing, ...] | None = None
    """Whose heartbeats its corolistener takes in; None if that is not told."""
    config_sha256: str = ""
    """Of the file that its corolistener has loaded; empty if that is not told."""
    load: Load | None = None
    """None if its corolistener has not told it lately."""


class Quorum(NamedTuple):
    """The vote, in votes."""

    present: int
    needed: int
    expected: int
    highest_expected: int
    flags: tuple[str, ...]
    """In corosync-quorumtool's words: Quorate, 2Node, WaitForAll, Qdevice ..."""
    ring_id: str
    """``nodeid.sequence``, the sequence in hexadecimal, as corosync-quorumtool writes it; empty if not told."""
    provider: str = ""


class Qdevice(NamedTuple):
    """A quorum device that is registered on this node."""

    name: str
    votes: int
    alive: bool
    casts_vote: bool


class Configuration(NamedTuple):
    """The configuration file of this node, beside what its corosync has loaded."""

    file: str
    loaded_version: int | None
    """totem.config_version as corosync has it; None if it did not say. 0 if the file gives none."""
    version: int | None
    """The same of the file as it is now; None if it cannot be read."""
    sha256: str
    """Of the file as it is now, hexadecimal; empty if it cannot be read."""


class Lease(NamedTuple):
    """The right to be master, as this node's corolistener hears of it."""

    holder: NodeId
    term: int
    """Of successive leases it strictly rises."""
    lease_ms: int
    """How long it lasts unrenewed."""
    age_ms: int
    """Since what it rests on was sent (one's own) or heard."""
    remaining_ms: int
    """One's own: until it ends. Another node's: at most."""


class Transition(NamedTuple):
    """Something that belonged to a change of this node's role."""

    at: float
    """Seconds since 1970."""
    term: int
    event: str
    """As in the log: claimed, lease, step, master ..."""
    detail: str
    took_us: int
    """0 where it has no duration."""


class Mastership(NamedTuple):
    """What the corolistener of this node tells beyond roles."""

    master: NodeId | None
    """Who holds the address and runs the manager; None if nobody who is heard does."""
    since: float | None
    """Seconds since 1970; since when this corolistener knows it."""
    lease: Lease | None
    address: str
    """``10.0.0.100/32``; empty if none is configured."""
    device: str
    service: str
    """The manager's unit; empty if none is configured."""
    dead_man: str
    """What silences the address of a frozen node: nftables, lifetime, none (no address)."""
    warnings: tuple[str, ...]
    """What is not safe now."""
    alarms: tuple[str, ...]
    """Those that are not over."""
    change: str
    """The change of the configuration that is under way, in words."""
    transitions: tuple[Transition, ...]
    """The last ones, the oldest first."""
    stalls: int
    """How often its loop was more than 100 ms late."""
    longest_stall_ms: int
    dropped: tuple[tuple[str, int], ...]
    """Datagrams that it did not take in, by reason."""


class Wait(NamedTuple):
    """A lost node whose machines are not recovered yet."""

    node: NodeId
    waits_for: str
    until: float | None
    """Seconds since 1970; None: nobody knows."""
    why: str
    """What went wrong the last time; empty: nothing."""


class Failure(NamedTuple):
    """A node that surely ran no machine any more, and lost those that it had."""

    node: NodeId
    why: str
    """Fenced, its watchdog, shut down, confirmed dead."""
    at: float
    """Seconds since 1970."""
    machines: int


class Trouble(NamedTuple):
    """An alarm about virtual machines that this node's corolistener has raised."""

    what: str
    about: str
    """A machine's name, or a node's id; empty: neither."""
    node: NodeId | None


class Machinery(NamedTuple):
    """What the corolistener of this node tells of virtual machines, in brief."""

    managed: int
    recovery: tuple[Wait, ...]
    """What it waits for, as the master tells."""
    failures: tuple[Failure, ...]
    """The last ones, the oldest first."""
    troubles: tuple[Trouble, ...]


class Source(Enum):
    """Where a snapshot comes from."""

    COROSYNC = "corosync"
    """corosync's own libraries, asked on this node."""
    DAEMON = "corolistener"
    """The corolistener of this node: for whom corosync does not let ask."""
    COMMANDS = "commands"
    """corosync's command line tools, run on this node."""
    FILE = "file"
    """Only the configuration file: corosync did not answer."""
    SIMULATION = "simulation"
    """A recorded scenario: no real cluster."""


class Availability(Enum):
    """What became of asking corosync on this node."""

    ANSWERED = "answered"
    DOWN = "not running"
    SILENT = "not answering"
    """It runs and does not answer in time: frozen, or starved."""
    DENIED = "access denied"
    UNUSABLE = "unusable"
    """A client library is missing, or the answer could not be used."""


class Gap(NamedTuple):
    """Something that a snapshot does not tell."""

    what: str
    """links, roles, votes, configuration ..."""
    reason: str


class Snapshot(NamedTuple):
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
    local: NodeId | None = None
    """The node that was asked."""
    transport: str = ""
    quorum: Quorum | None = None
    qdevice: Qdevice | None = None
    configuration: Configuration | None = None
    gaps: tuple[Gap, ...] = ()
    mastership: Mastership | None = None
    """None where no corolistener tells it."""
    pauses: tuple[Pause, ...] | None = None
    """Of this node's corosync, the last one first, at most 10; None if they are not told."""
    machinery: Machinery | None = None
    """None where no corolistener tells it, or nobody has anything to do with virtual machines."""

    def node(self, nodeid: NodeId | None) -> Node | None:
        """The node with that id, if it is in the snapshot."""
        return next((node for node in self.nodes if node.nodeid == nodeid), None)

    @property
    def can_lose(self) -> int | None:
        """How many more member nodes may fail, at worst, before the votes no longer suffice; None if not known.

        Counts the votes as they stand: what last_man_standing or allow_downscale would change meanwhile is not
        in it.
        """
        if self.quorum is None or not self.quorate:
            return None
        votes = sorted((node.votes or 0 for node in self.nodes if node.status is NodeStatus.JOINED), reverse=True)
        left = self.quorum.present
        for lost, vote in enumerate(votes):
            left -= vote
            if left < self.quorum.needed:
                return lost
        return len(votes)
