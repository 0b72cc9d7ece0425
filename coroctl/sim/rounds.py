"""Bounded exhaustive search by rounds: who hears whom is chosen anew in each, and all the rest takes its course.

In a round time passes and every daemon wakes up; then what the open links carry arrives, and what is said about it,
until nothing new is said. Stores end at once. So a path is short: three or four rounds are more than a lease, where
search.py sees six events; and a lease that overlaps another one takes no more than that. What is left out is chosen:
orders within a round and old datagrams are search.py's matter, drift is the random schedules'. A plan says which
links are tried, and how many mishaps: a daemon killed, or restarted at once, or a store that takes a round.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.rules import RULES, Rules
from coroctl.sim.search import NODES, PASSING, Broken, Found, Place, key, made, passed, settled

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from coroctl.sim.search import Move

SITES = range(len(NODES))
EXCHANGES = 12
"""Within a round; what is said ends long before."""

Link = tuple[int, int]
"""From which site to which."""
PAIRS: tuple[tuple[Link, ...], ...] = tuple(((one, other), (other, one)) for one, other in combinations(SITES, 2))
DIRECTIONS: tuple[tuple[Link, ...], ...] = tuple((link,) for pair in PAIRS for link in pair)


class Plan(NamedTuple):
    """What is tried in each round: every set of `ways`, and in all rounds together so many mishaps."""

    name: str
    ways: tuple[tuple[Link, ...], ...]
    rounds: int
    mishaps: int = 0


ONE_WAY = Plan("links cut in any direction", DIRECTIONS, 3)
CUTS = Plan("pairs cut", PAIRS, 5)
MISHAPS = Plan("pairs cut, and one mishap", PAIRS, 4, 1)
PLANS = (ONE_WAY, CUTS, MISHAPS)


class Mishap(NamedTuple):
    """What happens at the beginning of a round, and whose store does not end in it (-1: nobody's)."""

    text: str
    moves: tuple[Move, ...] = ()
    slow: int = -1


class Path(NamedTuple):
    """A place, how it was reached, and how many mishaps are left."""

    place: Place
    steps: tuple[str, ...]
    mishaps: int


def search(plan: Plan, rules: Rules = RULES) -> Found:
    """Every choice of the plan, breadth first; `places` counts the rounds that were played."""
    frontier = [Path(settled(rules), (), plan.mishaps)]
    played = 0
    for level in range(plan.rounds):
        following: dict[Hashable, Path] = {}
        for path in frontier:
            for step, mishap, links in choices(plan, path):
                played += 1
                try:
                    place = after_round(path.place, mishap, links, rules)
                except Broken as broken:
                    return Found(played, level + 1, complete=False, broken=str(broken), path=(*path.steps, step))
                left = path.mishaps - bool(mishap.text)
                following.setdefault((key(place), left), Path(place, (*path.steps, step), left))
        frontier = list(following.values())
    return Found(played, plan.rounds, complete=True, broken="", path=())


def choices(plan: Plan, path: Path) -> Iterator[tuple[str, Mishap, tuple[Link, ...]]]:
    """Everything that may happen in a round, with its name."""
    for mishap in mishaps(path):
        for mask in range(1 << len(plan.ways)):
            links = tuple(link for bit, way in enumerate(plan.ways) if mask >> bit & 1 for link in way)
            carried = " ".join(f"{source + 1}>{target + 1}" for source, target in links) or "nothing"
            yield f"{mishap.text}carried: {carried}", mishap, links


def mishaps(path: Path) -> Iterator[Mishap]:
    """None, or one of those that are possible."""
    yield Mishap("")
    if not path.mishaps:
        return
    for index, site in enumerate(path.place.sites):
        kill, start = ("kill", index, 0, 0), ("start", index, 0, 0)
        if site.alive:
            yield Mishap(f"{index + 1} is killed; ", (kill,))
            yield Mishap(f"{index + 1} is killed and starts; ", (kill, start))
            yield Mishap(f"{index + 1} stores slowly; ", (), index)
        else:
            yield Mishap(f"{index + 1} starts; ", (start,))


def after_round(place: Place, mishap: Mishap, links: tuple[Link, ...], rules: Rules) -> Place:
    """The place when nothing new is said any more. Broken: a promise was."""
    for move in mishap.moves:
        place = made(place, move, rules)
    place = passed(place._replace(now=place.now + PASSING))
    told: dict[Link, int] = {}
    for _ in range(EXCHANGES):
        place = stored(place, mishap.slow, rules)
        news = [link for link in links if is_news(place, link, told)]
        if not news:
            return place
        for source, target in news:
            told[source, target] = place.sent[source][0].sequence
            place = made(place, ("hear", target, source, 0), rules)
    return place


def is_news(place: Place, link: Link, told: dict[Link, int]) -> bool:
    """Whether the newest word of the source has not arrived yet."""
    source, target = link
    said = place.sent[source]
    return place.sites[target].alive and bool(said) and told.get(link) != said[0].sequence


def stored(place: Place, slow: int, rules: Rules) -> Place:
    """Every store ends, but that of a slow disk."""
    for index in SITES:
        while index != slow and place.sites[index].alive and place.sites[index].storing is not None:
            place = made(place, ("stored", index, 0, 0), rules)
    return place
