"""Everything that can happen to the core. The shell around it makes these, and reads the clock for each.

The clock is read *after* what the event tells of has happened (a record that was stored, a datagram that arrived).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from coroctl.decision.actions import Step
    from coroctl.decision.estate.values import Stock
    from coroctl.decision.messages import Answer, Request
    from coroctl.decision.settings import Settings
    from coroctl.decision.values import Heartbeat, Identity, Staged
    from coroctl.model import NodeId


class Tick(NamedTuple):
    """Time has passed: the moment that the last output's Wake asked for, or any other."""


class Heard(NamedTuple):
    """An authenticated heartbeat arrived."""

    heartbeat: Heartbeat


class Membership(NamedTuple):
    """corosync told its members and whether they are quorate."""

    members: frozenset[NodeId]
    quorate: bool


class CorosyncGone(NamedTuple):
    """The connection to corosync is lost. The next Membership ends it."""


class Uplink(NamedTuple):
    """Carrier of the cluster address's device, and whether ping_target answers (True if there is none)."""

    carrier: bool
    ping: bool = True


class Stored(NamedTuple):
    """fsync of that store has returned."""

    number: int


class StoreFailed(NamedTuple):
    """That store failed; what is on the disk now is unknown."""

    number: int
    why: str


class DeadManCommitted(NamedTuple):
    """The transaction with that ticket went through: the element lives until the moment that was asked for."""

    ticket: int


class DeadManRefused(NamedTuple):
    """The ticket was not set, or had expired, or no time was left: nothing has changed in the kernel."""

    ticket: int


class Done(NamedTuple):
    """A step has succeeded."""

    number: int
    step: Step


class Failed(NamedTuple):
    """A step has failed."""

    number: int
    step: Step
    why: str


class AddressGone(NamedTuple):
    """Somebody else removed the cluster address."""


class GateGone(NamedTuple):
    """The dead-man's table vanished (flush ruleset)."""


class ConfigurationLoaded(NamedTuple):
    """corosync has (re)loaded a file, by whoever's hand; these are its values."""

    settings: Settings


class FileEdited(NamedTuple):
    """The edit is made, linted, and has this identity."""

    number: int
    identity: Identity
    settings: Settings


class FileFetched(NamedTuple):
    """The file is here, checked against its identity; not stored yet."""

    number: int
    identity: Identity


class FileStaged(NamedTuple):
    """corosync.conf.new and its ballot are stored (fsync)."""

    number: int
    staged: Staged


class FileFailed(NamedTuple):
    """Editing, fetching, staging or loading a file failed."""

    number: int
    why: str


class Asked(NamedTuple):
    """An operator's request, at this node's control socket."""

    request: Request


class Relayed(NamedTuple):
    """A request that another node's daemon accepted."""

    sender: NodeId
    request: Request


class Answered(NamedTuple):
    """The holder's answer to a request that was relayed."""

    answer: Answer


class Judged(NamedTuple):
    """The estate's answer to a request that was passed to it."""

    origin: NodeId
    answer: Answer


class Stocked(NamedTuple):
    """What the heartbeats are to say of this node's machines from now on."""

    stock: Stock


class Stop(NamedTuple):
    """The daemon is to end cleanly."""


Event = (
    Tick
    | Heard
    | Membership
    | CorosyncGone
    | Uplink
    | Stored
    | StoreFailed
    | DeadManCommitted
    | DeadManRefused
    | Done
    | Failed
    | AddressGone
    | GateGone
    | ConfigurationLoaded
    | FileEdited
    | FileFetched
    | FileStaged
    | FileFailed
    | Asked
    | Relayed
    | Answered
    | Judged
    | Stocked
    | Stop
)


class Input(NamedTuple):
    """One event, the clock when it was taken in hand, and a random number (63 bits) for whatever needs one."""

    now: int
    draw: int
    event: Event
