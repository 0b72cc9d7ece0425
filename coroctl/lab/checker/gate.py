"""Until when a node's dead-man lets it speak for the address, followed from the kernel's messages. No sockets.

The gate is the table ``corolistener`` of the families arp and inet, with a rule at least, and an element for the
address in a set ``lease``. Whatever is missing counts as open, and a lease in any one family as a lease: the
checker may see a holder too many, never one too few.
"""

from __future__ import annotations

from coroctl.lab.checker import netlink
from coroctl.lab.checker.intervals import FOREVER
from coroctl.lab.checker.netlink import ARP, INET, NETDEV, Message, Object

TABLE = "corolistener"
LEASE = "lease"

_OBJECTS = (
    netlink.NEW_TABLE,
    netlink.DELETE_TABLE,
    netlink.NEW_RULE,
    netlink.DELETE_RULE,
    netlink.DELETE_SET,
    netlink.NEW_ELEMENT,
    netlink.DELETE_ELEMENT,
)


class Gate:
    """One node's."""

    def __init__(self, address: bytes) -> None:
        self._address = address
        self._rules: dict[int, set[int]] = {}
        self._leases: dict[int, dict[bytes, int]] = {}

    def take(self, message: Message, now_us: int) -> None:
        """Follow one message of nftables that was received at that moment."""
        if message.kind not in _OBJECTS:
            return
        told = netlink.read_object(message)
        if told.table != TABLE:
            return
        if message.kind == netlink.DELETE_TABLE:
            self._rules.pop(told.family, None)
            self._leases.pop(told.family, None)
        elif message.kind == netlink.NEW_RULE:
            self._rules.setdefault(told.family, set()).add(told.handle)
        elif message.kind == netlink.DELETE_RULE:
            self._rules.get(told.family, set()).discard(told.handle)
        elif told.set_name == LEASE:
            self._take_elements(message.kind, told, now_us)

    def _take_elements(self, kind: int, told: Object, now_us: int) -> None:
        leases = self._leases.setdefault(told.family, {})
        if kind == netlink.DELETE_SET:
            leases.clear()
        for element in told.elements:
            if kind == netlink.DELETE_ELEMENT:
                leases.pop(element.key, None)
            elif element.key.startswith(self._address):
                forever = element.remaining_ms is None
                leases[element.key] = FOREVER if forever else now_us + 1000 * (element.remaining_ms or 0)

    def open_until(self) -> int:
        """The moment at which the gate closes by itself: 0 if it is closed, FOREVER if nothing closes it."""
        if not all(self._rules.get(family) for family in (ARP, INET)):
            return FOREVER
        return max((until for leases in self._leases.values() for until in leases.values()), default=0)


def questions() -> tuple[bytes, ...]:
    """The dumps that tell the gate's whole state, to be asked one after the other's end."""
    elements = (netlink.dump_nftables(netlink.GET_ELEMENT, family, TABLE, LEASE) for family in (ARP, INET, NETDEV))
    return (netlink.dump_nftables(netlink.GET_TABLE), netlink.dump_nftables(netlink.GET_RULE), *elements)
