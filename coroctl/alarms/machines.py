"""Alarms about virtual machines: what recovery waits for, and what corolistener could not do. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coroctl.alarms.words import Alarm, Kind, Severity, named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.model import Snapshot, Wait

BY_HAND: Final = "confirm-dead"
"""How what an operator is waited for begins."""
TOLD_BY_WAITS: Final = "a lost node's machines are not recovered"
ADVICE: Final = {
    "the inventory cannot be stored": "look at the disk of /var/lib/corolistener: full, read-only or broken",
    "a replica of the inventory does not follow": "look at that node's corolistener and disk: coroctl inventory status",
    "the inventory cannot be opened": "bring the nodes with `replication: on` back: coroctl inventory status",
    "the hypervisor did not do": "coroctl events says what it was told; virsh list --all there",
    "no node could start a machine": "coroctl machines says where it failed; then coroctl machine move NAME NODE",
    "a node could not be fenced": "coroctl fence test; if that node surely has no power: coroctl confirm-dead NODE",
    "a node was reported as off": "its fence agent switches another machine, or lies: look at fence_conf",
}
"""By the beginning of the daemon's words (coroctl.decision.estate.actions.Alarm)."""
_LOOK: Final = "coroctl events says more"


def machines(snapshot: Snapshot, now: float) -> Iterator[Alarm]:
    """`now`: seconds since 1970."""
    told = snapshot.machinery
    if told is None:
        return
    yield from (_waiting(snapshot, one, now) for one in told.recovery)
    for one in told.troubles:
        if one.what != TOLD_BY_WAITS:
            about = named(snapshot, one.node) if one.node is not None else one.about
            todo = next((todo for start, todo in ADVICE.items() if one.what.startswith(start)), _LOOK)
            text = f"{one.what}: {about}" if about else one.what
            yield Alarm(Severity.CRITICAL, Kind.MACHINES, text, todo, one.node)


def _waiting(snapshot: Snapshot, wait: Wait, now: float) -> Alarm:
    """Nobody but an operator ends some of them; others pass, unless something went wrong already."""
    name = named(snapshot, wait.node)
    by_hand = wait.waits_for.startswith(BY_HAND)
    severity = Severity.CRITICAL if by_hand or wait.why else Severity.WARNING
    look = f"look at the power of {name}; if it surely has none: coroctl confirm-dead {name}"
    todo = look if by_hand else f"wait; coroctl fence test {name} asks its agent" if wait.why else "wait"
    text = f"{name} is lost, and its machines wait for {wait.waits_for}{countdown(wait, now)}"
    return Alarm(severity, Kind.RECOVERY, f"{text} ({wait.why})" if wait.why else text, todo, wait.node)


def countdown(wait: Wait, now: float) -> str:
    """``, 12 s more``; nothing where nobody knows."""
    return "" if wait.until is None else f", {max(wait.until - now, 0):.0f} s more"
