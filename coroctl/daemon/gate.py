"""The dead-man: nftables tables in the kernel that silence the cluster address by themselves (L6).

Three tables named `corolistener`. Their rules drop what this node says from the address, and what is said to it
here, unless the address is an element of the table's set `lease`; and that element has a timeout. Tickets (L6a) are
elements of a second set. Owns those tables; does not know leases or clocks.

What the rules leave alone, on purpose:

- ARP that comes in, and packets to the address that go out. The nodes that do not hold the address have these rules
  too: they must learn from an announcement where the address is now, and talk to its holder.
- What is forwarded. With br_netfilter the hooks forward and postrouting see the frames that a bridge passes on for
  others, and the holder's own frames are among them.

The chain at the device (netdev egress) is the one that sees frames sent by AF_PACKET, and it lives and dies with the
device; the other two tables do not depend on it.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from coroctl.daemon.clock import now_us
from coroctl.daemon.net_elements import Change, Elements, Family, Verb
from coroctl.daemon.net_events import NETLINK_NETFILTER, Look, Message, NetlinkEvents
from coroctl.daemon.net_nft import GateError, Nft
from coroctl.daemon.net_thread import NFTABLES

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAMILIES", "SHORTEST_MS", "TABLE", "TICKET_MS", "Gate", "GateError", "GateWatch", "available"]

TABLE = "corolistener"
FAMILIES = ("arp", "inet", "netdev")
TICKET_MS = 100
SHORTEST_MS = 10
"""A timeout below one jiffy was none at all to kernels before 5.10: the element would have stayed for ever."""

_DEVICE = re.compile(r"[!-~]{1,15}")
_TERM = re.compile(r"(\d+)(ms|[smhd])")
_TERM_US = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_BEFORE_ALL = -400


def available() -> None:
    """GateError says what is missing: the module, the library, the kernel's part, or the right to use it."""
    failed = Nft().run("list tables netdev\n")
    if failed:
        raise GateError(f"nftables cannot be used: {failed}")


class Gate:
    """The tables for one address and one device. Each method is one or two calls into the kernel (see `NFTABLES`)."""

    def __init__(self, address: str, device: str) -> None:
        if not _DEVICE.fullmatch(device) or set(device) & set('/"\\'):
            raise GateError(f"{device!r} cannot be the name of a device")
        try:
            self.address = str(ipaddress.IPv4Address(address))
        except ValueError:
            raise GateError(f"{address!r} is not an IPv4 address") from None
        self.device = device
        self._nft = Nft()
        self._elements = Elements()
        self.port = self._elements.port
        """Whose events are only renewals."""
        self._installed: dict[str, str] = {}
        """What the kernel lists of each table, as it was right after `install`."""

    def install(self) -> None:
        """Put the rules in place, whatever was there, in one transaction: there is no moment without them.

        An element that lives keeps its own timeout and gets nothing more, so a daemon that was killed and restarted
        does not silence an address whose lease goes on; a table that was gone comes back closed. GateError if the
        kernel refuses the rules.
        """
        here = self._device_is_here()
        failed = ""
        for start in ("", _drop_tables()):
            failed = self._nft.run(start + self._tables(egress=here))
            if not failed:
                break
        else:
            raise GateError(f"the dead-man's rules for {self.address} on {self.device} were refused: {failed}")
        self._installed = {family: self._listing(family) for family in FAMILIES}

    def renew(self, number: int, until: int) -> bool:
        """L6: let the address speak until that moment of now_us(); or do nothing.

        However long the process stands still in here, the kernel goes by the ticket, which was there before the clock
        was read.
        """
        return self.ticket(number) and self.commit(number, until - now_us())

    def ticket(self, number: int) -> bool:
        """L6a: add the ticket, for 100 ms. False: the kernel did not take it."""
        return self._elements.change(_ticket(Verb.CREATE, number))

    def commit(self, number: int, remaining_us: int) -> bool:
        """L6c: spend the ticket and let the address speak for so long, rounded down to milliseconds; or do nothing.

        False: the ticket has expired, the tables are gone, or too little time remains. Nothing has changed then.
        """
        milliseconds = remaining_us // 1000
        if milliseconds < SHORTEST_MS:
            return False
        key = socket.inet_aton(self.address)
        # Whatever timeout it has is replaced: deleted (what is not there cannot be, so add it first), and added anew.
        again = (
            Change(verb, family, TABLE, "lease", key, timeout)
            for family in Family
            for verb, timeout in ((Verb.ADD, 0), (Verb.DELETE, 0), (Verb.ADD, milliseconds))
        )
        return self._elements.change(_ticket(Verb.DELETE, number), *again)

    def disarm(self) -> bool:
        """Close the gate and void all tickets. True: the kernel has confirmed that it is there and closed."""
        closing = "".join(f"flush set {family} {TABLE} lease\n" for family in FAMILIES)
        closing += f"flush set inet {TABLE} ticket\n"
        if not self._nft.run(closing):
            return True
        try:
            self.install()
        except GateError:
            return False
        return not self._nft.run(closing)

    def present(self) -> bool:
        """Whether everything is as `install` left it; elements aside, and the chain at a device that is gone."""
        families = FAMILIES if self._device_is_here() else FAMILIES[:2]
        return bool(self._installed) and all(self._listing(one) == self._installed[one] for one in families)

    def watches_device(self) -> bool:
        """Whether frames sent by AF_PACKET are held back, too: the chain at the device is in place."""
        return "egress" in self._listing("netdev")

    def remaining_us(self) -> int:
        """How long the address may still speak, by the kernel's own count; 0: it is silent. For showing only."""
        found = re.search(r" expires (\S+)", self._nft.listing(f"set arp {TABLE} lease"))
        return sum(int(count) * _TERM_US[unit] for count, unit in _TERM.findall(found[1])) if found else 0

    def remove(self) -> None:
        """Take the tables away; only when the address is not on this node. GateError if the kernel refuses."""
        failed = self._nft.run(_drop_tables())
        if failed:
            raise GateError(f"the dead-man's tables were not removed: {failed}")
        self._installed = {}

    def _tables(self, *, egress: bool) -> str:
        arp = f"arp saddr ip {self.address} arp saddr ip != @lease drop"
        said = f"ip saddr {self.address} ip saddr != @lease drop"
        heard = f"ip daddr {self.address} ip daddr != @lease drop"
        at_device = f'egress device "{self.device}"'
        return (
            "".join(f"add table {one} {TABLE}\n" + _set(one, "lease", "ipv4_addr") for one in FAMILIES)
            + _set("inet", "ticket", "mark")
            + _chain("arp", "output", "output", arp)
            + _chain("inet", "input", "input", heard)
            + _chain("inet", "output", "output", said)
            + (_chain("netdev", "egress", at_device, arp, said) if egress else _no_chain("netdev", "egress"))
        )

    def _device_is_here(self) -> bool:
        try:
            socket.if_nametoindex(self.device)
        except OSError:
            return False
        return True

    def _listing(self, family: str) -> str:
        """Without the elements, which come and go."""
        return self._nft.listing(f"table {family} {TABLE}", elements=False)


