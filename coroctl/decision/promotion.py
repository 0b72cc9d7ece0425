"""Promotion and planned demotion as sequences (section 6): each step an action, each end of one an event.

The tables are the order. Every promotion step carries the end of the lease, after which it must not be begun; a
demotion step carries none. A lost lease does not come through here: lease.lapse drops everything at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision import steps
from coroctl.decision.actions import Alarm, Event, Step
from coroctl.decision.lease import holds, stop_counting, unguard
from coroctl.decision.log import alarm, log, over
from coroctl.decision.settings import SECOND
from coroctl.decision.state import Duty

if TYPE_CHECKING:
    from coroctl.decision.state import Turn

PROMOTION = (
    Step.ADD_ADDRESS,
    Step.LOCK,
    Step.BRING_INVENTORY,
    Step.START_MANAGER,
    Step.CHECK_PORTS,
    Step.QUEUE_RECOVERY,
)
ABOUT_ADDRESS = frozenset({Step.ADD_ADDRESS, Step.REMOVE_ADDRESS})
ABOUT_MANAGER = frozenset({Step.START_MANAGER, Step.CHECK_PORTS, Step.STOP_MANAGER, Step.KILL_MANAGER})
DEMOTION = (Step.STOP_MANAGER, Step.DISARM)
"""The manager stops while the address is still held and the lease renewed; then the gate closes. What remains
(address, lock files) is clean-up that nobody waits for."""

MANAGER_STARTS = 3
FAILED_US = 20 * SECOND
FAILED_MOST_US = 300 * SECOND


def needed(turn: Turn, sequence: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps of a sequence that this configuration asks for."""
    settings = turn.files.settings
    return tuple(
        step
        for step in sequence
        if (step not in ABOUT_ADDRESS or settings.address)
        and (step not in ABOUT_MANAGER or settings.service)
        and (step is not Step.CHECK_PORTS or settings.ports)
    )


def promote(turn: Turn) -> None:
    """Begin the promotion, once nothing of a former one is left."""
    duty = turn.duty
    if not duty.cleaning:
        turn.duty = Duty(
            steps=needed(turn, PROMOTION),
            started=turn.now,
            touched=True,
            failures=duty.failures,
            starts=1,
        )


def demote(turn: Turn, *, release: bool) -> None:
    """Begin the planned way down; the tenure is given up at its end, or kept as coordinator."""
    duty = turn.duty
    if duty.ending:
        turn.duty = duty._replace(release=duty.release or release)
        return
    sequence = needed(turn, DEMOTION) if duty.touched else ()
    turn.duty = duty._replace(steps=sequence, number=0, ending=True, release=release, started=turn.now)


def go_on(turn: Turn) -> None:
    """Begin the next step if it may be begun now; end the sequence when none is left."""
    duty = turn.duty
    if duty.number:
        watch(turn)
        return
    if not duty.steps:
        finish(turn)
        return
    step = duty.steps[0]
    if not duty.ending and not may_begin(turn, step):
        return
    before = 0 if duty.ending else turn.claim.lease_until()
    turn.duty = duty._replace(number=steps.begin(turn, step, before), begun=turn.now)


def may_begin(turn: Turn, step: Step) -> bool:
    """The address only behind a gate that is armed; the manager only when the former one is surely dead (P1b)."""
    if not holds(turn):
        return False
    if step is Step.ADD_ADDRESS:
        return turn.dead_man.until > turn.now
    if step is Step.START_MANAGER and turn.now < turn.claim.manager_from:
        turn.wake_at(turn.claim.manager_from)
        return False
    return True


def watch(turn: Turn) -> None:
    """A manager that does not stop in time is killed."""
    duty = turn.duty
    if not duty.steps or duty.steps[0] is not Step.STOP_MANAGER:
        return
    limit = duty.begun + turn.files.settings.service_stop_us
    turn.wake_at(limit)
    if turn.now >= limit:
        kill_instead(turn)


def kill_instead(turn: Turn) -> None:
    """The stop failed, or takes too long."""
    turn.duty = turn.duty._replace(steps=(Step.KILL_MANAGER, *turn.duty.steps[1:]), number=0)


