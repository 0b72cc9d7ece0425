"""A node's kernel, as far as the cluster address is concerned: the address, and the dead-man before it (L6).

As measured on nftables: a ticket element lives 100 ms; the transaction that deletes it and sets the lease element
fails as a whole if it has expired; elements expire by themselves, whatever is frozen. And on addresses: a lifetime
counts whole seconds, and the sweep comes 0.03 to 0.25 s after it. Arguments are spans of the node's clock; what is
kept is true time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.sim.clock import MS, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from coroctl.sim.clock import Clock, Timeline

TICKET_US = 100 * MS
SWEEP_US = (30 * MS, 250 * MS)
NEVER = 1 << 62


class Kernel:
    """Lives as long as the node is powered. `changed` is called when somebody outside may get another answer."""

    __slots__ = (
        "address",
        "armed_until",
        "changed",
        "clock",
        "element",
        "gate",
        "gone_at",
        "nftables",
        "random",
        "swept",
        "tickets",
        "timeline",
        "wanted",
    )

    def __init__(
        self,
        timeline: Timeline,
        clock: Clock,
        random: Random,
        changed: Callable[[], None],
        *,
        nftables: bool = True,
    ) -> None:
        self.timeline = timeline
        self.clock = clock
        self.random = random
        self.changed = changed
        self.nftables = nftables
        self.address = False
        self.wanted = False
        """The address was added and not removed since, except by its lifetime: a new lifetime would create it again."""
        self.gone_at = NEVER
        """When its lifetime takes it away."""
        self.swept = True
        """No look at the lifetime is on the timeline."""
        self.element = 0
        """When the lease element expires; 0 if there is none."""
        self.armed_until = 0
        """When the last lease that was committed here ends."""
        self.gate = nftables
        """The table is in place; without it nothing is held back."""
        self.tickets: dict[int, int] = {}

    def speaks(self, now: int) -> bool:
        """Whether somebody outside gets an answer from the address here."""
        return self.address and (self.element > now or not self.gate)

    # The dead-man

    def set_ticket(self, ticket: int) -> None:
        """Add the element."""
        self.tickets[ticket] = self.timeline.now + self.clock.lasts(TICKET_US)

    def commit(self, ticket: int, remaining_us: int, *, checked: bool) -> bool:
        """Delete the ticket and set the element, and the address's lifetime after it; or do nothing at all."""
        now = self.timeline.now
        alive = (self.gate and self.tickets.pop(ticket, 0) > now) or not self.nftables
        if checked and not alive:
            return False
        self.armed_until = now + self.clock.lasts(remaining_us)
        if self.nftables:
            self.element = self.armed_until
            self.timeline.at(self.element, self.changed)
        if self.wanted:
            self.add_address(remaining_us)
        self.changed()
        return True

    def disarm(self) -> None:
        """Delete the element and all tickets. Where there is no gate, silence means that the address is gone."""
        self.element = 0
        self.tickets.clear()
        if not self.nftables:
            self.remove_address()

    def flush(self) -> None:
        """nft flush ruleset."""
        self.element = 0
        self.tickets.clear()
        self.gate = False

    def restore(self) -> None:
        """The table is back, closed."""
        self.gate = self.nftables

    # The address

    def add_address(self, lifetime_us: int) -> None:
        """Put it there, or give it a new lifetime: at least so long, in whole seconds."""
        seconds = -(-lifetime_us // SECOND)
        self.address = self.wanted = True
        self.gone_at = self.timeline.now + self.clock.lasts(seconds * SECOND) + self.random.randint(*SWEEP_US)
        self.watch()

    def remove_address(self) -> None:
        """ip addr del."""
        self.address = self.wanted = False
        self.gone_at = NEVER

    def watch(self) -> None:
        """Look at the lifetime when it may be over."""
        if self.swept:
            self.swept = False
            self.timeline.at(self.gone_at, self.sweep)

    def sweep(self) -> None:
        """Take the address away if its lifetime is over."""
        self.swept = True
        if self.gone_at > self.timeline.now:
            if self.gone_at != NEVER:
                self.watch()
            return
        self.address = False
        self.gone_at = NEVER
        self.changed()
