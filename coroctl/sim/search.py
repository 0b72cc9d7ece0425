"""Bounded exhaustive search: three cores, every order of events up to a depth, breadth first.

Messages never disappear: whatever a node has ever sent may arrive at any moment, again and again, at anybody (of each
sender the last `KEPT` with different news). A store may end, fail, or be lost in a crash; a daemon may be killed and
started again, time may pass. Two leases that are valid at the same moment, or two speakers by the kernel's element,
break P1; terms that do not rise break P8. Clocks are one here: drift is the random schedules' matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.actions import Do, RenewDeadMan, Send, Store, WriteRun
from coroctl.decision.core import Start, boot, step
from coroctl.decision.events import DeadManCommitted, Done, Heard, Input, Stored, StoreFailed, Tick
from coroctl.decision.rules import RULES, Rules
from coroctl.decision.settings import MS, Member, Settings
from coroctl.decision.state import Peer
from coroctl.decision.values import Heartbeat, Identity, Office, Record, Run
from coroctl.model import NodeId
from coroctl.sim import dead_man

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from coroctl.decision.actions import Action
    from coroctl.decision.events import Event
    from coroctl.decision.state import State

NODES = (NodeId(1), NodeId(2), NodeId(3))
SETTINGS = Settings(
    Identity(1, "a"),
    tuple(Member(node, 10 * (4 - node)) for node in NODES),
    lease_us=500 * MS,
    slack_us=200 * MS,
    heartbeat_us=125 * MS,
    holdoff_us=300 * MS,
    service=False,
    ports=False,
)
PASSING = 240 * MS
"""How much time one step of time is: a lease is two to three of them, a promise three."""
KEPT = 2


class Site(NamedTuple):
    """One node: its core, its disk, what is in flight, and when its dead-man's element ends."""

    state: State
    record: Record
    run: Run | None
    storing: Store | None
    element: int
    alive: bool = True


Sent = tuple[tuple[Heartbeat, ...], ...]


class Place(NamedTuple):
    """The whole system at one moment."""

    now: int
    sites: tuple[Site, Site, Site]
    sent: Sent
    term: int
    """Of the newest lease."""
    holder: int


class Found(NamedTuple):
    """What a search came to."""

    places: int
    depth: int
    complete: bool
    """Everything up to that depth was seen."""
    broken: str
    path: tuple[str, ...]


class Broken(Exception):
    """A promise was broken."""


def search(places: int = 60_000, depth: int = 30, rules: Rules = RULES) -> Found:
    """From a cluster with a holder, breadth first, until so many places were seen."""
    frontier: list[tuple[Place, tuple[str, ...]]] = [(settled(rules), ())]
    seen: set[Hashable] = {key(frontier[0][0])}
    for level in range(depth):
        following: list[tuple[Place, tuple[str, ...]]] = []
        for place, path in frontier:
            for name, move in moves(place):
                try:
                    found = made(place, move, rules)
                except Broken as broken:
                    return Found(len(seen), level + 1, complete=False, broken=str(broken), path=(*path, name))
                if (mark := key(found)) not in seen:
                    seen.add(mark)
                    following.append((found, (*path, name)))
            if len(seen) >= places:
                return Found(len(seen), level, complete=True, broken="", path=())
        frontier = following
    return Found(len(seen), depth, complete=True, broken="", path=())


# Moves


Move = tuple[str, int, int, int]
"""What, at which site, and for a delivery whose message, how old."""


def moves(place: Place) -> Iterator[tuple[str, Move]]:
    """Everything that may happen next."""
    yield "time passes", ("pass", 0, 0, 0)
    for index, site in enumerate(place.sites):
        if not site.alive:
            yield f"{index + 1} starts", ("start", index, 0, 0)
            continue
        if site.storing is not None:
            yield f"{index + 1} has stored", ("stored", index, 0, 0)
            yield f"{index + 1} cannot store", ("refuse", index, 0, 0)
        yield f"{index + 1} is killed", ("kill", index, 0, 0)
        for sender, messages in enumerate(place.sent):
            for age in range(len(messages)) if sender != index else ():
                yield f"{index + 1} hears {sender + 1}'s {age}", ("hear", index, sender, age)


def made(place: Place, move: Move, rules: Rules) -> Place:
    """The place after a move."""
    what, index, sender, age = move
    site = place.sites[index]
    match what:
        case "pass":
            return passed(place._replace(now=place.now + PASSING))
        case "start":
            return started(place, index, rules)
        case "kill":
            return put(place, index, site._replace(alive=False, storing=None))
        case "stored":
            assert site.storing is not None
            kept = site._replace(record=site.storing.record, storing=None)
            return fed(put(place, index, kept), index, Stored(site.storing.number))
        case "refuse":
            assert site.storing is not None
            return fed(put(place, index, site._replace(storing=None)), index, StoreFailed(site.storing.number, "full"))
        case _:
            return fed(place, index, Heard(place.sent[sender][age]))


def passed(place: Place) -> Place:
    """Every living daemon is woken."""
    for index, site in enumerate(place.sites):
        if site.alive:
            place = fed(place, index, Tick())
    return place


