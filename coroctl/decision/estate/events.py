"""Everything that can happen to the estate. The shell makes these, and reads clock and facts for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from coroctl.decision.actions import Step
    from coroctl.decision.estate.facts import Facts
    from coroctl.decision.estate.inventory import Inventory
    from coroctl.decision.estate.values import Domain, Operation
    from coroctl.decision.messages import Verb
    from coroctl.model import NodeId


class Tick(NamedTuple):
    """Time has passed, or the facts are others."""


class Stored(NamedTuple):
    """fsync of that store has returned."""

    number: int


class StoreFailed(NamedTuple):
    """That store failed; what is on the disk now is unknown."""

    number: int
    why: str


class Batch(NamedTuple):
    """What a node answers to a pull: the operations after the asker's position, or else the whole of it."""

    operations: tuple[Operation, ...] = ()
    whole: Inventory | None = None


class Pulled(NamedTuple):
    """A pull has been answered."""

    number: int
    batch: Batch


class Hypervisor(NamedTuple):
    """Every machine that this node's hypervisor has, managed or not; told anew whenever one changes."""

    domains: tuple[Domain, ...]
    free_mib: int
    """Memory for more machines."""


class HypervisorGone(NamedTuple):
    """It cannot be asked. The next Hypervisor ends it."""


class Done(NamedTuple):
    """A command to the hypervisor has succeeded. The Hypervisor event that shows it has come before."""

    number: int


class Failed(NamedTuple):
    """A pull, a reading or a command to the hypervisor failed, or took too long."""

    number: int
    why: str


class Fenced(NamedTuple):
    """A node's fence agent has ended, or was ended."""

    number: int
    off: bool
    """`off` has succeeded, and a `status` after it says off."""
    asked_at: int
    """This node's clock before that `status` was begun."""
    on: bool
    """`off` has succeeded, and that `status` says on: it lies."""
    why: str
    """Why it is not off."""


class Watchdog(NamedTuple):
    """This node's watchdog is armed with that timeout (0: it is not)."""

    timeout_us: int


class Disarm(NamedTuple):
    """This life ends: let the watchdog be disarmed as soon as that is safe."""


class Leaving(NamedTuple):
    """The whole node is shutting down."""


class DomainRead(NamedTuple):
    """A machine's definition, from the node that has it."""

    number: int
    domain: Domain
    xml: str
    memory_mib: int


class StepAsked(NamedTuple):
    """The lease's core asks for one of its steps about machines. Ends in StepDone or StepFailed."""

    number: int
    step: Step


class Wish(NamedTuple):
    """An operator's request, at the holder. The same id twice is one wish."""

    id: str
    verb: Verb
    """One of messages.ABOUT_MACHINES."""
    name: str
    """Of a machine; empty where none is meant."""
    node: NodeId
    origin: NodeId
    """The node that was asked, and gets the answer."""
    actor: str = ""
    cold: bool = False
    """A move: stopped and started, also where it could be live."""


Event = (
    Tick
    | Stored
    | StoreFailed
    | Pulled
    | Hypervisor
    | HypervisorGone
    | Done
    | Failed
    | DomainRead
    | Fenced
    | Watchdog
    | Disarm
    | Leaving
    | StepAsked
    | Wish
)


class Input(NamedTuple):
    """One event, with the clock and the facts when it was taken in hand."""

    now: int
    """Microseconds of this node's clock (CLOCK_BOOTTIME)."""
    wall_s: int
    """Seconds since 1970: noted in operations, for people."""
    facts: Facts
    event: Event
