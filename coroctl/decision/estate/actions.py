"""Everything that the estate asks of the shell around it: data. They are begun in the order of the list.

Whatever has a number ends in exactly one event with that number, in bounded time, unless the process dies.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from coroctl.decision import messages
    from coroctl.decision.actions import Step
    from coroctl.decision.estate.inventory import Inventory
    from coroctl.decision.estate.values import Machine, Operation, Position, Stock
    from coroctl.model import NodeId


class Notes(NamedTuple):
    """What this node must remember of its own machines, whoever is master: names."""

    managed: frozenset[str] = frozenset()
    """Its own, when it last obeyed: these are paused below quorum."""
    paused: frozenset[str] = frozenset()
    """M4: paused by us, so resumed by us."""


class StoreOperations(NamedTuple):
    """Append to the replica and fsync. Stores end in their order, each in Stored or StoreFailed."""

    number: int
    operations: tuple[Operation, ...]


class StoreWhole(NamedTuple):
    """Replace the replica and fsync. Ends in Stored or StoreFailed."""

    number: int
    inventory: Inventory


class StoreNotes(NamedTuple):
    """Replace the notes and fsync. Ends in Stored or StoreFailed."""

    number: int
    notes: Notes


class PullFrom(NamedTuple):
    """Ask a node for what comes after a position. Ends in Pulled or Failed."""

    number: int
    node: NodeId
    position: Position


class ReadDomain(NamedTuple):
    """Ask a node (maybe this one) for a machine's definition. Ends in DomainRead or Failed."""

    number: int
    node: NodeId
    name: str


class Order(Enum):
    """What a hypervisor is told to do with a machine."""

    START = "start"
    """Define it from its XML, without autostart, and start it."""
    STOP = "stop"
    """Shut it down; destroy it if it takes too long. It stays defined. Done: no start of it is under way either."""
    PAUSE = "pause"
    RESUME = "resume"
    """Done: no pause of it is under way either."""
    DESTROY = "destroy"
    """Destroy and undefine it: it is another node's."""
    MIGRATE = "migrate"
    """Copy it, as it runs, to the hypervisor of the node that asks for it, where it stays paused (M6). Done: it is off
    here, by that. A PAUSE may be given meanwhile: it aborts this."""


class Command(NamedTuple):
    """Tell this node's hypervisor. Ends in Done or Failed, each with a timeout of the driver's.

    Failed of a START means that it will not run by that start any more: another node gets it on this word. Who cannot
    know says HypervisorGone, and ends the command when it is known. So it is with the others.
    """

    number: int
    order: Order
    machine: Machine
    """With its grant, for the log. MIGRATE: to the node that its `to` says."""


class Fence(NamedTuple):
    """Have a node's fence agent switch it off, and then say that it is off. Ends in Fenced."""

    number: int
    node: NodeId


class DisarmWatchdog(NamedTuple):
    """Stop the device from counting: a majority knows of it."""


class Answer(NamedTuple):
    """The end of an operator's wish. To the lease's core, which passes it on to the node that was asked."""

    to: NodeId
    answer: messages.Answer


class StepDone(NamedTuple):
    """To the lease's core."""

    number: int
    step: Step


class StepFailed(NamedTuple):
    """To the lease's core."""

    number: int
    step: Step
    why: str


class Tell(NamedTuple):
    """What the heartbeats say from now on. To the lease's core, before anything else of the same list is begun."""

    stock: Stock


class Event(Enum):
    """What is worth a line in the log."""

    INVENTORY = "inventory"
    """Opened, at a position."""
    SNAPSHOT = "inventory-snapshot"
    ADOPTED = "machine-adopted"
    FORGOTTEN = "machine-forgotten"
    GRANTED = "machine-granted"
    GIVEN_UP = "machine-given-up"
    STARTED = "machine-started"
    STOPPED = "machine-stopped"
    PAUSED = "machine-paused"
    RESUMED = "machine-resumed"
    DESTROYED = "machine-destroyed"
    COPYING = "machine-copying"
    """To another node, by live migration."""
    MIGRATED = "machine-migrated"
    """Its copy is complete, and waits for its grant."""
    NOT_GIVEN = "machine-not-given"
    """M6 (f): its target could not have it."""
    STAYED = "machine-stayed"
    """M6 (c): a live move has come to nothing."""
    COMMAND_FAILED = "machine-command-failed"
    NODE_LOST = "node-lost"
    FENCING = "fencing"
    FENCED = "fenced"
    FENCING_FAILED = "fencing-failed"
    NODE_BACK = "node-back"
    NODE_FAILED = "node-failed"
    RECOVERED = "recovered"
    WATCHDOG = "watchdog"


class Log(NamedTuple):
    """One line of the log."""

    event: Event
    name: str = ""
    """Of a machine."""
    node: int = 0
    detail: str = ""


class Alarm(Enum):
    """What an operator must look at. About a node or a machine, that the detail names first."""

    STORE = "the inventory cannot be stored"
    BEHIND = "a replica of the inventory does not follow"
    UNOPENED = "the inventory cannot be opened"
    COMMAND = "the hypervisor did not do as it was told"
    NOT_PLACED = "no node could start a machine"
    NOT_RECOVERED = "a lost node's machines are not recovered"
    FENCING = "a node could not be fenced"
    NOT_FENCED = "a node was reported as off, and is not"


class Warn(NamedTuple):
    """An alarm; told once until it is over."""

    alarm: Alarm
    about: str = ""
    """Node or machine."""
    detail: str = ""


class WarnOver(NamedTuple):
    """It is over."""

    alarm: Alarm
    about: str = ""


class Wake(NamedTuple):
    """Send a Tick at that moment of this node's clock. Replaces the former one."""

    at: int


Action = (
    StoreOperations
    | StoreWhole
    | StoreNotes
    | PullFrom
    | ReadDomain
    | Command
    | Fence
    | DisarmWatchdog
    | Answer
    | StepDone
    | StepFailed
    | Tell
    | Log
    | Warn
    | WarnOver
    | Wake
)
