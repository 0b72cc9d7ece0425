"""Live moves (M6): when an owner lets its machine be copied away, what it says then, what a target keeps or resumes.

A live migration only copies. Its source is the owner, and stays it until it has said that the machine has left; its
target has a paused copy that nobody may run before the grant. So P2 hangs on M1 and M2 alone: whatever is lost, frozen
or restarted on the way, at most the owner's process executes. What a copy is worth is the second question: it is
resumed only if the owner has said, after it, that the machine runs no more; for the owner may have gone on, and written
to disks that a copy from before does not know. docs/machines.md has both arguments whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.estate.actions import Event
from coroctl.decision.estate.state import Departure
from coroctl.decision.estate.values import NOTHING, WHY_MAX, Domain, Machine, Seen
from coroctl.decision.settings import SECOND
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.decision.estate.state import Turn
    from coroctl.model import NodeId

READY_US = 10 * SECOND
"""A target that does not obey the ask within this gets nothing."""


def under_way(machine: Machine) -> bool:
    """Whether its owner is to let it go by live migration."""
    return machine.live > NOTHING and machine.node != NOBODY


# The owner


def departs(turn: Turn, machine: Machine) -> bool:
    """Whether it is to be copied away now: by an ask that every next holder knows (M6 b), and not in vain."""
    if machine.live == NOTHING or machine.live > turn.replica.settled:
        return False
    known = turn.own.departures.get(machine.name)
    if known is None or known.live != machine.live:
        known = Departure(machine.live, turn.now)
        turn.own = turn.own._replace(departures={**turn.own.departures, machine.name: known})
    return not known.stayed


def waits(turn: Turn, machine: Machine) -> bool:
    """Whether its target is not ready yet; in vain after a while."""
    if is_ready(turn, machine):
        return False
    late = turn.own.departures[machine.name].since + READY_US
    if turn.now < late:
        turn.wake_at(late)
    else:
        stay(turn, machine.name, f"node {machine.to} is not heard, or does not follow the inventory")
    return True


def is_ready(turn: Turn, machine: Machine) -> bool:
    """M6 (b): the target obeys the ask; so nothing is there of an earlier attempt."""
    fact = turn.facts.nodes.get(machine.to)
    return fact is not None and fact.heard and fact.stock.obeys >= machine.live


def stay(turn: Turn, name: str, why: str) -> None:
    """M6 (c): it comes to nothing, under this ask."""
    known = turn.own.departures.get(name)
    if known is not None and not known.stayed:
        told = known._replace(stayed=why[:WHY_MAX] or "for no reason that is known")
        turn.own = turn.own._replace(departures={**turn.own.departures, name: told})
        turn.log(Event.STAYED, name, detail=told.stayed)


def stayed(turn: Turn, machine: Machine) -> str:
    """Why it stays, for the holder; empty if there is nothing to say."""
    known = turn.own.departures.get(machine.name)
    return known.stayed if known is not None and known.live == machine.live else ""


def has_left(machine: Machine, domain: Domain | None) -> bool:
    """Whether it is off here, by having been migrated as was asked."""
    return domain is not None and domain.left and machine.live > NOTHING


def is_stuck(machine: Machine, domain: Domain | None) -> bool:
    """Whether a migration of ours has paused it here. None is under way: no command is."""
    return domain is not None and domain.arriving and machine.live > NOTHING


# The target


def expect(turn: Turn) -> None:
    """Note what is to come before it comes: what is here by then is of an earlier attempt, and is destroyed."""
    asked = {
        one.name: one
        for one in turn.inventory.machines.values()
        if one.to == turn.life.node and one.live > NOTHING and one.node != turn.life.node
    }
    expected = {name: live for name, live in turn.own.expected.items() if name in asked and asked[name].live == live}
    for name, machine in asked.items():
        domain = (turn.own.domains or {}).get(name)
        if domain is None or domain.seen is Seen.OFF or domain.arriving:
            expected[name] = machine.live
    if expected != turn.own.expected:
        turn.own = turn.own._replace(expected=expected)


def is_expected(turn: Turn, machine: Machine, domain: Domain) -> bool:
    """A copy that is to be resumed here, once its owner has said that it has left."""
    asked = (
        machine.live > NOTHING and machine.to == turn.life.node and turn.own.expected.get(machine.name) == machine.live
    )
    return asked and domain.seen is Seen.PAUSED and (machine.node != NOBODY or machine.seen is Seen.LEFT)


def is_leftover(turn: Turn, machine: Machine, domain: Domain | None) -> bool:
    """Of this node's own: a paused process of which this node has said nothing since it is the owner.

    So it is neither paused by us nor by an operator: a migration has left it.
    """
    if domain is None or domain.seen is not Seen.PAUSED or machine.name in turn.own.notes.paused:
        return False
    return machine.seen_on != turn.life.node


def arrived(turn: Turn, machine: Machine) -> bool:
    """M6 (d): whether such a leftover is what its former owner says has left it."""
    return machine.seen is Seen.LEFT or not turn.life.rules.leftover_is_destroyed


# The holder


def may_be_live(machine: Machine, node: NodeId, *, migrates: bool, cold: bool) -> bool:
    """M6 (a): it runs, by its owner's word under this grant."""
    runs = (machine.seen, machine.seen_on) == (Seen.RUNNING, machine.node)
    return migrates and not cold and runs and node != machine.node
