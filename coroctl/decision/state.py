"""What one node knows and is: frozen groups, one an aspect, and the Turn in which a step replaces some of them.

Owns no rule. A State is never changed: a Turn starts from one, and `close` makes the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.actions import Action
from coroctl.decision.estate.values import EMPTY as NO_STOCK
from coroctl.decision.estate.values import Stock
from coroctl.decision.making import Making
from coroctl.decision.rules import RULES, Rules
from coroctl.decision.values import (
    NOBODY,
    Identity,
    Mark,
    News,
    Office,
    Proposal,
    Reason,
    Record,
    Staged,
    Tenure,
)
from coroctl.model import NodeId, Role

if TYPE_CHECKING:
    from coroctl.decision.actions import Alarm, Step
    from coroctl.decision.messages import Answer, Edit, Request
    from coroctl.decision.settings import Settings, Voters


class Life(NamedTuple):
    """This life of the daemon."""

    node: NodeId
    boot: int
    incarnation: int
    rules: Rules = RULES
    told: bool = False
    """The incarnation's counter is stored; nothing is sent before."""
    grants_from: int = 0
    """Start of voting (L9)."""
    holdoff_until: int = 0
    trusted: bool = True
    """False: the record was lost, or peers know better; fresh terms must be heard first (L9)."""
    stopping: bool = False
    beats_left: int = 3
    """After a clean release: heartbeats until the end (L14)."""


class World(NamedTuple):
    """What corosync and the uplink say, and since when a majority is not heard."""

    members: frozenset[NodeId] = frozenset()
    quorate: bool = False
    gone_at: int = 0
    """When the connection to corosync was lost; 0 while it is there."""
    carrier: bool = True
    ping: bool = True
    majority_at: int = 0
    """When a majority was last heard."""
    paused: bool | None = None
    """Machines were paused by us; None: not in this life, but a former one may have."""
    role: Role = Role.SLAVE
    reason: Reason | None = Reason.STARTING
    able_since: int = 0
    """Since when nothing has barred the lease; 0 while something does."""
    coordinates: bool = False
    """It holds the lease without the address."""
    unfit: Reason | None = None
    """The part of `reason` that concerns the address: also known while something else bars the lease."""


class Former(NamedTuple):
    """An incarnation that was replaced."""

    incarnation: int
    sent: int
    """The newest sequence of mine when it was replaced."""
    established: bool
    """It had been heard for longer than a promise, and no other one of its node (twins.py)."""


class Peer(NamedTuple):
    """Another node, as its heartbeats show it."""

    incarnation: int
    sequence: int
    named: int = 0
    """The newest sequence of mine that this incarnation ever named, by echo or hello (L3)."""
    echoed: int = 0
    """The newest sequence of mine that this incarnation has processed (L4)."""
    renewed: int = 0
    """The same, told together with a vote for my tenure (L5)."""
    last: News | None = None
    """None until its first datagram was accepted."""
    stranger: Mark | None = None
    """The newest datagram of an incarnation that is not accepted (L3)."""
    heard_at: int = 0
    """When it was last heard mutually (L4)."""
    since: int = 0
    """From when on this incarnation is heard, and, until that is established, no other one of its node (twins.py)."""
    former: Former | None = None
    rival: int = 0
    """An incarnation that is alive beside this one (twins.py)."""
    alive_at: int = 0
    """With a rival: when this one was last alive, and when the other one was."""
    rival_at: int = 0
    neither: bool = False
    """Neither of the two is heard while both live."""
    names: tuple[dict[NodeId, Mark], dict[NodeId, Mark]] = ({}, {})
    """Echo and hello of its newest heartbeat: whom it hears. For the estate; nothing of the lease goes by it."""


class Disk(NamedTuple):
    """The record: what is wanted on disk, what is there, what is on its way."""

    wanted: Record = Record()
    durable: Record = Record()
    storing: Record | None = None
    number: int = 0
    retry_at: int = 0


class Ballots(NamedTuple):
    """This node as voter."""

    promise_until: int = 0
    promise_us: int = 0
    freed: bool = False
    """The vote's exact tenure is known to be given up (L7)."""
    given_up: Tenure | None = None
    """The newest that is known, of anybody (L2: relayed)."""
    term: int = 0
    """The highest term seen anywhere."""


class Claim(NamedTuple):
    """This node as claimant or holder."""

    office: Office = Office.VOTER
    tenure: Tenure | None = None
    since: int = 0
    until: int = 0
    """Claiming: when to give up. Holding before the first echo (L15): the same."""
    lease_us: int = 0
    promise_us: int = 0
    sent: int = 0
    """s: the newest send time that a majority has echoed (L5); 0 before the first."""
    backoff_until: int = 0
    failures: int = 0
    handed_until: int = 0
    """Ineligible until then, after a hand-over (L13)."""
    handed_to: NodeId = NOBODY
    clean: bool = False
    """The manager has surely stopped here when the hand-over is told."""
    manager_from: int = 0
    """The manager must not start earlier."""
    better: NodeId = NOBODY
    better_since: int = 0
    offer_to: NodeId = NOBODY
    """The last hand-over went there (L13)."""
    offer_from: int = 0
    offer_gap: int = 0
    forced: NodeId = NOBODY
    """An operator promotes that node."""
    renewed: bool = False
    """The tenure is a former life's (L15)."""

    def lease_until(self) -> int:
        """s + L."""
        return self.sent + self.lease_us if self.sent else 0


