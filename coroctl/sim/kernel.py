"""A node's kernel, as far as the cluster address is concerned: the address, and the dead-man before it (L6).

As measured on nftables: a ticket element lives 100 ms; the transaction that deletes it and sets the lease element
fails as a whole if it has expired; elements expire by themselves, whatever is frozen. Times are true time.
"""

from __future__ import annotations

TICKET_US = 100_000


class Kernel:
    """Lives as long as the node is powered."""

    __slots__ = ("address", "element", "gate", "tickets")

    def __init__(self) -> None:
        self.address = False
        self.element = 0
        """When the lease element expires; 0 if there is none."""
        self.gate = True
        """The table is in place; without it nothing is held back."""
        self.tickets: dict[int, int] = {}

    def speaks(self, now: int) -> bool:
        """Whether somebody outside gets an answer from the address here."""
        return self.address and (self.element > now or not self.gate)

    def set_ticket(self, ticket: int, expires: int) -> None:
        """Add the element."""
        self.tickets[ticket] = expires

    def commit(self, ticket: int, now: int, expires: int, *, checked: bool) -> bool:
        """Delete the ticket and set the element, or do nothing at all."""
        alive = self.gate and self.tickets.pop(ticket, 0) > now
        if alive or not checked:
            self.element = expires
            return True
        return False

    def disarm(self) -> None:
        """Delete the element and all tickets."""
        self.element = 0
        self.tickets.clear()
