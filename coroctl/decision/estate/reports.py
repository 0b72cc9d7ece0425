"""What a node says of its own machines where the inventory has it otherwise (M2 a, M6 c); how many have a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.estate import migration
from coroctl.decision.estate.machines import LIVE, domain_of, owned
from coroctl.decision.estate.values import REPORTS_MAX, UNKNOWN_COUNT, Machine, Report, Seen

if TYPE_CHECKING:
    from coroctl.decision.estate.state import Turn


def reports(turn: Turn) -> tuple[Report, ...]:
    """Where the inventory says otherwise of this node's own machines, the first few."""
    found = []
    for machine in owned(turn):
        report = report_of(turn, machine)
        if report is not None:
            found.append(report)
        if len(found) >= REPORTS_MAX:
            break
    return tuple(found)


def report_of(turn: Turn, machine: Machine) -> Report | None:
    """What there is to say of one of them."""
    if machine.name in turn.own.given_up:
        return Report(machine.name, machine.grant, turn.own.given_up[machine.name][1], given_up=True)
    domain = domain_of(turn, machine)
    if machine.name in turn.own.commands or migration.is_leftover(turn, machine, domain):
        return None
    seen, why = seen_of(turn, machine), migration.stayed(turn, machine)
    if why and not migration.is_stuck(machine, domain):
        return Report(machine.name, machine.grant, seen, stayed=machine.live, why=why)
    changed = (seen, turn.life.node) != (machine.seen, machine.seen_on)
    return Report(machine.name, machine.grant, seen) if changed else None


def seen_of(turn: Turn, machine: Machine) -> Seen:
    """What this node can say of it."""
    if turn.own.domains is None:
        return Seen.UNKNOWN
    domain = domain_of(turn, machine)
    return domain.seen if domain is not None else Seen.OFF


def processes(turn: Turn) -> int:
    """Managed machines that have a process here."""
    if turn.own.domains is None:
        return UNKNOWN_COUNT
    known = turn.inventory.machines
    names = turn.own.notes.managed
    return sum(1 for one in turn.own.domains.values() if one.seen in LIVE and (one.name in known or one.name in names))