class DeadMan(NamedTuple):
    """The kernel's element, as far as it has been confirmed."""

    ticket: int = 0
    asked_at: int = 0
    """When the renewal in flight was asked for; 0 if none is."""
    claimed: int = 0
    """The s + L that it is for."""
    until: int = 0
    """s + L of the last confirmed commit; 0 when disarmed."""


class Duty(NamedTuple):
    """The sequence being carried out (section 6)."""

    steps: tuple[Step, ...] = ()
    """What is left, the one under way first."""
    number: int = 0
    """Of the step under way; 0 if it has not been begun."""
    begun: int = 0
    started: int = 0
    ending: bool = False
    """The steps are those of a planned demotion."""
    serving: bool = False
    starts: int = 0
    """How often the manager was started in this promotion."""
    failures: int = 0
    failed_until: int = 0
    cleaning: tuple[tuple[Step, int], ...] = ()
    """Clean-up under way, with the numbers: nothing is promoted or released while it is outstanding."""
    cleaning_at: int = 0
    touched: bool = False
    """Address, manager or lock file may be here."""
    guard_until: int = 0
    """Of a lease that was lost, while its clean-up is under way (values.Run)."""
    release: bool = False
    """After the planned demotion the tenure is given up (else kept as coordinator)."""


class Adoption(NamedTuple):
    """An operator has this node take a file over its own (adoption.py)."""

    request: str
    identity: Identity
    source: NodeId


class Trouble(NamedTuple):
    """A file that could not be loaded."""

    identity: Identity
    wait_us: int
    until: int
    """Not tried again before: `wait_us` after the last attempt."""


class Files(NamedTuple):
    """The loaded configuration, and what is staged beside it."""

    settings: Settings
    lists: tuple[Voters, ...]
    """The loaded voter list first, then former ones (L16)."""
    staged: Staged | None = None
    number: int = 0
    """Of the file operation in flight; 0 if none is."""
    since: int = 0
    fetching: Identity | None = None
    fetched: Identity | None = None
    staging: Staged | None = None
    loading: Identity | None = None
    conflict: Identity | None = None
    retry_at: int = 0
    trouble: Trouble | None = None
    adopting: Adoption | None = None


class Change(NamedTuple):
    """The one change that the holder is making (section 7)."""

    edit: Edit
    origin: NodeId
    number: int
    """Of EditFile."""
    since: int
    proposal: Proposal | None = None
    withdrawing: bool = False
    voters: Voters | None = None
    """The voter list after it."""
    adopted: bool = False
    """It is a former holder's, and must be settled first."""
    why: str = ""
    """It is withdrawn, and for this reason."""


class Business(NamedTuple):
    """The holder's changes, and the operators' requests that are under way."""

    change: Change | None = None
    answered: tuple[Answer, ...] = ()
    """Of this tenure: same id twice is one effect."""
    ballots: int = 0
    settled: bool = False
    """What former holders may have committed is known and done (see changes.py)."""
    raised: bool = False
    """The own priority has been raised since the promotion, or need not be (section 6, step 6)."""
    raise_at: int = 0
    asked: tuple[tuple[Request, int], ...] = ()
    """As origin: relayed requests, and until when an answer is waited for."""
    told: tuple[Answer, ...] = ()
    """As origin: the last answers."""


class Speech(NamedTuple):
    """What was sent last."""

    sequence: int = 0
    due: int = 0
    news: News | None = None


class State(NamedTuple):
    """One node."""

    life: Life
    files: Files
    disk: Disk
    world: World = World()
    peers: dict[NodeId, Peer] = {}  # noqa: RUF012  (never changed: a Turn replaces it)
    ballots: Ballots = Ballots()
    claim: Claim = Claim()
    dead_man: DeadMan = DeadMan()
    duty: Duty = Duty()
    business: Business = Business()
    speech: Speech = Speech()
    stock: Stock = NO_STOCK
    """What the estate has us tell of this node's machines; nothing here goes by it."""
    alarms: frozenset[Alarm] = frozenset()
    numbers: int = 0
    """The last number given to an operation."""
    wake: int = 0
    """When a Tick is wanted."""


class Turn(Making[Action]):
    """One step in the making: the groups of a state, replaced as the rules say, and the actions so far."""

    __slots__ = (
        "alarms",
        "answers",
        "ballots",
        "business",
        "claim",
        "current",
        "dead_man",
        "disk",
        "draw",
        "duty",
        "files",
        "heard",
        "life",
        "lists",
        "peers",
        "speech",
        "state",
        "stock",
        "world",
    )

    def __init__(self, state: State, now: int, draw: int) -> None:
        (
            self.life,
            self.files,
            self.disk,
            self.world,
            self.peers,
            self.ballots,
            self.claim,
            self.dead_man,
            self.duty,
            self.business,
            self.speech,
            self.stock,
            self.alarms,
            numbers,
            _,
        ) = state
        super().__init__(now, numbers)
        self.draw = draw
        self.answers = False
        self.heard: dict[NodeId, News] = {}
        self.current: Identity | None = None
        self.lists = self.files.lists

    def close(self) -> State:
        """The state after the step."""
        return State(
            self.life,
            self.files,
            self.disk,
            self.world,
            self.peers,
            self.ballots,
            self.claim,
            self.dead_man,
            self.duty,
            self.business,
            self.speech,
            self.stock,
            self.alarms,
            self.numbers,
            self.wake,
        )
