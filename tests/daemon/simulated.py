"""A cluster of real cores, desks, sockets and pictures on simulated machines: what an operator's programs talk to.

Virtual time goes on as fast as the loop lets it, so that a change takes its second and the test does not.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from coroctl.daemon.chronicle import Chronicle
from coroctl.daemon.desk import Back, Desk
from coroctl.daemon.facts import Facts, Names, Votes
from coroctl.daemon.inventory.look import Known, Lookup
from coroctl.daemon.journal import Journal
from coroctl.daemon.outlook_subject import Draft, Probe
from coroctl.daemon.sockets import Sockets
from coroctl.daemon.view import status
from coroctl.decision.estate.events import DomainRead
from coroctl.decision.estate.facts import facts_of
from coroctl.decision.estate.picture import brief, picture
from coroctl.decision.messages import Verb
from coroctl.sim import Cluster
from coroctl.sim.clock import MS, SECOND
from coroctl.sim.files import edited, restored
from tests.daemon.control_sockets import Teller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from coroctl.decision.actions import Log
    from coroctl.decision.events import Event
    from coroctl.decision.messages import Answer, Edit
    from coroctl.decision.settings import Settings
    from coroctl.decision.state import State
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId
    from coroctl.sim.machine import Machine

STEP = 10 * MS
READY_S = 30


class Nodes(Cluster):
    """The simulator's cluster, whose answers go to whoever waits for them."""

    def __init__(self, folder: Path, template: Settings | None, prios: tuple[int, ...], replicas: int) -> None:
        self.served: dict[NodeId, Served] = {}
        super().__init__(1, len(prios), template, prios=prios, replicas=replicas, hypervisors=replicas > 0)
        self.folder = folder

    def answer(self, machine: Machine, answer: Answer) -> None:
        self.served[machine.node].answered(answer)

    def logged(self, machine: Machine, action: Log) -> None:
        super().logged(machine, action)
        if machine.node in self.served:
            self.served[machine.node].chronicle.logged(action, 0.0)


class Served:
    """One node's daemon, as its clients see it."""

    def __init__(self, cluster: Nodes, machine: Machine, journal: Journal) -> None:
        self.machine = machine
        self.journal = journal
        self.chronicle = Chronicle()
        self.probe = Probe(known=True)
        self.file_problem = ""
        self.run = cluster.folder / f"node{machine.node}"
        self._cluster = cluster
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self.desk = Desk(
            Back(
                f"node{machine.node}",
                self,
                journal,
                self.facts,
                self._probe,
                self._answer_to,
                self._draft,
                self,
                self.clock,
            )
        )
        self.sockets = Sockets(self.run, self._picture, self.desk, Teller(), journal, machines=self.machines)

    @property
    def state(self) -> State | None:
        return self.machine.state

    def tell(self, event: Event) -> None:
        self.machine.deliver(event)

    def clock(self) -> int:
        return self.machine.clock.read(self._cluster.timeline.now)

    def facts(self) -> Facts:
        members = self._settings().members
        present = sum(one.votes for one in members if self.state and one.node in self.state.world.members)
        total = sum(one.votes for one in members)
        return Facts(
            "VMmanager",
            {one.node: Names(f"node{one.node}", (f"10.0.0.{one.node}",)) for one in members},
            address="10.0.0.100/32",
            device="eth0",
            service="vmmgr.service",
            votes=Votes(present, total // 2 + 1, total),
            machines=brief(*known) if (known := self.known()) is not None else None,
            past=self.chronicle.past(),
        )

    def known(self) -> Known | None:
        """The simulated estate."""
        estate, lease = self.machine.estate.state, self.machine.state
        return None if estate is None or lease is None else Known(estate, facts_of(lease, self.clock()))

    async def find(self, node: NodeId, name: str) -> Lookup:
        """On a simulated hypervisor."""
        there = self.machine.estate.reached(node)
        if there is None:
            return Lookup(None, "no answer")
        found = there.guests.all.get(name)
        return Lookup(DomainRead(0, found.domain, found.xml, found.memory_mib)) if found else Lookup(None, "not there")

    def machines(self) -> dict[str, Any]:
        """As clients get it."""
        known = self.known()
        assert known is not None
        return picture(*known)

    def answered(self, answer: Answer) -> None:
        waiting = self._waiting.pop(answer.id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def tick(self) -> None:
        """Some time has passed."""
        if self.state is not None:
            self.chronicle.stepped(self.state, self.clock(), 0.0)
        self.sockets.changed()

    def picture(self) -> dict[str, Any]:
        """As clients get it."""
        told: dict[str, Any] = json.loads(json.dumps(self._picture()))
        return told

    def _settings(self) -> Settings:
        return self._cluster.files[self.machine.loaded].settings

    def _picture(self) -> dict[str, Any]:
        assert self.state is not None
        return status(self.state, self.clock(), self.facts())

    async def _probe(self, _node: NodeId) -> Probe:
        return self.probe

    async def _draft(self, edit: Edit, wanted: Identity) -> Draft:
        """The simulator's files are values."""
        files, settings = self._cluster.files, self._settings()
        match edit.verb:
            case Verb.ADOPT:
                after: Settings | None = files[wanted].settings
            case Verb.RESTORE:
                after = restored(settings, files[edit.former].settings) if edit.former in files else None
            case _:
                after = edited(settings, edit)
        problem = self.file_problem or ("" if after else "the edit is not possible")
        lines = tuple(f"{one} -> {other}" for one, other in zip(settings, after or (), strict=False) if one != other)
        return Draft(problem, after, lines, lines)

    def _answer_to(self, request: str) -> asyncio.Future[Answer]:
        return self._waiting.setdefault(request, asyncio.get_running_loop().create_future())


@asynccontextmanager
async def simulated(
    folder: Path, template: Settings | None = None, prios: tuple[int, ...] = (100, 40, 10), replicas: int = 0
) -> AsyncIterator[Nodes]:
    """Nodes 1 to n, the first of which is master; each has its sockets in `folder`/nodeN.

    `replicas`: so many have an inventory, and then all have hypervisors.
    """
    cluster = Nodes(folder, template, prios, replicas)
    for node, machine in cluster.machines.items():
        journal = await Journal.opened(folder / f"events{node}.db", folder / f"log{node}", f"node{node}")
        cluster.served[node] = Served(cluster, machine, journal)
        await cluster.served[node].sockets.start()
    cluster.start()
    assert cluster.run_until(lambda: _settled(cluster), READY_S * SECOND), cluster.summary()
    going = asyncio.ensure_future(_go_on(cluster))
    try:
        yield cluster
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        for served in cluster.served.values():
            await served.sockets.close()
            assert await served.journal.close()
        assert not cluster.checker.violations, cluster.checker.violations


def _settled(cluster: Nodes) -> bool:
    """The best serves, and has settled what a former holder may have left."""
    return any(
        machine.state is not None and machine.state.duty.serving and machine.state.business.raised
        for machine in cluster.machines.values()
    )


async def _go_on(cluster: Nodes) -> None:
    while True:
        cluster.run(STEP)
        for served in cluster.served.values():
            served.tick()
        await asyncio.sleep(0)


def master(cluster: Nodes) -> NodeId | None:
    """Who serves."""
    holder = cluster.holder()
    return holder.node if holder is not None and holder.state is not None and holder.state.duty.serving else None


def told_events(served: Served, name: str) -> list[Any]:
    """What this node has written down under that name."""
    return [row for row in served.journal.tail() if row.event == name]