class GateWatch:
    """Watches over a gate: whoever takes a part of it away, it is put back closed, and `gone` is called."""

    def __init__(self, gate: Gate, gone: Callable[[], None]) -> None:
        self._gate = gate
        self._gone = gone
        self._look = Look(self._see)
        groups = (_NFNLGRP_NFTABLES,)
        self._events = NetlinkEvents(NETLINK_NETFILTER, groups, self._heard, self._look.soon, but=gate.port)

    def start(self) -> None:
        """Watch from now on. OSError: the kernel has no nftables events."""
        self._events.start()

    def stop(self) -> None:
        """Watch no more; a look that is under way tells nobody."""
        self._events.stop()
        self._look.stop()

    def _heard(self, found: list[Message]) -> None:
        if any(one.kind in _TAKES_AWAY and _OURS in one.body for one in found):
            self._look.soon()

    async def _see(self) -> None:
        if await NFTABLES(self._put_back):
            self._gone()

    def _put_back(self) -> bool:
        if self._gate.present():
            return False
        # Closed first, and without asking: until then the address is held back by nothing. If that fails, the core
        # asks for it again (RESTORE_GATE), and its failure is seen there.
        with suppress(GateError):
            self._gate.install()
        return True


_NFNLGRP_NFTABLES = 7
_NFTABLES = 10 << 8
_TAKES_AWAY = frozenset(_NFTABLES | message for message in (0, 2, 3, 5, 6, 8, 11))
"""NEWTABLE (it may say "dormant"), DELTABLE, NEWCHAIN (another policy), DELCHAIN, NEWRULE, DELRULE, DELSET."""
_OURS = TABLE.encode() + b"\0"


def _ticket(verb: Verb, number: int) -> Change:
    return Change(verb, Family.INET, TABLE, "ticket", struct.pack("=I", number % 2**32))


def _set(family: str, name: str, kind: str) -> str:
    lifetime = f" timeout {TICKET_MS}ms;" if name == "ticket" else ""
    return f"add set {family} {TABLE} {name} {{ type {kind}; flags timeout;{lifetime} }}\n"


def _no_chain(family: str, name: str) -> str:
    """There is none of that name then, whatever there was: what does not exist cannot be deleted, so add it first."""
    chain = f"chain {family} {TABLE} {name}\n"
    return f"add {chain}flush {chain}delete {chain}"


def _chain(family: str, name: str, hook: str, *rules: str) -> str:
    head = f"{{ type filter hook {hook} priority {_BEFORE_ALL}; policy accept; }}"
    return (
        _no_chain(family, name)
        + f"add chain {family} {TABLE} {name} {head}\n"
        + "".join(f"add rule {family} {TABLE} {name} {rule}\n" for rule in rules)
    )


def _drop_tables() -> str:
    return "".join(f"add table {one} {TABLE}\ndelete table {one} {TABLE}\n" for one in FAMILIES)
