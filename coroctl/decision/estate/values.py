"""The words of the estate: machines, operations, positions, and what a heartbeat says of its node's machines.

Plain frozen values. They know nobody but the vocabulary, and decide nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.model import NodeId

LIFE = 1 << 32
"""A holder's later life in the same term (L15) numbers its operations from a multiple of this, plus one: what its
former life may have told of and not kept is never confused with what is made now."""
UNKNOWN_COUNT = -1


class Position(NamedTuple):
    """The place of an operation in the order of all that were ever made. epoch: the term of the lease (L17)."""

    epoch: int
    seq: int

    def __str__(self) -> str:
        life, number = divmod(self.seq, LIFE)
        return f"{self.epoch}.{number}" if not life else f"{self.epoch}.{life}.{number}"


NOTHING = Position(0, 0)
"""No operation at all: no replica, or an empty one."""
LOST = Position(0, 1)
"""A replica that is damaged, or went with the disk: it may have acknowledged what nobody else has."""


class Wanted(Enum):
    """What is to be of a machine."""

    RUNNING = "running"
    OFF = "off"


class Seen(Enum):
    """What a machine's owner has last said of it, or a hypervisor says."""

    RUNNING = "running"
    PAUSED = "paused"
    OFF = "off"
    FAILED = "failed"
    """It could not be started."""
    LEFT = "left"
    """It has left by live migration (M6): its memory is where it was meant to go, paused."""
    UNKNOWN = "unknown"


class Machine(NamedTuple):
    """A managed machine."""

    name: str
    """libvirt's, unique in the cluster."""
    uuid: str
    xml: str
    """What it is defined from, wherever it is started."""
    node: NodeId
    """The owner: the one node that may run it. 0: no node."""
    wanted: Wanted = Wanted.RUNNING
    seen: Seen = Seen.UNKNOWN
    seen_on: NodeId = NOBODY
    priority: int = 0
    """The larger one is recovered first."""
    memory_mib: int = 0
    grant: Position = NOTHING
    """Of the operation that made `node` its owner."""
    to: NodeId = NOBODY
    """The owner is asked to give it up, so that this node may have it."""
    tried: tuple[NodeId, ...] = ()
    """Who has failed to start it since it last ran."""
    live: Position = NOTHING
    """M6: `to` is to get it by live migration, as the operation at that position asks. NOTHING: it is stopped first."""
    stayed: str = ""
    """Why its last live move came to nothing, until the next move."""


class Opened(NamedTuple):
    """An epoch begins (or goes on in another life of its holder), on what was there."""

    on: Position


class Adopted(NamedTuple):
    """A machine is managed from now on, or its definition is another one."""

    machine: Machine


class Forgotten(NamedTuple):
    """A machine is managed no more. It stays as it is."""

    name: str


class Asked(NamedTuple):
    """Its owner is asked to stop it and to give it up, for that node (0: never mind)."""

    name: str
    to: NodeId
    live: bool = False
    """M6: to let it go by live migration."""
    why: str = ""
    """Of a live move that is withdrawn: why the machine stays."""


class GivenUp(NamedTuple):
    """M2 (a): the owner has told that it does not run there, and will not be started under this grant."""

    name: str
    seen: Seen
    why: str


class NodeFailed(NamedTuple):
    """M2 (b): a node is clear. What it owned has no owner, and waits to be recovered."""

    node: NodeId
    incarnation: int
    """The last one that was heard."""
    why: str


RECOVERY = "recovered"
"""Why a machine of a failed node is granted to another one."""


class Granted(NamedTuple):
    """A machine without an owner gets one."""

    name: str
    node: NodeId
    why: str


class Reported(NamedTuple):
    """What its owner says of a machine."""

    name: str
    seen: Seen


Change = Opened | Adopted | Forgotten | Asked | GivenUp | NodeFailed | Granted | Reported


class Operation(NamedTuple):
    """One change of the inventory. Made by a master whose lease is valid, and by nobody else (I1)."""

    position: Position
    change: Change
    wall_s: int = 0
    """Seconds since 1970, for people: nothing is decided by it."""
    actor: str = ""
    """Who wanted it; empty: the master itself."""


class Report(NamedTuple):
    """What an owner says of one machine of its own, until the inventory says the same."""

    name: str
    grant: Position
    """The ownership that it speaks of."""
    seen: Seen
    given_up: bool = False
    """It does not run here, and will not be started under that grant."""
    stayed: Position = NOTHING
    """M6 (c): the live move that was asked for at that position has come to nothing."""
    why: str = ""
    """Of that."""


class Word(NamedTuple):
    """The last that this life of a node took in of another one, which it does not hear now, where that matters (C2).

    Told only if that other one had heard of this life.
    """

    node: NodeId
    incarnation: int
    watchdog_us: int
    """Its armed watchdog's timeout; 0: not armed."""
    stopping: bool
    """It had announced its stop."""


class WaitsFor(Enum):
    """What the recovery of a node waits for."""

    AGENT = "its fence agent, which is being called"
    RETRY = "the next call of its fence agent"
    WATCHDOG = "its watchdog, until that must have fired"
    UNWATCHED = "confirm-dead: no majority says that it has lost it with an armed watchdog"
    CONFIRM = "confirm-dead: no fencing is configured"
    STOPPED = "confirm-dead: its daemon was stopped cleanly, and nobody knows what runs there"


class Wait(NamedTuple):
    """A lost node whose machines are not recovered yet."""

    node: NodeId
    waits_for: WaitsFor
    until_s: int = 0
    """Until when, in seconds since 1970, for people; 0: nobody knows."""
    why: str = ""
    """What went wrong the last time."""


class Stock(NamedTuple):
    """What each heartbeat says of its node's estate."""

    position: Position = NOTHING
    """Of its replica, as far as it is fsynced."""
    head: Position = NOTHING
    """As holder, once its epoch is opened: the newest operation that it has made, stored or not."""
    settled: Position = NOTHING
    """As holder: every replica that it hears has stored everything up to here (I4)."""
    obeys: Position = NOTHING
    """What it owns it knows up to here, and it has heard the current epoch (M1)."""
    running: int = UNKNOWN_COUNT
    """Processes of managed machines, paused ones included; -1: not known."""
    paused: bool = False
    """Machines that we have paused are left."""
    free_mib: int = UNKNOWN_COUNT
    """Memory for more machines; -1: there is no hypervisor."""
    reports: tuple[Report, ...] = ()
    watchdog_us: int = 0
    """Its armed watchdog's timeout; 0: not armed, or it will not be before long."""
    leaving: bool = False
    """The whole node is shutting down, and nothing will be started on it any more (C3)."""
    words: tuple[Word, ...] = ()
    waits: tuple[Wait, ...] = ()
    """As holder: what the recovery of lost nodes waits for."""


EMPTY = Stock()
"""Of a node that has nothing to do with machines."""
WHY_MAX = 200
"""Characters of a report's reason."""
REPORTS_MAX = 16
"""In one heartbeat; the rest follow when these are in the inventory."""


class Domain(NamedTuple):
    """A machine as the hypervisor of this node shows it, managed or not."""

    name: str
    uuid: str
    seen: Seen
    """RUNNING, PAUSED or OFF (defined, and no process)."""
    arriving: bool = False
    """By live migration: it is paused, and what runs is still elsewhere. (Or it is just being started.) Where it is
    migrated from it is shown so for the last moment."""
    left: bool = False
    """Off, since a live migration took it away."""
