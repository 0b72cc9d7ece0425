"""The hypervisor of this node, wired: libvirt's driver, the estate's orders to it, and what both tell the journal.

A node without libvirt has none: that is said, and nothing else is different. Owns no rule.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coroctl.daemon.machines.driver import Libvirt
from coroctl.daemon.machines.hypervisor import Gone, HypervisorError, HypervisorUnknown, Picture
from coroctl.daemon.machines.orders import Orders, autostarted, domain, told
from coroctl.daemon.rendering import Level
from coroctl.decision.estate.events import DomainRead

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.daemon.kit import Note
    from coroctl.daemon.machines.hypervisor import Route, Told
    from coroctl.decision.estate.actions import Command
    from coroctl.decision.estate.events import Event
    from coroctl.model import NodeId


class HypervisorSide:
    """Of one daemon, on its loop. `tell` takes the estate's events."""

    def __init__(
        self,
        tell: Callable[[Event], None],
        note: Note,
        route: Callable[[NodeId], Route],
        driver: Callable[..., Libvirt] = Libvirt,
    ) -> None:
        self._tell = tell
        self._note = note
        self._driver = driver(self._heard)
        self._orders = Orders(self._driver, tell, route)
        self._begun = False
        self._last: Told | None = None
        self._managed: frozenset[str] = frozenset()
        self._switching: dict[str, asyncio.Task[None]] = {}
        """Under way, or failed on this connection."""

    def begin(self) -> None:
        """Connect, and stay connected: from when on there may be something to do with machines."""
        if not self._begun:
            self._begun = True
            self._driver.begin()

    def give(self, command: Command) -> None:
        """Ends in Done or Failed."""
        self._orders.give(command)

    async def read(self, name: str) -> DomainRead:
        """A machine as it is now, with its definition. HypervisorError, HypervisorUnknown."""
        xml = await self._driver.xml(name)
        picture = self._last
        shown = picture.domains if isinstance(picture, Picture) else ()
        for one in shown:
            if one.name == name:
                return DomainRead(0, domain(one), xml, one.memory_mib)
        raise HypervisorError(f"read {name}: it has just been defined or undefined; ask again")

    def manages(self, names: frozenset[str]) -> None:
        """These machines are this node's own: nothing but corolistener may start them."""
        self._managed = names
        self._switch_autostart_off()

    async def close(self) -> None:
        """Machines stay as they are (M5)."""
        for task in self._switching.values():
            task.cancel()
        await self._orders.close()
        await self._driver.close()

    def _heard(self, what: Told) -> None:
        before, self._last = self._last, what
        match what:
            case Gone(why):
                # A node that is only to keep a replica needs none; one that had it, and lost it, has a problem.
                level = Level.WARNING if isinstance(before, Picture) else Level.NOTICE
                self._note(level, "no-hypervisor", why=why)
            case Picture(domains, free_mib):
                if not isinstance(before, Picture):
                    self._switching = {name: task for name, task in self._switching.items() if not task.done()}
                    self._note(Level.NOTICE, "hypervisor", machines=len(domains), free_mib=free_mib)
                self._switch_autostart_off()
        self._tell(told(what))

    def _switch_autostart_off(self) -> None:
        """libvirtd would start them when the node boots, whoever owns them by then."""
        if isinstance(self._last, Picture):
            for name in autostarted(self._last, self._managed) - self._switching.keys():
                self._switching[name] = asyncio.get_running_loop().create_task(self._autostart_off(name))

    async def _autostart_off(self, name: str) -> None:
        try:
            await self._driver.autostart_off(name)
        except (HypervisorError, HypervisorUnknown) as error:
            text = f"libvirtd starts it when this node boots: virsh autostart --disable {name}"
            self._note(Level.WARNING, "machine-autostart", machine=name, text=text, why=str(error))
        else:
            self._note(Level.NOTICE, "machine-autostart-off", machine=name)
            del self._switching[name]
