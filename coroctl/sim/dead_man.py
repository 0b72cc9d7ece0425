"""A renewal of the dead-man, as the daemon's thread makes it: three things, and the process may stop before each.

The thread is the process's own: what stops or kills that stops the thread. It may come later than in the daemon, where
a renewal that was begun is through before any call about the gate that was asked for after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.events import DeadManCommitted, DeadManRefused

if TYPE_CHECKING:
    from coroctl.decision.actions import RenewDeadMan
    from coroctl.decision.state import State
    from coroctl.sim.machine import Machine

NETLINK_US = 200


class TicketSet(NamedTuple):
    """In the process's inbox, for the thread: the kernel has taken the ticket."""

    ticket: int
    until: int


class CommitDeadMan(NamedTuple):
    """The thread's last action: one transaction, with what the clock said just before."""

    ticket: int
    remaining_us: int


def renew(machine: Machine, action: RenewDeadMan) -> None:
    """The ticket goes into the kernel."""
    if machine.expired(action.until):
        return
    machine.kernel.set_ticket(action.ticket)
    machine.later(NETLINK_US, TicketSet(action.ticket, action.until))


def read_clock(machine: Machine, there: TicketSet) -> CommitDeadMan:
    """What is left; then the process may stop once more."""
    assert machine.state is not None
    now = machine.clock.read(machine.cluster.timeline.now)
    return CommitDeadMan(there.ticket, lasts(machine.state, there.until, now))


def lasts(state: State, until: int, now: int) -> int:
    """How long the element is to live from now on."""
    return until - now if state.life.rules.dead_man_from_sending or until <= now else state.claim.lease_us


def commit(machine: Machine, action: CommitDeadMan) -> None:
    """One transaction; nothing where no time is left."""
    checked = machine.cluster.rules.dead_man_ticket
    done = action.remaining_us > 0 and machine.kernel.commit(action.ticket, action.remaining_us, checked=checked)
    machine.later(NETLINK_US, DeadManCommitted(action.ticket) if done else DeadManRefused(action.ticket))
