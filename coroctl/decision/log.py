"""Lines and alarms as actions. An alarm is told once, until it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.actions import Alarm, Event, Log, Step, Warn

if TYPE_CHECKING:
    from coroctl.decision.state import Turn
    from coroctl.decision.values import Identity, Reason, Staged, Tenure
    from coroctl.model import NodeId


def log(
    turn: Turn,
    event: Event,
    detail: Tenure | Identity | Staged | Step | Reason | NodeId | str | int | None = None,
    took_us: int = 0,
) -> None:
    """One line, with the term that this node is in."""
    turn.do(Log(event, turn.ballots.term, detail, took_us))


def alarm(turn: Turn, what: Alarm, detail: str = "") -> None:
    """Once, until `over`."""
    if what not in turn.alarms:
        turn.alarms |= {what}
        turn.do(Warn(what, detail))


def over(turn: Turn, what: Alarm) -> None:
    """The next one is told again."""
    if what in turn.alarms:
        turn.alarms -= {what}
