"""Beginning a step, and cleaning up: what must be gone before anything is released or promoted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.actions import Do, Step

if TYPE_CHECKING:
    from coroctl.decision.state import Turn

CLEAN_UP = (Step.DISARM, Step.REMOVE_ADDRESS, Step.KILL_MANAGER, Step.UNLOCK)
"""Address first, at once: the gate silences it however slow the rest is."""
RETRY_US = 200_000


def begin(turn: Turn, step: Step, before: int = 0) -> int:
    """Ask for a step; its number comes back with its end."""
    number = turn.number()
    turn.do(Do(number, step, before))
    return number


def clean(turn: Turn, steps: tuple[Step, ...]) -> None:
    """Begin clean-up steps. They are repeated until they succeed."""
    under_way = tuple((step, begin(turn, step)) for step in steps)
    rest = tuple(one for one in turn.duty.cleaning if one[0] not in steps)
    turn.duty = turn.duty._replace(cleaning=(*rest, *under_way), cleaning_at=turn.now + RETRY_US)


def cleaned(turn: Turn, step: Step, number: int) -> None:
    """One of them has succeeded."""
    if (step, number) in turn.duty.cleaning:
        rest = tuple(one for one in turn.duty.cleaning if one != (step, number))
        turn.duty = turn.duty._replace(cleaning=rest)


def clean_failed(turn: Turn, step: Step, number: int) -> None:
    """Marked with number 0, it is begun again by `retry_clean`."""
    if (step, number) in turn.duty.cleaning:
        marked = tuple((one, 0 if one is step else its) for one, its in turn.duty.cleaning)
        turn.duty = turn.duty._replace(cleaning=marked, cleaning_at=turn.now + RETRY_US)


def retry_clean(turn: Turn) -> None:
    """Begin again what has failed."""
    failed = tuple(step for step, number in turn.duty.cleaning if not number)
    if not failed:
        return
    if turn.now < turn.duty.cleaning_at:
        turn.wake_at(turn.duty.cleaning_at)
    else:
        clean(turn, failed)


def closing(turn: Turn) -> bool:
    """Whether the gate may still be open: its closing is not confirmed."""
    return any(step is Step.DISARM for step, _ in turn.duty.cleaning)
