"""What the core does not remember because it decides nothing by it, and people ask for: since when, and what was last.

Fed with every state and every log line; owns only what it has seen in this life of the daemon. It knows no socket and
no file; the events of former lives are the journal's.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.actions import Event
from coroctl.decision.values import Office

if TYPE_CHECKING:
    from coroctl.decision.actions import Alarm, Log, Warn
    from coroctl.decision.state import State
    from coroctl.decision.values import News, Reason, Tenure
    from coroctl.model import NodeId

KEPT = 20
"""Transitions."""
TOLD = frozenset(
    {
        Event.CLAIMED,
        Event.CLAIM_FAILED,
        Event.LEASE,
        Event.RENEWED_AFTER_RESTART,
        Event.LEASE_LOST,
        Event.GIVEN_UP,
        Event.STEP,
        Event.STEP_FAILED,
        Event.MASTER,
        Event.COORDINATOR,
        Event.SLAVE,
        Event.SUSPENDED,
        Event.HAND_OVER,
    }
)
"""The events that belong to a change of this node's role."""


class Transition(NamedTuple):
    """One of them."""

    at: float
    """Wall clock, seconds since 1970."""
    term: int
    event: str
    detail: str
    took_us: int
    """0: it has no duration."""


class Contact(NamedTuple):
    """A peer as it was last heard."""

    incarnation: int
    sequence: int
    at: int
    """When its newest datagram came, microseconds of this node's clock."""
    reason: Reason | None
    reason_at: int
    """Since when it gives that reason."""


class Service(NamedTuple):
    """Who has the cluster address, and since when this node knows it."""

    tenure: Tenure
    at: float
    """Wall clock, seconds since 1970."""


class Past(NamedTuple):
    """What is remembered, as a value."""

    contacts: dict[NodeId, Contact]
    service: Service | None
    alarms: tuple[tuple[Alarm, float, str], ...]
    """Those that are not over, since when (wall clock), and their details."""
    transitions: tuple[Transition, ...]
    """The oldest first."""
    seen: frozenset[NodeId]
    """Nodes that corosync had as members at some time."""


NOTHING = Past({}, None, (), (), frozenset())


class Chronicle:
    """Times are told by whoever calls: `now` is the daemon's clock, `wall` seconds since 1970."""

    def __init__(self) -> None:
        self._contacts: dict[NodeId, Contact] = {}
        self._service: Service | None = None
        self._alarms: dict[Alarm, tuple[float, str]] = {}
        self._transitions: deque[Transition] = deque(maxlen=KEPT)
        self._seen: frozenset[NodeId] = frozenset()

    def stepped(self, state: State, now: int, wall: float) -> None:
        """After every step of the core."""
        self._note_contacts(state, now)
        self._note_service(state, wall)
        if not state.world.members <= self._seen:
            self._seen |= state.world.members
        if self._alarms.keys() - state.alarms:
            self._alarms = {alarm: told for alarm, told in self._alarms.items() if alarm in state.alarms}

    def logged(self, action: Log, wall: float) -> None:
        """A line of the log."""
        if action.event in TOLD:
            detail = action.detail
            text = "" if detail is None else str(detail.value if isinstance(detail, Enum) else detail)
            self._transitions.append(Transition(wall, action.term, action.event.value, text, action.took_us))

    def warned(self, action: Warn, wall: float) -> None:
        """An alarm was raised; the next states say when it is over."""
        self._alarms[action.alarm] = (wall, action.detail)

    def past(self) -> Past:
        """All of it."""
        alarms = tuple((alarm, at, detail) for alarm, (at, detail) in self._alarms.items())
        return Past(dict(self._contacts), self._service, alarms, tuple(self._transitions), self._seen)

    def _note_contacts(self, state: State, now: int) -> None:
        for node, peer in state.peers.items():
            known = self._contacts.get(node)
            if peer.last is None or (known is not None and known[:2] == (peer.incarnation, peer.sequence)):
                continue
            same = known is not None and known.reason is peer.last.reason and known.incarnation == peer.incarnation
            since = known.reason_at if known is not None and same else now
            self._contacts[node] = Contact(peer.incarnation, peer.sequence, now, peer.last.reason, since)

    def _note_service(self, state: State, wall: float) -> None:
        """The newest tenure that serves, here or at a peer. It is forgotten by `view` once its holder is not heard."""
        claim = state.claim
        tenure = claim.tenure if claim.office is Office.HOLDING and state.duty.serving else None
        for peer in state.peers.values():
            if peer.last is not None and serves(peer.last):
                tenure = newer(tenure, peer.last.tenure)
        if tenure is None:
            self._service = None
        elif self._service is None or self._service.tenure != tenure:
            self._service = Service(tenure, wall)


def serves(news: News) -> bool:
    """Whether its sender is master: it holds the lease, has the address, and the manager runs."""
    return news.office is Office.HOLDING and news.serving


def newer(one: Tenure | None, other: Tenure | None) -> Tenure | None:
    """The one with the higher term."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda tenure: tenure.term)
