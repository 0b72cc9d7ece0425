"""How much one user may ask of the control sockets: connections, requests a second, bytes, and time.

Owns the counting, per user id. Knows no socket: whoever uses it says who came, who went, and what time it is.
"""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """The bounds of the sockets; the defaults are the daemon's, tests take smaller ones."""

    line_bytes: int = 64 * 1024
    """Of a request, with its end."""
    connections: int = 256
    """Of all users together, on both sockets."""
    connections_a_user: int = 32
    requests_a_second: float = 50.0
    """Of one user, over all its connections. More are not refused: they wait."""
    burst: int = 100
    """How many may come at once before they have to wait."""
    unanswered: int = 8
    """Changes of one connection that are under way at the same time."""
    half_line_s: float = 5.0
    """A line that was begun must end within this."""
    idle_s: float = 60.0
    """A connection that asks nothing and is owed nothing is closed after this."""
    unread_bytes: int = 1024 * 1024
    """What a client may leave unread in the daemon's memory before it is dropped."""
    unread_s: float = 30.0
    """How long a client may read nothing at all of what it is sent."""
    watch_s: float = 0.25
    """The shortest time between two snapshots of a stream."""
    pulse_s: float = 1.0
    """The longest: by a snapshot's absence a watcher knows that the daemon is frozen."""


LIMITS = Limits()


class _Account:
    """One user's connections, and its right to further requests."""

    __slots__ = ("at", "connections", "tokens")

    def __init__(self, tokens: float) -> None:
        self.connections = 0
        self.tokens = tokens
        self.at = 0.0


class Usage:
    """Who uses how much. Times are the loop's, in seconds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._accounts: dict[int, _Account] = {}
        self._total = 0

    def admit(self, uid: int) -> str:
        """Count a new connection in; if it may not be, why. What was refused must not be let go with `leave`."""
        account = self._accounts.get(uid)
        if self._total >= self._limits.connections:
            return f"too many connections: {self._limits.connections} of all users"
        if account is not None and account.connections >= self._limits.connections_a_user:
            return f"too many connections: {self._limits.connections_a_user} of user id {uid}"
        if account is None:
            account = self._accounts[uid] = _Account(float(self._limits.burst))
        account.connections += 1
        self._total += 1
        return ""

    def leave(self, uid: int, now: float) -> None:
        """A connection that was admitted has ended. A user with a full bucket and no connection is forgotten."""
        account = self._accounts[uid]
        account.connections -= 1
        self._total -= 1
        self._forget(now)

    def delay(self, uid: int, now: float) -> float:
        """Take one request of that user in: 0, or the seconds after which to ask again."""
        account = self._accounts[uid]
        self._refill(account, now)
        if account.tokens >= 1:
            account.tokens -= 1
            return 0.0
        return (1 - account.tokens) / self._limits.requests_a_second

    @property
    def connections(self) -> int:
        """How many there are now."""
        return self._total

    def _refill(self, account: _Account, now: float) -> None:
        earned = (now - account.at) * self._limits.requests_a_second if account.at else 0.0
        account.tokens = min(account.tokens + earned, float(self._limits.burst))
        account.at = now

    def _forget(self, now: float) -> None:
        for uid, account in list(self._accounts.items()):
            if not account.connections:
                self._refill(account, now)
                if account.tokens >= self._limits.burst:
                    del self._accounts[uid]
