"""States to feed events to: a node that has started, and heartbeats of peers that it hears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coroctl.decision.actions import Action, Do, Send, Store
from coroctl.decision.core import Start, boot, step
from coroctl.decision.estate.values import EMPTY
from coroctl.decision.events import Done, Event, Heard, Input, Stored
from coroctl.decision.settings import Member, Settings
from coroctl.decision.values import NOBODY, Heartbeat, Identity, Mark, News, Office, Record, Run, Tenure
from coroctl.model import NodeId

if TYPE_CHECKING:
    from coroctl.decision.state import State

ME, TWO, THREE = NodeId(1), NodeId(2), NodeId(3)
SETTINGS = Settings(Identity(1, "a"), (Member(ME, 30), Member(TWO, 20), Member(THREE, 10)))
ALL = frozenset({ME, TWO, THREE})
T0 = 1_000_000_000
INCARNATION = 7 << 20


class Node:
    """One core, fed by hand. Steps succeed at once, and stores unless told otherwise."""

    def __init__(
        self,
        record: Record | None = None,
        run: Run | None = None,
        *,
        lost: bool = False,
        now: int = T0,
        boot_id: int = 5,
        settings: Settings = SETTINGS,
        storing: bool = True,
    ) -> None:
        self.now = now
        self.storing = storing
        self.actions: list[Action] = []
        found = None if lost else record or Record()
        self.state, actions = boot(
            Start(ME, boot_id, settings, now, 42, found, run, members=ALL, quorate=True),
        )
        self.take(actions)

    def feed(self, event: Event, after_us: int = 1000) -> list[Action]:
        """One event; returns its actions, and those that follow from storing."""
        self.now += after_us
        self.state, actions = step(self.state, Input(self.now, self.now, event))
        return self.take(actions)

    def take(self, actions: list[Action]) -> list[Action]:
        """Remember them; the disk answers."""
        self.actions += actions
        found = list(actions)
        for action in actions:
            if isinstance(action, Store) and self.storing:
                found += self.feed(Stored(action.number))
            elif isinstance(action, Do):
                found += self.feed(Done(action.number, action.step))
        return found

    def last_sent(self) -> Heartbeat:
        """The newest heartbeat."""
        return next(action.heartbeat for action in reversed(self.actions) if isinstance(action, Send))

    def mark(self) -> Mark:
        """What an echo of it says."""
        sent = self.last_sent()
        return Mark(sent.incarnation, sent.sequence)

    def hear(self, node: NodeId, news: News, incarnation: int = INCARNATION) -> list[Action]:
        """A heartbeat of a peer that has processed the newest of ours."""
        return self.feed(Heard(Heartbeat(node, incarnation, self.now, {ME: self.mark()}, {}, news)))


def news(**changes: Any) -> News:
    """An ordinary slave's."""
    plain = News(
        office=Office.VOTER,
        tenure=None,
        lease_us=0,
        promise_us=0,
        vote=None,
        vote_promise_us=0,
        term=0,
        would=NOBODY,
        reason=None,
        prio=20,
        given_up=None,
        handed_to=NOBODY,
        identity=SETTINGS.identity,
        voters_digest=0,
        former=(),
        serving=False,
        stopping=False,
        staged=None,
        proposal=None,
        stock=EMPTY,
    )
    return plain._replace(**changes)


def claim(tenure: Tenure, **changes: Any) -> News:
    """A claimant's."""
    return news(
        office=Office.CLAIMING,
        tenure=tenure,
        lease_us=2_000_000,
        promise_us=2_200_000,
        vote=tenure,
        term=tenure.term,
        **changes,
    )


def voted(state: State) -> Tenure | None:
    """The vote that is on disk."""
    return state.disk.durable.vote
