"""Which datagrams came before: a window of counters for each life of each sender, over all links and for each.

Knows no datagrams: senders, incarnations, counters and links are numbers to it.
"""

from __future__ import annotations

from enum import Enum

LIVES_MAX = 8
"""Lives of one sender that are remembered; the one that was silent longest is forgotten first."""
WINDOW = 64
"""How far behind the newest one a counter may be: datagrams overtake each other, between links above all."""
_MASK = (1 << WINDOW) - 1


class Freshness(Enum):
    """What a counter says about a datagram."""

    NEW = "new"
    DUPLICATE = "duplicate"
    """It came over another link, as it should."""
    REPLAYED = "replayed"
    """It came over this link, or is so old that nobody can tell."""


class Window:
    """The newest counter, and which of the WINDOW up to it were seen."""

    def __init__(self) -> None:
        self._newest = 0
        self._seen = 0

    def take(self, counter: int) -> bool:
        """Whether it is the first time; from now on it is not."""
        ahead = counter - self._newest
        if ahead > 0:
            # A counter of 64 bits may jump as far as it likes: a shift by that much is gigabytes.
            self._seen = (self._seen << ahead | 1) & _MASK if ahead < WINDOW else 1
            self._newest = counter
            return True
        if ahead <= -WINDOW or self._seen >> -ahead & 1:
            return False
        self._seen |= 1 << -ahead
        return True


class _Life:
    def __init__(self) -> None:
        self.all = Window()
        self.links: dict[int, Window] = {}


class Memory:
    """What was received. Only authentic datagrams may be shown to it."""

    def __init__(self) -> None:
        self._lives: dict[int, dict[int, _Life]] = {}

    def judge(self, sender: int, incarnation: int, counter: int, link: int) -> Freshness:
        """Whether this is new; remembered from now on."""
        life = self._life(sender, incarnation)
        on_link = life.links.setdefault(link, Window()).take(counter)
        if life.all.take(counter):
            return Freshness.NEW
        return Freshness.DUPLICATE if on_link else Freshness.REPLAYED

    def _life(self, sender: int, incarnation: int) -> _Life:
        lives = self._lives.setdefault(sender, {})
        life = lives.pop(incarnation, None) or _Life()
        if len(lives) >= LIVES_MAX:
            del lives[next(iter(lives))]
        lives[incarnation] = life  # at the end: the first one is the one that was silent longest
        return life
