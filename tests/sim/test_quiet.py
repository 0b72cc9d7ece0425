"""What `decision.quiet` leaves out follows from the time alone: held against whole steps, over random schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.decision import core, lease
from coroctl.decision.actions import Send, Wake
from coroctl.decision.events import Tick
from coroctl.decision.quiet import quiet
from coroctl.decision.state import Turn
from coroctl.sim import drawing, schedule

if TYPE_CHECKING:
    from coroctl.decision.actions import Action
    from coroctl.decision.events import Event
    from coroctl.decision.state import State


class Compared:
    """In the place of `quiet`: each time it leaves something out, the whole step is made on the side.

    And a third one, as if nothing had come but the time: what the two conclude must be the same. (A step need not
    conclude everything that it could: the next one goes on.)
    """

    def __init__(self) -> None:
        self.steps = 0
        self.left_out = 0

    def __call__(self, turn: Turn, before: State, event: Event) -> bool:
        self.steps += 1
        if not quiet(turn, before, event):
            return False
        self.left_out += 1
        state, actions, wake = whole(turn, before, event)
        expected, others, soonest = whole(turn, before, Tick())
        assert state == expected
        assert actions == others
        assert turn.now < min(before.wake, soonest) <= wake, "the Tick that is asked for must not come too late"
        return True


def whole(turn: Turn, before: State, event: Event) -> tuple[State, list[Action], int]:
    """State, actions and wake-up of a step that leaves nothing out, but for what only the peers' times make of them."""
    made = Turn(before, turn.now, turn.draw)
    lease.check_clock(made)
    core.absorb(made, event)
    state, actions = core.conclude(made)
    said = [bare(one) for one in actions if not isinstance(one, Wake)]
    # When a majority was last heard is in the peers' times, and looked for with the next step.
    world = state.world._replace(majority_at=0)
    return state._replace(peers={}, world=world, wake=0), said, state.wake


def bare(action: Action) -> Action:
    """A heartbeat without what it has heard."""
    return Send(action.heartbeat._replace(echo={})) if isinstance(action, Send) else action


@pytest.mark.parametrize("seed", range(0, 60, 2))
def test_what_is_left_out_does_not_follow_from_what_was_heard(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = Compared()
    monkeypatch.setattr(core, "quiet", compared)
    schedule.run(drawing.draw(seed))
    print(f"{compared.left_out} of {compared.steps} steps")
    assert compared.left_out > compared.steps // 20
