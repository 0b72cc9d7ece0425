"""What the daemon asks of a hypervisor, and what it hears from it: values, errors, and the shape of a driver.

It knows no libvirt. A verb leads to a state, and one that is reached already is done: so each may be asked for again.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

from coroctl.errors import CoroctlError


class HypervisorError(CoroctlError):
    """It was not done, for certain: refused, failed, or never asked for."""


class HypervisorAway(HypervisorError):
    """It was never asked for: nobody is there to ask."""


class HypervisorUnknown(CoroctlError):
    """It may have been done, may still be under way, or not: the answer is missing."""


class State(Enum):
    """What a machine does here."""

    RUNNING = "running"
    """Or about to end: it has a process that may execute."""
    PAUSED = "paused"
    """It has a process that executes nothing until somebody resumes it."""
    OFF = "off"
    """Defined, and no process."""
    CRASHED = "crashed"
    """Its guest has failed, and what is left of it is kept."""
    UNKNOWN = "unknown"


class Domain(NamedTuple):
    """A machine as libvirt shows it."""

    name: str
    uuid: str
    state: State
    reason: str = ""
    """Why it is so, in libvirt's word, such as "user", "migration", "i/o error" or "crashed"."""
    memory_mib: int = 0
    """The most that it may have."""
    autostart: bool = False
    """libvirtd starts it by itself when the node boots."""
    persistent: bool = True
    """It stays defined when it ends."""


class Picture(NamedTuple):
    """Every machine of this node; told whole when connected and after each change."""

    domains: tuple[Domain, ...]
    """In order of name."""
    free_mib: int
    """What more machines may have; see `memory`."""


class Gone(NamedTuple):
    """The hypervisor cannot be asked. What it runs goes on running. The next Picture ends it."""

    why: str


Told = Picture | Gone


class Route(NamedTuple):
    """The way to another node's hypervisor."""

    uri: str
    limit_s: float
    """A migration that takes longer is aborted: a guest that writes faster than the network carries never arrives."""


class Hypervisor(Protocol):
    """One node's. Every call ends in bounded time, and raises HypervisorError or HypervisorUnknown.

    Calls about one machine are made one after the other, others side by side.
    """

    def begin(self) -> None:
        """Connect, and go on connecting whenever it is gone. libvirt takes 18 MiB from then on."""

    async def close(self) -> None:
        """Let go. Machines stay as they are."""

    async def define(self, xml: str) -> None:
        """A new machine, or another definition of it from its next start on."""

    async def undefine(self, name: str) -> None:
        """Forget a machine with what is saved of its memory; its disks and firmware variables stay."""

    async def start(self, name: str) -> None:
        """From the beginning: a memory that was saved here may be older than the disks, and is thrown away."""

    async def pause(self, name: str) -> None:
        """A machine that is off stays off."""

    async def resume(self, name: str) -> None:
        """Of one that is paused."""

    async def shutdown(self, name: str) -> None:
        """Ask the guest to end; its end is told as any change."""

    async def stop(self, name: str, grace_s: float) -> None:
        """Ask the guest to end, and destroy it if it has not within that time."""

    async def destroy(self, name: str) -> None:
        """End its process at once. It stays defined if it is persistent."""

    async def autostart_off(self, name: str) -> None:
        """libvirtd shall not start it at boot."""

    async def settled(self, name: str) -> State:
        """What it does once nothing is under way that was asked for before, on whichever connection."""

    async def xml(self, name: str) -> str:
        """Its definition as it would be started next, passwords included."""

    async def migrate(self, name: str, route: Route) -> None:
        """Copy it, as it runs, to another hypervisor, where it stays paused, and defined; here it is off then."""

    async def abort(self, name: str) -> None:
        """End a migration that this driver has begun, if it is not too late; wait a little for it. Raises nothing."""
