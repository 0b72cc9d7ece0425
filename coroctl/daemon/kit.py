"""The tools for one outfit: made together, started and stopped together, and exchanged for others as a whole.

Says what they found (an address that went, a gate that was torn down, a stranger) to whoever made it; decides nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from coroctl.daemon.address import Address, AddressWatch
from coroctl.daemon.announce import Announcer
from coroctl.daemon.gate import Gate, GateError, GateWatch
from coroctl.daemon.manager import Manager
from coroctl.daemon.net_conflict import ConflictWatch
from coroctl.daemon.rendering import Level
from coroctl.daemon.uplink import Uplink
from coroctl.decision.events import AddressGone, GateGone
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.daemon.configuration import Outfit
    from coroctl.daemon.rendering import Value
    from coroctl.daemon.runfile import GuardFacts
    from coroctl.decision.events import Event


class Note(Protocol):
    """A line for people."""

    def __call__(self, level: Level, name: str, **details: Value) -> None: ...


class Post(NamedTuple):
    """What the cluster address needs."""

    gate: Gate | None
    """None: no nftables."""
    gate_watch: GateWatch | None
    address: Address
    announcer: Announcer
    conflict: ConflictWatch
    uplink: Uplink
    watch: AddressWatch


class Kit(NamedTuple):
    """All of it; None where the configuration has no address, or no manager."""

    outfit: Outfit
    post: Post | None
    manager: Manager | None


def make(outfit: Outfit, tell: Callable[[Event], None], note: Note) -> Kit:
    """The tools; the gate is closed in the kernel already, and nothing else is touched."""
    manager = Manager(outfit.service) if outfit.service else None
    return Kit(outfit, _post(outfit, tell, note) if outfit.address else None, manager)


def _post(outfit: Outfit, tell: Callable[[Event], None], note: Note) -> Post:
    gate = closed_gate(outfit, note)
    address = Address(outfit.address, outfit.prefix, outfit.device)
    uplink = Uplink(outfit.device, outfit.ping_target or None, tell)
    watch = AddressWatch(
        address, partial(tell, AddressGone()), uplink.carrier, partial(_device_back, tell, outfit.device, note)
    )
    return Post(
        gate,
        GateWatch(gate, partial(tell, GateGone())) if gate is not None else None,
        address,
        Announcer(outfit.address, outfit.device),
        ConflictWatch(outfit.address, outfit.device, partial(_stranger, outfit.address, note)),
        uplink,
        watch,
    )


def closed_gate(outfit: Outfit, note: Note) -> Gate | None:
    """The dead-man, standing; None where the kernel has none for us, and that is told."""
    try:
        gate = Gate(outfit.address, outfit.device)
        gate.install()
    except GateError as error:
        note(Level.ALERT, "no-dead-man", why=str(error), text="not safe against a frozen process")
        return None
    return gate


def _device_back(tell: Callable[[Event], None], device: str, note: Note) -> None:
    """Another device has the name now: the chain at the old one went with it."""
    note(Level.WARNING, "device-back", device=device)
    # As if somebody had torn it down: the core asks for it to be put back, and opens it by the usual way.
    tell(GateGone())


def _stranger(address: str, note: Note, mac: str) -> None:
    note(Level.ALERT, "address-conflict", address=address, mac=mac, text="somebody else answers for the address")


async def clear_former(former: GuardFacts, outfit: Outfit, note: Note) -> None:
    """What a former life held under a configuration that has changed since: the core only knows the present one."""
    place = (former.address, former.prefix, former.device)
    try:
        if former.address and place != (outfit.address, outfit.prefix, outfit.device):
            await Address(*place).remove()
        if former.service and former.service != outfit.service:
            await Manager(former.service).kill(outfit.service_kill_ms)
    except CoroctlError as error:
        note(Level.WARNING, "leftovers", why=str(error))


async def start(kit: Kit, note: Note) -> None:
    """Watch, and make the manager's unit ask for the lease before it starts. May take as long as systemd does."""
    if kit.post is not None:
        if kit.post.gate_watch is not None:
            kit.post.gate_watch.start()
        kit.post.uplink.start()
        await kit.post.watch.start()
    if kit.manager is not None:
        await kit.manager.prepare()
        for warning in await kit.manager.preflight():
            note(Level.WARNING, "manager", text=warning)


async def stop(kit: Kit) -> None:
    """Watch no more. What is in the kernel stays: the gate stands, closed, after the daemon too."""
    if kit.post is not None:
        kit.post.announcer.stop()
        kit.post.conflict.stop()
        if kit.post.gate_watch is not None:
            kit.post.gate_watch.stop()
        kit.post.watch.stop()
        await kit.post.uplink.stop()
