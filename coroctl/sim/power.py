"""Fence agents and watchdogs of a simulated cluster: who can switch whom off, how well, and when.

An agent is a program beside the daemon that called it: it goes on when that daemon dies or freezes. A watchdog is the
node's hardware: it fires whatever is frozen, and what was armed by a daemon counts on when that dies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.estate.events import Disarm, Fenced, Leaving, Watchdog
from coroctl.decision.estate.facts import facts_of
from coroctl.decision.estate.fences import may_feed
from coroctl.decision.estate.values import Seen
from coroctl.decision.events import Stop
from coroctl.sim.clock import MS, SECOND

if TYPE_CHECKING:
    from coroctl.decision.estate.actions import Fence
    from coroctl.decision.estate.events import Event
    from coroctl.model import NodeId
    from coroctl.sim.cluster import Cluster
    from coroctl.sim.machine import Machine

OFF_US = 800 * MS
"""Until `off` takes effect; it ends a little later."""
ASKED_US = 1000 * MS
SAID_US = 1500 * MS
"""Until `status` has answered."""
HANGS_US = 15 * SECOND
ARMED_US = 20 * MS
FEEDS_A_TIMEOUT = 5
DISARM_US = 5 * SECOND
"""A daemon that is stopped waits for its watchdog no longer."""
AGENTS = ("good", "fails", "hangs", "lies", "late", "blind")
"""late: it is ended as hanging, and switches the node off all the same, later. blind: off, and status fails."""


class Power:
    """Of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.timeout_us = 0
        """Of every node's watchdog; 0: there are none."""
        self.agents: dict[NodeId, str] = {}
        """By the node that they switch off; good ones are not named."""
        self.fed: dict[NodeId, int] = {}
        """Watchdogs that count, and when each was fed last (true time)."""

    # Agents

    def fence(self, caller: Machine, action: Fence) -> None:
        """Call the node's agent."""
        target, timeline = self.cluster.machines.get(action.node), self.cluster.timeline
        kind = self.agents.get(action.node, "good")
        asked_at = caller.clock.read(timeline.now + ASKED_US)
        ends_us, end = SAID_US, Fenced(action.number, off=False, asked_at=asked_at, on=False, why="no route to host")
        match kind:
            case "good":
                end = end._replace(off=True, why="")
            case "lies":
                end = end._replace(on=True, why="status says on")
            case "blind":
                end = end._replace(why="status failed")
            case "hangs" | "late":
                ends_us, end = HANGS_US, end._replace(why="no end in time")
            case _:
                pass
        if target is not None and kind in ("good", "blind", "late"):
            timeline.after(2 * HANGS_US if kind == "late" else OFF_US, self.switch_off, target)
        timeline.after(ends_us, caller.estate.tell, caller.life, end)

    def good_again(self, node: NodeId) -> None:
        """Its agent works."""
        self.agents.pop(node, None)

    def switch_off(self, machine: Machine) -> None:
        """Its agent does so."""
        if machine.powered:
            machine.note("switched off by its fence agent")
            machine.power_off()

    # Watchdogs

    def arm(self, machine: Machine) -> None:
        """The daemon has opened the device."""
        if self.timeout_us:
            self.feed(machine)
            self.cluster.timeline.after(ARMED_US, machine.estate.tell, machine.life, Watchdog(self.timeout_us))
            self.beat(machine, machine.life)

    def beat(self, machine: Machine, life: int) -> None:
        """The daemon's loop: it feeds if it may."""
        if machine.life != life or machine.node not in self.fed:
            return
        lease, estate = machine.state, machine.estate.state
        if lease is not None and estate is not None and not machine.frozen and not machine.all_frozen:
            now = machine.clock.read(self.cluster.timeline.now)
            if may_feed(estate, facts_of(lease, now)):
                self.feed(machine)
        self.cluster.timeline.after(self.timeout_us // FEEDS_A_TIMEOUT, self.beat, machine, life)

    def feed(self, machine: Machine) -> None:
        """It begins to count anew."""
        self.fed[machine.node] = self.cluster.timeline.now
        self.cluster.timeline.after(self.timeout_us, self.fire, machine, self.cluster.timeline.now)

    def fire(self, machine: Machine, fed_at: int) -> None:
        """Unless it was fed or disarmed since."""
        if self.fed.get(machine.node) == fed_at and machine.powered:
            machine.note("its watchdog fires")
            machine.power_off()
            self.cluster.timeline.after(5 * SECOND, machine.power_on)

    def disarm(self, machine: Machine) -> None:
        """The daemon closes it, and goes on with its end."""
        self.fed.pop(machine.node, None)
        machine.note("its watchdog is disarmed")
        machine.deliver(Stop())

    def gone(self, machine: Machine) -> None:
        """The node has no power."""
        self.fed.pop(machine.node, None)

    # How a daemon and a node end

    def stop(self, machine: Machine) -> None:
        """systemctl stop: its watchdog first."""
        if machine.node in self.fed:
            self.tell(machine, Disarm())
            self.cluster.timeline.after(DISARM_US, machine.tell, machine.life, Stop())
        else:
            machine.deliver(Stop())

    def shut_down(self, machine: Machine) -> None:
        """The whole node: its machines end, then its daemon, then its power."""
        after = self.cluster.timeline.after
        self.tell(machine, Leaving())
        after(SECOND, self.end_guests, machine, machine.boots)
        after(2 * SECOND, self.stop, machine)
        after(5 * SECOND, machine.power_off)

    def end_guests(self, machine: Machine, boots: int) -> None:
        """As libvirt-guests does."""
        if machine.boots == boots:
            guests = machine.estate.guests
            for name in sorted(guests.running()):
                one = guests.all[name]
                guests.put(one._replace(domain=one.domain._replace(seen=Seen.OFF)))

    def tell(self, machine: Machine, event: Event) -> None:
        """The estate of a node."""
        machine.estate.tell(machine.life, event)
