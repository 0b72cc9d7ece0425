"""What one node knows of machines: frozen groups, one an aspect, and the Turn in which a step replaces some of them.

Owns no rule; the same pattern as the lease core's state.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.estate.actions import Action, Log, Notes, Order, Warn, WarnOver
from coroctl.decision.estate.inventory import EMPTY, Inventory
from coroctl.decision.estate.rules import RULES, Rules
from coroctl.decision.estate.values import EMPTY as NO_STOCK
from coroctl.decision.estate.values import NOTHING, Domain, Operation, Position, Seen, Stock, Wait
from coroctl.decision.making import Making
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.decision.actions import Step
    from coroctl.decision.estate.actions import Alarm, Event
    from coroctl.decision.estate.events import Input, Wish
    from coroctl.decision.messages import Answer
    from coroctl.decision.values import Mark
    from coroctl.model import NodeId


class Life(NamedTuple):
    """This life of the daemon."""

    node: NodeId
    rules: Rules = RULES
    leaving: bool = False
    """The whole node is shutting down: nothing is started any more (C3)."""


class Replica(NamedTuple):
    """The inventory here: in memory, on disk, and on its way to either."""

    inventory: Inventory = EMPTY
    stored: Position = NOTHING
    """Up to here it is fsynced."""
    lost: bool = False
    """It was damaged, or went with the disk. What is copied before an epoch is opened does not heal that: it may be
    less than what was acknowledged here."""
    tail: tuple[Operation, ...] = ()
    """The newest operations, for whoever is a little behind."""
    storing: int = 0
    """The store in flight; 0 if none is."""
    storing_to: Position = NOTHING
    retry_at: int = 0
    pulling: int = 0
    """The pull in flight; 0 if none is."""
    pulling_from: NodeId = NOBODY
    retry_pull_at: int = 0
    floor: Position | None = None
    """M1: what the holder had made when it first named something that this node has sent since it started, or was
    below quorum; None: nothing yet."""
    settled: Position = NOTHING
    """Up to here every replica that the holder heard has stored it (I4)."""


class Waiting(NamedTuple):
    """An operator's wish whose operation is made, and not acknowledged yet."""

    wish: Wish
    position: Position
    since: int


class Reading(NamedTuple):
    """A machine's definition is asked for, to be adopted."""

    number: int
    wish: Wish


class Desk(NamedTuple):
    """This node as holder."""

    opened: int = 0
    """The epoch that it has opened in this life; 0: none."""
    waiting: tuple[Waiting, ...] = ()
    unopened: tuple[tuple[Wish, int], ...] = ()
    """Wishes that came before the epoch was opened, and when."""
    reading: tuple[Reading, ...] = ()
    answered: tuple[Answer, ...] = ()
    """The newest ones: a request that comes again before the lease's core knows of its answer has no second effect."""
    unsettled_since: int = 0
    """Since when something has not been acknowledged; 0: nothing waits."""
    steps: tuple[tuple[int, Step, int], ...] = ()
    """Asked for by the lease's core, and not done: number, step, when."""
    stranded: dict[str, int] = {}  # noqa: RUF012  (replaced, never changed)
    """Machines without an owner that their target cannot have; since when."""


class Departure(NamedTuple):
    """A machine of this node's that another one is to get by live migration (M6)."""

    live: Position
    """Which ask."""
    since: int
    stayed: str = ""
    """Why it came to nothing; empty if it has not."""


