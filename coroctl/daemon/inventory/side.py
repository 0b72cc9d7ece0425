"""Everything about machines that a daemon has, wired: the estate's host, its disk, hypervisor, way to others.

The daemon makes one, and passes on what concerns it. Owns no rule.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coroctl.daemon.fencing.side import FencingSide
from coroctl.daemon.hooks import Hook
from coroctl.daemon.inventory.host import EstateHost, Tools
from coroctl.daemon.inventory.keeper import Keeper
from coroctl.daemon.machines.hypervisor import HypervisorError, Route
from coroctl.daemon.machines.side import HypervisorSide
from coroctl.daemon.pull_wire import About
from coroctl.daemon.rendering import Level, alarm_name
from coroctl.decision.estate.actions import Event
from coroctl.decision.estate.events import Leaving
from coroctl.decision.estate.values import NOTHING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from coroctl.conf.cluster import Cluster
    from coroctl.daemon.configuration import Loaded
    from coroctl.daemon.hooks import Hooks
    from coroctl.daemon.kit import Note
    from coroctl.daemon.pull import PullClient
    from coroctl.daemon.pull_wire import Question, Reply
    from coroctl.decision import events as lease
    from coroctl.decision.estate import actions
    from coroctl.decision.estate.values import Position
    from coroctl.decision.state import State
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId


class Peers:
    """Other nodes' daemons, asked with this node's own file in hand."""

    def __init__(self, pull: PullClient, own: Callable[[], Identity]) -> None:
        self._pull = pull
        self._own = own

    async def inventory(self, source: NodeId, position: Position) -> bytes:
        """What it has after that operation."""
        return await self._pull.inventory(source, position, self._own())

    async def machine(self, source: NodeId, name: str) -> bytes:
        """A machine of its hypervisor."""
        return await self._pull.machine(source, name, self._own())


def route(cluster: Cluster, node: NodeId) -> Route:
    """To a node's hypervisor, for live migration. HypervisorError if the file says none."""
    address = next((one.address for one in cluster.nodes if one.nodeid == node), "")
    uri = cluster.listener.migration_uri
    if not uri or not address:
        raise HypervisorError("no migration_uri is set" if not uri else f"node {node} has no address")
    # In a URI, colons in an address must not be taken for the one before a port.
    return Route(uri.replace("%s", f"[{address}]" if ":" in address else address), cluster.listener.migration_s)


class Teller:
    """What happens to machines, for the journal and for hooks."""

    def __init__(self, note: Note, hooks: Hooks) -> None:
        self._note = note
        self._hooks = hooks

    def machine_logged(self, action: actions.Log) -> None:
        """One line."""
        if action.event is Event.RECOVERED:
            self._hooks.fire(Hook.RECOVERED, machine=action.name)
        facts: dict[str, str | int] = {"machine": action.name, "of": action.node, "text": action.detail}
        self._note(Level.NOTICE, action.event.value, **{key: value for key, value in facts.items() if value})

    def machine_warned(self, action: actions.Warn) -> None:
        """An alarm."""
        text, about = action.alarm.value, action.about
        self._note(Level.ALERT, "alarm", text=text, about=about, why=action.detail)
        self._hooks.fire(
            Hook.ALARM, alarm=alarm_name(action.alarm), text=text, detail=f"{about} {action.detail}".strip()
        )

    def machine_warning_over(self, action: actions.WarnOver) -> None:
        """It is over."""
        self._note(Level.NOTICE, "alarm-over", text=action.alarm.value, about=action.about)


class MachineSide:
    """Of one daemon."""

    def __init__(
        self,
        node: NodeId,
        folder: Path,
        tell: Callable[[lease.Event], None],
        peers: Peers,
        note: Note,
        loaded: Callable[[], Loaded],
        hooks: Hooks,
    ) -> None:
        self._note = note
        self._loaded = loaded
        self._keeper = Keeper(folder, lambda event: self.host.tell(event))
        self._fencing = FencingSide(
            self._fence_conf, lambda event: self.host.tell(event), lambda: self.host.may_feed(), note
        )
        self._hypervisor = HypervisorSide(lambda event: self.host.tell(event), note, self._route)
        tools = Tools(self._keeper, peers, Teller(note, hooks), self._hypervisor, self._fencing)
        self.host = EstateHost(node, tools, tell)

        self.serve_otherwise: Callable[[Question], Awaitable[Reply]] | None = None
        """Answers other nodes' questions that are not about machines."""

    async def answer(self, question: Question) -> Reply:
        """For the pull's server."""
        if question.about in (About.INVENTORY, About.MACHINE):
            return self.host.answer(question)
        return await self.serve_otherwise(question) if self.serve_otherwise is not None else None

    async def begin(self, state: State, *, lost: bool, unexpected: Callable[[BaseException], None]) -> None:
        """Load what a former life has left. `lost`: this node's disk is another one, or its state was damaged."""
        kept = await asyncio.to_thread(self._keeper.load)
        if kept.notes_problem:
            self._note(Level.WARNING, "machines", text=kept.notes_problem)
        missing = lost and kept.inventory.position == NOTHING
        self.host.begin(kept, state, lost=missing or bool(kept.problem), unexpected=unexpected)
        listener = self._loaded().cluster.listener
        await self._fencing.begin(listener.watchdog_device, listener.watchdog_s)

    def node_leaves(self) -> None:
        """The whole node is shutting down, not this daemon alone (C3)."""
        self._note(Level.NOTICE, "node-leaving")
        self.host.tell(Leaving())

    async def leave(self) -> None:
        """Before the daemon stops: what others must know of first."""
        await self._fencing.leave()

    def _fence_conf(self) -> tuple[str, dict[NodeId, str]]:
        cluster = self._loaded().cluster
        names = {node.nodeid: node.name for node in cluster.nodes if node.nodeid is not None}
        return cluster.listener.fence_conf, names

    def _route(self, node: NodeId) -> Route:
        """HypervisorError if the file says none."""
        return route(self._loaded().cluster, node)

    async def close(self) -> None:
        """Machines stay as they are (M5)."""
        await self._fencing.close()
        await self._hypervisor.close()
        await self.host.close()
        self._keeper.close()