def finish(turn: Turn) -> None:
    """The sequence is through."""
    duty = turn.duty
    if not duty.ending:
        if duty.touched and not duty.serving:
            turn.duty = duty._replace(serving=True, failures=0)
            over(turn, Alarm.PROMOTION)
            log(turn, Event.LEASE, "serving", turn.now - duty.started)
        return
    turn.duty = Duty(failures=duty.failures, failed_until=duty.failed_until)
    turn.dead_man = turn.dead_man._replace(until=0)
    if duty.touched:
        steps.clean(turn, (*needed(turn, (Step.REMOVE_ADDRESS,)), Step.UNLOCK))
    if duty.release:
        stop_counting(turn)


def done(turn: Turn, number: int, step: Step) -> None:
    """A step has succeeded: log how long it took, and go on at once."""
    steps.cleaned(turn, step, number)
    unguard(turn)
    duty = turn.duty
    if not number or number != duty.number:
        return
    log(turn, Event.STEP, step, turn.now - duty.begun)
    turn.duty = duty._replace(steps=duty.steps[1:], number=0)


def failed(turn: Turn, number: int, step: Step, why: str) -> None:
    """A step has failed: what follows depends on the step."""
    steps.clean_failed(turn, step, number)
    duty = turn.duty
    if not number or number != duty.number:
        return
    log(turn, Event.STEP_FAILED, step)
    if duty.ending:
        fail_demotion(turn, step)
    elif step in (Step.START_MANAGER, Step.CHECK_PORTS, Step.KILL_MANAGER):
        restart_manager(turn, why)
    elif step is Step.ADD_ADDRESS:
        fail_promotion(turn, f"{step.value}: {why}")
    else:
        # A lock file or an inventory that makes trouble must not block a failover.
        alarm(turn, Alarm.PROMOTION, f"{step.value}: {why}")
        turn.duty = duty._replace(steps=duty.steps[1:], number=0)


def fail_demotion(turn: Turn, step: Step) -> None:
    """Down is the only way: what fails is tried again, and a manager that does not stop is killed."""
    if step is Step.STOP_MANAGER:
        kill_instead(turn)
    else:
        turn.duty = turn.duty._replace(number=0)


def restart_manager(turn: Turn, why: str) -> None:
    """Three starts, then the role is given up."""
    duty = turn.duty
    if duty.starts >= MANAGER_STARTS:
        fail_promotion(turn, why)
        return
    rest = duty.steps[duty.steps.index(Step.QUEUE_RECOVERY) :]
    again = needed(turn, (Step.KILL_MANAGER, Step.START_MANAGER, Step.CHECK_PORTS))
    turn.duty = duty._replace(steps=(*again, *rest), number=0, starts=duty.starts + 1)


def fail_promotion(turn: Turn, why: str) -> None:
    """Step down; not a candidate for the address for 20 s, doubling. Somebody better now gets the lease (L13)."""
    failures = turn.duty.failures + 1
    wait = min(FAILED_US << (failures - 1), FAILED_MOST_US)
    alarm(turn, Alarm.PROMOTION, why)
    turn.duty = turn.duty._replace(failures=failures, failed_until=turn.now + wait)
    demote(turn, release=False)


def address_gone(turn: Turn) -> None:
    """Somebody removed the address of a holder that is to have it: put it back, and say so."""
    if holds(turn) and turn.duty.touched and not turn.duty.ending:
        alarm(turn, Alarm.ADDRESS_GONE)
        turn.alarms -= {Alarm.ADDRESS_GONE}
        if Step.ADD_ADDRESS not in turn.duty.steps:
            steps.begin(turn, Step.ADD_ADDRESS, turn.claim.lease_until())


def gate_gone(turn: Turn) -> None:
    """The table vanished, so nothing holds the address back: put it back closed, and open it by the usual way."""
    alarm(turn, Alarm.GATE_GONE)
    turn.alarms -= {Alarm.GATE_GONE}
    turn.dead_man = turn.dead_man._replace(until=0, asked_at=0)
    steps.begin(turn, Step.RESTORE_GATE)
