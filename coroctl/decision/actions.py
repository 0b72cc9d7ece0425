"""Everything that the core asks of the shell around it: data, in an order that matters.

Ordering rules (as etcd raft's Ready has them):

1. The actions of one step are carried out one after the other, in the order of the list. Nothing of a later step
   is begun before an earlier step's actions have been begun. Those that take long (Store, Do, files) are *begun* in
   order and end whenever they end, each with its event.
2. Before **each** action the shell reads the clock and drops the action if its `before` has passed (L5): a process
   that was frozen between two actions must not go on as if nothing had happened. (0: no limit.)
3. Store writes are made one at a time, and Stored means that fsync has returned. A Send may leave before a Store of
   the same list has ended: the core never tells in a Send what is not stored yet.
4. RenewDeadMan is three things in this order, of the one thread that makes all calls about the gate in the order in
   which they were asked for: the ticket is set, and the kernel has said so; the clock is read; in one transaction the
   ticket is deleted and the element set to what is left until then. None of them is retried by the shell.
5. Do(DISARM) is Done only when the kernel has confirmed that element and tickets are gone.
6. WriteRun is a write to tmpfs and needs no fsync. Its guard_until arms the guard: something that is not this
   process (it may be frozen) kills this process and the manager and drops the address if that moment passes by
   100 ms unrenewed. (0: no guard.)
7. Wake replaces the former wake-up.
8. Whatever was begun ends in exactly one event, in bounded time, unless this process dies: a StageFile that never
   ended would keep this node from voting.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from coroctl.decision.messages import Answer, Edit, Request
    from coroctl.decision.values import Heartbeat, Identity, Reason, Record, Run, Staged, Tenure
    from coroctl.model import NodeId


class Step(Enum):
    """One thing to do on this node, that ends in Done or Failed."""

    ADD_ADDRESS = "add address"
    """With a lifetime, which the shell renews with each commit of the dead-man; and announced from then on."""
    LOCK = "create the lock file"
    BRING_INVENTORY = "bring the inventory up"
    """Only if the manager has moved here (`.lock.vmmgr.relocated` is missing); else Done at once."""
    START_MANAGER = "start the manager"
    """The clock is read against `before` once more where it takes effect (ExecCondition). Failed after
    service_start_s."""
    CHECK_PORTS = "check the ports"
    """Failed if not all answer within service_start_s."""
    QUEUE_RECOVERY = "queue recovery, mark as relocated"
    STOP_MANAGER = "stop the manager"
    KILL_MANAGER = "kill the manager"
    """SIGKILL to its control group; also ends a start or stop that is under way. Within service_kill_ms."""
    DISARM = "disarm"
    REMOVE_ADDRESS = "remove address"
    UNLOCK = "remove the lock files"
    RESTORE_GATE = "put the dead-man's table back"
    PAUSE_MACHINES = "pause the machines"
    RESUME_MACHINES = "resume the machines"
    """Those that we have paused, also in a former life; asked for once by every life that is not suspended."""
    EXIT = "exit"


class Event(Enum):
    """What is worth a line in the log."""

    INCARNATION = "incarnation"
    GRANTED = "granted"
    CLAIMED = "claimed"
    CLAIM_FAILED = "claim-failed"
    LEASE = "lease"
    RENEWED_AFTER_RESTART = "renewed-after-restart"
    LEASE_LOST = "lease-lost"
    GIVEN_UP = "given-up"
    STEP = "step"
    STEP_FAILED = "step-failed"
    MASTER = "master"
    COORDINATOR = "coordinator"
    SLAVE = "slave"
    SUSPENDED = "suspended"
    HAND_OVER = "hand-over"
    CONFIGURATION = "configuration"
    PROPOSED = "proposed"
    STAGED = "staged"
    COMMITTED = "committed"
    WITHDRAWN = "withdrawn"
    BOTH_LISTS = "both-lists"
    ONE_LIST = "one-list"


class Alarm(Enum):
    """What an operator must look at."""

    OLDER_STATE = "a later life of this node is known: its state file is an older copy, or another node has its id"
    TWINS = "two machines have one nodeid: stop one of them, and give it another one"
    STATE_LOST = "the state file is lost or damaged"
    CONFLICT = "the loaded file has the number of another one"
    MINORITY = "a minority has a configuration that is not the current one"
    TOO_MANY_CHANGES = "more than one node was added or removed at once"
    STORE = "the state cannot be stored"
    ADDRESS_GONE = "the cluster address was removed by somebody else"
    GATE_GONE = "the dead-man's table was removed by somebody else"
    PROMOTION = "a promotion failed"
    NOT_STAGED = "a member did not store the new configuration"


class Send(NamedTuple):
    """The heartbeat, to every configured node on every link."""

    heartbeat: Heartbeat


class Store(NamedTuple):
    """Write the record and fsync it. Ends in Stored or StoreFailed."""

    number: int
    record: Record


class WriteRun(NamedTuple):
    """Write /run, and set the guard to its lease_until."""

    run: Run


class RenewDeadMan(NamedTuple):
    """L6: let the address speak until then, and not a moment longer. Ends in DeadManCommitted or DeadManRefused."""

    ticket: int
    until: int
    """s + L; also the action's `before`."""


class Do(NamedTuple):
    """Carry out a step."""

    number: int
    step: Step
    before: int = 0


class EditFile(NamedTuple):
    """Make the edit on the loaded file, version + 1, lint it, keep the result. Ends in FileEdited or FileFailed."""

    number: int
    edit: Edit
    base: Identity


class FetchFile(NamedTuple):
    """Request a file from a node and check it, without storing it. Ends in FileFetched or FileFailed."""

    number: int
    identity: Identity
    source: NodeId
    adopted: bool = False
    """An operator wants it, whatever file this node has."""


class StageFile(NamedTuple):
    """Store the file (if any) beside the loaded one with its ballot, fsync. Ends in FileStaged or FileFailed."""

    number: int
    staged: Staged


class LoadFile(NamedTuple):
    """Rename a staged or fetched file into place, reload corosync. Ends in ConfigurationLoaded or FileFailed."""

    number: int
    identity: Identity


class Relay(NamedTuple):
    """Pass a request on to the holder's daemon."""

    to: NodeId
    request: Request


class Pass(NamedTuple):
    """A request about machines, to the estate of this holder. Ends in Judged; passed again, it has no second effect."""

    request: Request


class Reply(NamedTuple):
    """Answer a request: to the operator if the origin is this node, else to the origin's daemon."""

    to: NodeId
    answer: Answer


class Log(NamedTuple):
    """One line of the log."""

    event: Event
    term: int
    detail: Tenure | Identity | Staged | Step | Reason | NodeId | str | int | None = None
    took_us: int = 0


class Warn(NamedTuple):
    """An alarm; told once until it is over."""

    alarm: Alarm
    detail: str = ""


class Wake(NamedTuple):
    """Send a Tick at that moment of this node's clock."""

    at: int


Action = (
    Send
    | Store
    | WriteRun
    | RenewDeadMan
    | Do
    | EditFile
    | FetchFile
    | StageFile
    | LoadFile
    | Relay
    | Pass
    | Reply
    | Log
    | Warn
    | Wake
)