class Own(NamedTuple):
    """This node's own machines."""

    domains: dict[str, Domain] | None = None
    """As the hypervisor has last shown them; None: it cannot be asked."""
    free_mib: int = -1
    commands: dict[str, tuple[int, Order]] = {}  # noqa: RUF012  (replaced, never changed)
    """Under way, by machine: at most one each."""
    again: dict[str, tuple[Order, int]] = {}  # noqa: RUF012
    """What each machine was told last, and when it may be told the same again."""
    given_up: dict[str, tuple[Position, Seen]] = {}  # noqa: RUF012
    """Grants under which a machine is not started here any more; and what became of it: OFF, FAILED or LEFT."""
    departures: dict[str, Departure] = {}  # noqa: RUF012
    expected: dict[str, Position] = {}  # noqa: RUF012
    """Machines that are to come by live migration, and the asks that were known here before anything came."""
    notes: Notes = Notes()
    noted: Notes = Notes()
    """As stored."""
    noting: int = 0
    noting_what: Notes = Notes()
    unnoted_since: int = 0
    """Since when a pause waits for its note."""
    note_again_at: int = 0


class Sighting(NamedTuple):
    """Signs of life of a node (fences.py)."""

    marks: dict[tuple[NodeId, int], Mark]
    """By who knew it, and how."""
    at: int
    """When they were last found to be others."""
    incarnation: int
    """The newest."""
    born: int
    """When that one was first noticed; 0: before this holder began to look."""


class Call(NamedTuple):
    """A fence agent's calls for one node."""

    number: int
    """Under way; 0: none is."""
    begun: int
    failures: int
    again_at: int
    why: str
    """What came of the last one."""


class Dog(NamedTuple):
    """This node's watchdog."""

    timeout_us: int = 0
    """As it is told."""
    disarming_at: int = 0
    """It is to be disarmed, once a majority has taken in a heartbeat with a later sequence; 0: it is not."""


class Fences(NamedTuple):
    """This node as holder: other nodes' life and death; and its own watchdog."""

    since: int = 0
    """When it began to look."""
    sightings: dict[NodeId, Sighting] = {}  # noqa: RUF012  (replaced, never changed)
    lost: dict[NodeId, int] = {}  # noqa: RUF012
    """Since when."""
    calls: dict[NodeId, Call] = {}  # noqa: RUF012
    waits: dict[NodeId, Wait] = {}  # noqa: RUF012
    dog: Dog = Dog()


class Estate(NamedTuple):
    """One node."""

    life: Life
    replica: Replica = Replica()
    desk: Desk = Desk()
    own: Own = Own()
    fences: Fences = Fences()
    stock: Stock = NO_STOCK
    """As last told."""
    alarms: frozenset[tuple[Alarm, str]] = frozenset()
    problem: str = ""
    """Of the start, until it is told."""
    numbers: int = 0
    wake: int = 0


class Turn(Making[Action]):
    """One step in the making."""

    __slots__ = (
        "alarms",
        "desk",
        "facts",
        "fences",
        "life",
        "own",
        "problem",
        "replica",
        "stock",
        "wall_s",
    )

    def __init__(self, estate: Estate, given: Input) -> None:
        (
            self.life,
            self.replica,
            self.desk,
            self.own,
            self.fences,
            self.stock,
            self.alarms,
            self.problem,
            numbers,
            _,
        ) = estate
        super().__init__(given.now, numbers)
        self.wall_s, self.facts = given.wall_s, given.facts

    def close(self) -> Estate:
        """The estate after the step."""
        return Estate(
            self.life,
            self.replica,
            self.desk,
            self.own,
            self.fences,
            self.stock,
            self.alarms,
            self.problem,
            self.numbers,
            self.wake,
        )

    @property
    def inventory(self) -> Inventory:
        """The newest that this node knows."""
        return self.replica.inventory

    def log(self, event: Event, name: str = "", node: int = 0, detail: str = "") -> None:
        """One line."""
        self.do(Log(event, name, node, detail))

    def alarm(self, what: Alarm, about: str = "", detail: str = "") -> None:
        """Once, until `over`."""
        if (what, about) not in self.alarms:
            self.alarms |= {(what, about)}
            self.do(Warn(what, about, detail))

    def over(self, what: Alarm, about: str = "") -> None:
        """The next one is told again."""
        if (what, about) in self.alarms:
            self.alarms -= {(what, about)}
            self.do(WarnOver(what, about))
