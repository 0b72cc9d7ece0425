"""A holder's estate, fed by hand: what it is told of the other nodes, and what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coroctl.decision.estate.actions import Action, StoreNotes, StoreOperations, StoreWhole, Tell, Wake
from coroctl.decision.estate.core import Start, boot, step
from coroctl.decision.estate.events import Hypervisor, Input, Stored, Tick
from coroctl.decision.estate.facts import Facts, Leader, NodeFact
from coroctl.decision.estate.inventory import Inventory
from coroctl.decision.estate.rules import RULES, Rules
from coroctl.decision.estate.values import (
    EMPTY,
    Domain,
    Machine,
    NodeFailed,
    Position,
    Seen,
    Stock,
    Wanted,
    Word,
)
from coroctl.decision.settings import SECOND, Fencing
from coroctl.decision.values import Mark
from coroctl.model import NodeId

if TYPE_CHECKING:
    from coroctl.decision.estate.events import Event

ME, TWO, THREE = NodeId(1), NodeId(2), NodeId(3)
T0 = 1000 * SECOND
LEASE_US = 2 * SECOND
TERM = 7
LIFE = 9 << 20


def machine(name: str, node: NodeId, memory_mib: int = 512, priority: int = 0, **more: Any) -> Machine:
    """One that should run, and did."""
    seen = Seen.RUNNING if node else Seen.OFF
    given = {"wanted": Wanted.RUNNING, "seen": seen, "seen_on": node, **more}
    return Machine(name, f"uuid of {name}", "", node, priority=priority, memory_mib=memory_mib, **given)


class Holder:
    """Node 1, master for ever. Nodes 2 and 3 are heard, until `silence`."""

    def __init__(
        self,
        *machines: Machine,
        fencing: Fencing = Fencing.AGENT,
        rules: Rules = RULES,
        nodes: tuple[NodeId, ...] = (TWO, THREE),
        free_mib: int = 64_000,
    ) -> None:
        self.now = T0
        self.fencing = fencing
        self.recover_stopped = self.migrates = False
        self.free_mib = free_mib
        self.sequences = dict.fromkeys(nodes, T0)
        self.heard_at = dict.fromkeys(nodes, T0)
        self.silent: set[NodeId] = set()
        self.known: dict[NodeId, dict[NodeId, Mark]] = {}
        """By node: what its newest datagram echoes of others."""
        self.stocks: dict[NodeId, Stock] = {}
        self.stopping: set[NodeId] = set()
        self.actions: list[Action] = []
        inventory = Inventory(Position(TERM - 1, 1), {one.name: one for one in machines})
        self.estate = boot(Start(ME, inventory, rules=rules))
        domains = [Domain(one.name, one.uuid, Seen.RUNNING) for one in machines if one.node == ME]
        self.feed(Hypervisor(tuple(domains), free_mib))
        for node in nodes:
            self.stocks.setdefault(node, self.ready())
        self.feed(Tick())
        self.actions.clear()

    def ready(self, **more: Any) -> Stock:
        """A node that has caught up, with what is free there."""
        stock = Stock(obeys=Position(TERM, 1 << 20), running=0, free_mib=self.free_mib)
        return stock._replace(**more)

    def feed(self, event: Event, after_us: int = 1000) -> list[Action]:
        """One event; what it asked for."""
        self.now += after_us
        self.estate, actions = step(self.estate, Input(self.now, 1_700_000_000, self.facts(), event))
        self.actions += actions
        for action in actions:
            if isinstance(action, StoreOperations | StoreWhole | StoreNotes):
                actions = [*actions, *self.feed(Stored(action.number))]
        return [one for one in actions if not isinstance(one, Wake | Tell)]

    def passes(self, seconds: float) -> list[Action]:
        """Time goes by, in ticks as they were asked for, and nobody says anything new but who is heard."""
        end, found = self.now + int(seconds * SECOND), []
        while self.now < end:
            due = min(self.estate.wake, end, self.now + SECOND)
            self.hear()
            found += self.feed(Tick(), max(due - self.now, 1))
        return found

    def hear(self) -> None:
        """Another datagram of everyone who is not silent."""
        for node in self.sequences:
            if node not in self.silent:
                self.sequences[node] = self.heard_at[node] = self.now

    def silence(self, *nodes: NodeId) -> None:
        """Nothing comes from them any more, and corosync has noticed."""
        self.hear()
        self.silent |= set(nodes)

    def mark(self, node: NodeId) -> Mark:
        return Mark(LIFE, self.sequences[node])

    def facts(self) -> Facts:
        return Facts(
            leader=Leader(TERM, ME),
            lease_until=self.now + LEASE_US,
            acts=True,
            suspended=False,
            nodes={node: self.fact(node) for node in self.sequences},
            replicas=frozenset({ME}),
            weights=dict.fromkeys((ME, *self.sequences), 1),
            majority=(1 + len(self.sequences)) // 2 + 1,
            lease_us=LEASE_US,
            promise_us=LEASE_US + SECOND // 5,
            members=frozenset({ME, *self.sequences}) - self.silent,
            stopping=False,
            serves=True,
            quorate=True,
            sent=self.now,
            fencing=self.fencing,
            migrates=self.migrates,
            recover_stopped=self.recover_stopped,
            renewed_by=0,
        )

    def fact(self, node: NodeId) -> NodeFact:
        at = self.heard_at[node]
        return NodeFact(
            stock=self.stocks.get(node, EMPTY),
            incarnation=LIFE,
            mark=self.mark(node),
            heard=at >= self.now - LEASE_US,
            heard_at=at,
            listed=node not in self.silent,
            stopping=node in self.stopping,
            suspended=False,
            heard_until=at + LEASE_US,
            echoed=at,
            stranger=None,
            names=(self.known.get(node, {}), {}),
        )

    # What is asked of it

    def of(self, kind: type) -> list[Any]:
        """Its actions of a kind, since the last time."""
        found = [one for one in self.actions if isinstance(one, kind)]
        self.actions = [one for one in self.actions if not isinstance(one, kind)]
        return found

    def failed(self) -> list[NodeFailed]:
        """Nodes whose machines were taken from them."""
        return [one.change for one in self.estate.replica.tail if isinstance(one.change, NodeFailed)]

    def owners(self) -> dict[str, NodeId]:
        return {name: one.node for name, one in sorted(self.estate.replica.inventory.machines.items())}

    def word(self, who: NodeId, node: NodeId, watchdog_us: int, *, stopping: bool = False) -> None:
        """A node says what it heard last of another one."""
        word = Word(node, LIFE, watchdog_us, stopping)
        self.stocks[who] = self.stocks[who]._replace(words=(word,))