def started(place: Place, index: int, rules: Rules) -> Place:
    """A daemon starts on what its disk and /run say; its address is still there if its element is."""
    site = place.sites[index]
    state, actions = boot(
        Start(
            NODES[index],
            1,
            SETTINGS,
            place.now,
            place.now + index,
            site.record,
            site.run,
            frozenset(NODES),
            quorate=True,
            serving=site.element > place.now,
            rules=rules,
        ),
    )
    return carried(put(place, index, site._replace(state=state, alive=True)), index, actions)


def put(place: Place, index: int, site: Site) -> Place:
    """With another site."""
    one, two, three = (site if at == index else old for at, old in enumerate(place.sites))
    return place._replace(sites=(one, two, three))


def fed(place: Place, index: int, event: Event) -> Place:
    """One step of a core, and what it asks for."""
    site = place.sites[index]
    state, actions = step(site.state, Input(place.now, place.now * 3 + index, event))
    return carried(put(place, index, site._replace(state=state)), index, actions)


def carried(place: Place, index: int, actions: list[Action]) -> Place:
    """Actions at once, but for stores: those end when the search says so."""
    follow: list[Event] = []
    for action in actions:
        site = place.sites[index]
        match action:
            case Send(heartbeat):
                place = place._replace(sent=kept(place.sent, index, heartbeat))
            case Store():
                place = put(place, index, site._replace(storing=action))
            case WriteRun(run):
                place = put(place, index, site._replace(run=run))
            case RenewDeadMan(ticket, until):
                lasts = dead_man.lasts(site.state, until, place.now)
                place = put(place, index, site._replace(element=place.now + lasts))
                follow.append(DeadManCommitted(ticket))
            case Do(number, what):
                if what.name == "DISARM":
                    place = put(place, index, site._replace(element=0))
                follow.append(Done(number, what))
            case _:
                pass
    place = judged(place, index)
    for event in follow:
        place = fed(place, index, event)
    return place


def kept(sent: Sent, index: int, heartbeat: Heartbeat) -> Sent:
    """Newest first; of those with the same news only the newest."""
    others = [one for one in sent[index] if one.news != heartbeat.news]
    return (*sent[:index], (heartbeat, *others)[:KEPT], *sent[index + 1 :])


def judged(place: Place, index: int) -> Place:
    """P1 by leases and by elements, P8 by terms."""
    now = place.now
    speaking = [at + 1 for at, site in enumerate(place.sites) if site.element > now]
    if len(speaking) > 1:
        raise Broken(f"P1: the kernels of {speaking} let the address speak")
    claim = place.sites[index].state.claim
    if claim.office is not Office.HOLDING or not claim.sent or claim.tenure is None or claim.lease_until() <= now:
        return place
    for at, site in enumerate(place.sites):
        other = site.state.claim
        if at != index and site.alive and other.office is Office.HOLDING and other.sent and other.lease_until() > now:
            raise Broken(f"P1: {index + 1} and {at + 1} hold leases, {claim.tenure} and {other.tenure}")
    if claim.tenure.term < place.term or (claim.tenure.term == place.term and place.holder != index):
        raise Broken(f"P8: {index + 1} holds term {claim.tenure.term} after term {place.term}")
    return place._replace(term=claim.tenure.term, holder=index)


# Beginning, and telling places apart


def settled(rules: Rules) -> Place:
    """All have started, hear each other, and the first is the holder."""
    place: Place | None = None
    sites = []
    for index, node in enumerate(NODES):
        state, _ = boot(Start(node, 1, SETTINGS, 10**9, index, Record(), None, frozenset(NODES), True, rules=rules))
        sites.append(Site(state, Record(), None, None, 0, alive=False))
    place = Place(10**9, (sites[0], sites[1], sites[2]), ((), (), ()), 0, -1)
    for index in range(3):
        place = started(place, index, rules)
    for _ in range(12):
        place = exchanged(place, rules)
        place = passed(place._replace(now=place.now + SETTINGS.heartbeat_us))
    return exchanged(place, rules)


def exchanged(place: Place, rules: Rules) -> Place:
    """Stores end and the newest of everybody arrives, a few times."""
    for _ in range(4):
        for index in range(3):
            while place.sites[index].storing is not None:
                place = made(place, ("stored", index, 0, 0), rules)
            for sender in range(3):
                if sender != index and place.sent[sender]:
                    place = made(place, ("hear", index, sender, 0), rules)
    return place


def key(place: Place) -> Hashable:
    """What makes two places the same for all that can follow."""
    sites = tuple((flat(site.state), *site[1:]) for site in place.sites)
    sent = tuple(tuple((one.incarnation, one.sequence) for one in messages) for messages in place.sent)
    return hash((place.now, sites, sent, place.term))


def flat(state: State) -> Hashable:
    """A state without its dictionaries and its configuration, which does not change here."""
    fields = [name for name in Peer._fields if name != "names"]  # the estate's: nothing of the lease goes by it
    peers = tuple((node, *(getattr(peer, name) for name in fields)) for node, peer in sorted(state.peers.items()))
    rest = (state.life, state.disk, state.world, state.ballots, state.claim, state.dead_man, state.duty)
    return (rest, hash(peers), state.speech)
