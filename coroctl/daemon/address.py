"""The cluster address on its device, with a lifetime that the kernel counts down; and the watch over both.

Owns one address with one mask on one device: it puts it there and takes it away, by netlink. Any other address of
the node is none of its business. Does not know leases: a lifetime is what it is told.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.daemon import net_route
from coroctl.daemon.clock import now_us
from coroctl.daemon.net_events import NETLINK_ROUTE, Look, Message, NetlinkEvents
from coroctl.daemon.net_route import Held, Link
from coroctl.daemon.net_thread import ROUTES
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SYSCTL = Path("/proc/sys/net/ipv4/conf")
_LOOKED_AT = frozenset({net_route.RTM_DELADDR, net_route.RTM_NEWLINK, net_route.RTM_DELLINK})
"""What is new is our own doing, twice a second."""
_GONE = frozenset({errno.EADDRNOTAVAIL, errno.ENODEV})
_SECOND = 1_000_000
_EARLY_US = 50_000
"""The kernel may remove it a few jiffies early."""


class AddressError(CoroctlError):
    """The cluster address could not be put on its device, or taken from it."""


class Address:
    """One address, one mask, one device. What is begun first ends first."""

    def __init__(self, address: str, prefix: int, device: str) -> None:
        self.address = address
        self.prefix = prefix
        self.device = device
        self.wanted = False
        """It was added and not removed since, as far as we are concerned."""
        self._order = asyncio.Lock()
        self._refreshing = False
        self._ends_us = 0

    @property
    def expired(self) -> bool:
        """The lifetime that it was last given has run out."""
        return now_us() >= self._ends_us

    async def add(self, lifetime_us: int) -> tuple[str, ...]:
        """Put it on the device for at least so long (the kernel counts whole seconds).

        Returns what of it was elsewhere on this node and was removed, such as "10.0.0.9/24 on eth1". AddressError: no
        such device, no right, or a mask that would endanger the node's own address.
        """
        async with self._order:
            ends = now_us() + lifetime_us
            try:
                strays = await ROUTES(self._add, ends)
            except OSError as error:
                raise self._failed("was not added", error) from None
            self.wanted = True
        return strays

    def refresh(self, ends_us: int, failed: Callable[[CoroctlError], None], loop: asyncio.AbstractEventLoop) -> None:
        """Let it live until then, beside the loop; nothing if it is not wanted, or the last such call still waits.

        From any thread; `failed` is called on the loop's. What is asked for later is done later: a removal after this
        takes it away for good.
        """
        if self.wanted and not self._refreshing:
            self._refreshing = True
            ROUTES.begin(partial(self._prolong, ends_us), partial(self._not_prolonged, failed), loop=loop)

    def _prolong(self, ends_us: int) -> None:
        try:
            # One that was removed meanwhile would be created again.
            if self.wanted:
                self._put(ends_us)
        finally:
            self._refreshing = False

    def _not_prolonged(self, failed: Callable[[CoroctlError], None], error: BaseException) -> None:
        if isinstance(error, OSError):
            error = self._failed("was not given a new lifetime", error)
        if not isinstance(error, CoroctlError):
            raise error
        failed(error)

    async def remove(self) -> None:
        """Take it away; that it, or its device, is gone already is fine. AddressError if it is still there."""
        self.wanted = False
        async with self._order:
            self.wanted = False
            try:
                left = await ROUTES(self._remove)
            except OSError as error:
                raise self._failed("was not removed", error) from None
        if left:
            raise AddressError(f"{self.address}/{self.prefix} is still on {self.device}")

    async def present(self) -> bool:
        """Whether it is on its device, with its mask."""
        return bool(await ROUTES(self._mine))

    def _add(self, ends_us: int) -> tuple[str, ...]:
        device = self._device()
        preflight(self.address, self.prefix, self.device, _written(net_route.addresses(device)))
        wanted = Held(device, self.address, self.prefix)
        strays = [one for one in net_route.addresses() if one.address == self.address and one != wanted]
        for stray in strays:
            _delete(stray)
        if not self._put(ends_us):
            raise AddressError(f"{self.address} was not added on {self.device}: its time had passed meanwhile")
        return tuple(f"{one.address}/{one.prefix} on {_name(one.device)}" for one in strays)

    def _put(self, ends_us: int) -> bool:
        # Reckoned here: the call may have waited, and the address is not to outlive its time by that.
        now = now_us()
        seconds = -((now - ends_us) // _SECOND)
        if seconds < 1:
            return False
        net_route.set_address(Held(self._device(), self.address, self.prefix), seconds)
        self._ends_us = now + seconds * _SECOND - _EARLY_US
        return True

    def _remove(self) -> bool:
        for one in self._mine():
            _delete(one)
        return bool(self._mine())

    def _mine(self) -> list[Held]:
        device = net_route.link(self.device).device
        wanted = Held(device, self.address, self.prefix)
        return [one for one in net_route.addresses(device) if one == wanted] if device else []

    def _device(self) -> int:
        try:
            return socket.if_nametoindex(self.device)
        except OSError:
            what = f"there is no device {self.device} for {self.address}"
            raise AddressError(f"{what}: create it, or set cloud_ip_dev") from None

    def _failed(self, what: str, error: OSError) -> AddressError:
        reason = "it takes CAP_NET_ADMIN" if error.errno == errno.EPERM else os.strerror(error.errno or 0)
        return AddressError(f"{self.address}/{self.prefix} {what} on {self.device}: {reason}")


class AddressWatch:
    """Tells of the cluster address that goes without our doing, and of its device's carrier.

    `carrier` is called at start and on every change; a missing device has none. `device_back` is called when another
    device has taken the name. `address_gone` is not called for an address whose lifetime has run out.
    """

    def __init__(
        self,
        address: Address,
        address_gone: Callable[[], None],
        carrier: Callable[[bool], None],
        device_back: Callable[[], None],
    ) -> None:
        self._address = address
        self._address_gone = address_gone
        self._tell_carrier = carrier
        self._device_back = device_back
        groups = (net_route.RTNLGRP_LINK, net_route.RTNLGRP_IPV4_IFADDR)
        self._look = Look(self._see)
        self._events = NetlinkEvents(NETLINK_ROUTE, groups, self._heard, self._look.soon, kinds=_LOOKED_AT)
        self._name = address.device.encode() + b"\0"
        self._bytes = socket.inet_aton(address.address)
        self._link: Link | None = None

    async def start(self) -> None:
        """Subscribe, then look how things are. OSError: no netlink."""
        self._events.start()
        await self._look.soon()

    def stop(self) -> None:
        """No more calls."""
        self._events.stop()
        self._look.stop()

    def _heard(self, found: list[Message]) -> None:
        if any(self._concerns(one) for one in found):
            self._look.soon()

    def _concerns(self, message: Message) -> bool:
        """Devices change their names, so both the name and the number count."""
        if message.kind == net_route.RTM_DELADDR:
            return self._bytes in message.body
        if message.kind not in {net_route.RTM_NEWLINK, net_route.RTM_DELLINK}:
            return False
        known = self._link.device if self._link else 0
        return self._name in message.body or net_route.link_of(message.body).device == known

    async def _see(self) -> None:
        self._take(await ROUTES(net_route.link, self._address.device))
        # Judged after the answer: we may have removed it ourselves while the question was on its way.
        if not await self._address.present() and self._address.wanted and not self._address.expired:
            self._address_gone()

    def _take(self, link: Link) -> None:
        former, self._link = self._link, link
        if former is not None and link.device not in {0, former.device}:
            self._device_back()
        if former is None or link.up is not former.up:
            self._tell_carrier(link.up)


def preflight(address: str, prefix: int, device: str, others: Iterable[str]) -> None:
    """Refuse a mask that makes the kernel remove the node's own address along with this one (AddressError).

    `others` are the device's addresses, such as "10.0.0.1/24". Of two addresses of one network the later one is a
    secondary, and goes with the first unless promote_secondaries is set.
    """
    if prefix == 32 or _promotes(device):
        return
    ours = ipaddress.IPv4Address(address)
    for one in map(ipaddress.IPv4Interface, others):
        if one.ip != ours and ours in one.network:
            raise AddressError(
                f"{address}/{prefix} lies in the network of {device}'s own {one}, which could go with it: "
                f"set cloud_mask 32, or net.ipv4.conf.{device}.promote_secondaries=1"
            )


def _promotes(device: str) -> bool:
    """Either setting is enough for the kernel."""
    return any(_setting(_SYSCTL / one / "promote_secondaries") == "1" for one in ("all", device))


def _setting(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _delete(held: Held) -> None:
    try:
        net_route.delete_address(held)
    except OSError as error:
        if error.errno not in _GONE:
            raise


def _written(held: Iterable[Held]) -> tuple[str, ...]:
    return tuple(f"{one.address}/{one.prefix}" for one in held)


def _name(device: int) -> str:
    try:
        return socket.if_indextoname(device)
    except OSError:
        return f"device {device}"
