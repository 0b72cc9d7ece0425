"""What the app hands to every screen that shows the cluster: one picture, and what was remembered of it.

Knows which screens there are above the overview; they are loaded when they are opened.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from coroctl.alarms import alarms
from coroctl.alarms.memory import Memory
from coroctl.model import Source
from coroctl.sources.changes import label

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen

    from coroctl.alarms import Alarm
    from coroctl.model import NodeId, Snapshot
    from coroctl.sources.feed import Update
    from coroctl.sources.fleet import Fleet
    from coroctl.sources.machine import Host


class View(NamedTuple):
    """The cluster now."""

    snapshot: Snapshot
    age: float
    """Seconds since its source last spoke."""
    alarms: tuple[Alarm, ...]
    memory: Memory


@runtime_checkable
class Shows(Protocol):
    """A screen above the overview that follows the cluster."""

    def show(self, view: View) -> None:
        """There is something new."""

    def show_age(self, snapshot: Snapshot, age: float) -> None:
        """Nothing new but the data's age."""


class Current:
    """The last view, and the memory that goes with it."""

    def __init__(self) -> None:
        self.view: View | None = None
        self._memory = Memory()

    def take(self, update: Update, age: float) -> View:
        """The view of an update that has just come."""
        self._memory.take(update.snapshot, update.at)
        found = alarms(update.snapshot, time.time(), self._memory.flaps())
        self.view = View(update.snapshot, age, found, self._memory)
        return self.view


def screen_of(place: str, view: View | None) -> Screen[None]:
    """The screen of that name: links, alarms, configuration."""
    from coroctl.tui.screens.alarms import Alarms
    from coroctl.tui.screens.configuration import ConfigurationScreen
    from coroctl.tui.screens.links import Links

    return {"links": Links, "alarms": Alarms, "configuration": ConfigurationScreen}[place](view)


def screen_of_machines(view: View | None, look: Callable[[], Fleet], *, actions: bool) -> Screen[None]:
    """The virtual machines; `actions`: with what can be done to them."""
    from coroctl.tui.screens.machines import MachinesScreen

    return MachinesScreen(view, look, actions=actions)


def tellers(view: View | None) -> tuple[dict[NodeId, str], NodeId | None]:
    """The nodes whose corolisteners tell of themselves here, and what they are called; and which is this one."""
    if view is None or view.snapshot.mastership is None:
        return {}, None
    nodes = (node for node in view.snapshot.nodes if node.heard_ms is not None)
    return {node.nodeid: label(node) for node in nodes}, view.snapshot.local


def screen_of_node(node: NodeId, view: View | None, *, actions: bool) -> Screen[None]:
    """A node's; with a look at its machine if that is this one, or its corolistener tells of it.

    `actions`: with what can be done to it.
    """
    from coroctl.tui.screens.node import NodeScreen

    look = _look_at(node, view.snapshot) if view is not None else None
    return NodeScreen(node, view, look, actions=actions)


def _look_at(node: NodeId, snapshot: Snapshot) -> Callable[[], Host] | None:
    if snapshot.source is Source.SIMULATION:
        return None
    if node == snapshot.local:
        from coroctl.sources.host import HostReader

        own = snapshot.node(node)
        manager = snapshot.mastership.service if snapshot.mastership else ""
        return HostReader(own.addresses if own else (), manager).read
    if snapshot.mastership is None:
        return None
    from coroctl.sources.hosts import host_of

    return partial(host_of, node)
