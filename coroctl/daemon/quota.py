"""How often it becomes an event that somebody was turned away: a token bucket a user, one for all, and the excess.

Pure counting. Memory is bounded: with user namespaces, one person may have many user ids.
"""

from __future__ import annotations

from typing import NamedTuple


class Quota(NamedTuple):
    """The bounds; the defaults are the daemon's, tests take smaller ones."""

    burst: int = 3
    """Events of one user at once."""
    every_s: float = 20.0
    """And one more in this time."""
    burst_of_all: int = 20
    every_s_of_all: float = 3.0
    users: int = 64
    """Who are told apart; of further ones only the number is known."""
    more_s: float = 60.0
    """What exceeds this is counted for so long, and told once."""
    a_turn: int = 16
    """Messages read in one turn of the loop. After it ..."""
    pause_s: float = 0.25
    """... nothing is read for so long: they wait in the kernel, which refuses what does not fit."""


QUOTA = Quota()


class _Bucket:
    __slots__ = ("_at", "_burst", "_every_s", "_tokens")

    def __init__(self, burst: int, every_s: float, now: float) -> None:
        self._burst, self._every_s = burst, every_s
        self._tokens, self._at = float(burst), now

    def level(self, now: float) -> float:
        self._tokens = min(float(self._burst), self._tokens + (now - self._at) / self._every_s)
        self._at = now
        return self._tokens

    def is_full(self, now: float) -> bool:
        return self.level(now) >= self._burst

    def take(self) -> None:
        self._tokens -= 1


class _User:
    __slots__ = ("bucket", "doubted", "more")

    def __init__(self, bucket: _Bucket) -> None:
        self.bucket = bucket
        self.more = 0
        self.doubted = False


class Excess:
    """Who may be told of, and how often somebody was not. Times are the loop's, in seconds."""

    def __init__(self, quota: Quota, now: float) -> None:
        self._quota = quota
        self._all = _Bucket(quota.burst_of_all, quota.every_s_of_all, now)
        self._users: dict[int, _User] = {}
        self._others = 0

    def admit(self, uid: int, now: float) -> bool:
        """Whether this one may become an event; else it is counted."""
        user = self._user(uid, now)
        if user is None:
            self._others += 1
            return False
        if user.bucket.level(now) < 1 or self._all.level(now) < 1:
            user.more += not user.doubted
            return False
        user.bucket.take()
        self._all.take()
        user.doubted = False
        return True

    def doubt(self, uid: int) -> None:
        """What that user says is not true: until it next may become an event, it is not counted either."""
        if uid in self._users:
            self._users[uid].doubted = True

    def take_more(self) -> tuple[dict[int, int], int]:
        """How often each user was not told of, and all further users together, since this was last asked."""
        found = {uid: user.more for uid, user in self._users.items() if user.more}
        others, self._others = self._others, 0
        for user in self._users.values():
            user.more = 0
        return found, others

    @property
    def exceeded(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._others) or any(user.more for user in self._users.values())

    def _user(self, uid: int, now: float) -> _User | None:
        if uid not in self._users:
            if len(self._users) >= self._quota.users:
                self._forget(now)
            if len(self._users) >= self._quota.users:
                return None
            self._users[uid] = _User(_Bucket(self._quota.burst, self._quota.every_s, now))
        return self._users[uid]

    def _forget(self, now: float) -> None:
        for uid, user in list(self._users.items()):
            if not user.more and user.bucket.is_full(now):
                del self._users[uid]
