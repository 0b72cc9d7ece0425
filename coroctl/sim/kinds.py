"""Faults and commands as values: what, when, to whom, for how long. A schedule is a tuple of them.

A schedule is data, so that a failing one can be shrunk, printed and kept. faults.py says what each kind does.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from coroctl.sim.clock import SECOND


class Trap(Enum):
    """What happens when a process reaches a counted point between two actions."""

    FREEZE = "freeze"
    KILL = "kill"
    FREEZE_ALL = "freeze all"


class Kind(Enum):
    """What can go wrong, and what operators do meanwhile."""

    OFF = "off"
    KILL = "kill"
    KILL_WITHIN = "kill-within"
    FREEZE = "freeze"
    FREEZE_WITHIN = "freeze-within"
    FREEZE_ALL = "freeze-all"
    FREEZE_ALL_WITHIN = "freeze-all-within"
    STATE_LOST = "state-lost"
    STATE_OLD = "state-old"
    CLONE = "clone"
    ISOLATE = "isolate"
    CUT = "cut"
    ONE_WAY = "one-way"
    SPLIT = "split"
    FLAP = "flap"
    LOSS = "loss"
    LATE = "late"
    DUPLICATE = "duplicate"
    COROSYNC_LIES = "corosync-lies"
    COROSYNC_FREEZE = "corosync-freeze"
    COROSYNC_RESTART = "corosync-restart"
    DISK_FULL = "disk-full"
    DISK_SLOW = "disk-slow"
    BREAK = "break"
    UPLINK = "uplink"
    ADDRESS_GONE = "address-gone"
    FLUSH = "flush"
    STOP = "stop"
    ASK = "ask"
    BY_HAND = "by-hand"
    GUEST = "guest"
    GUEST_GONE = "guest-gone"
    ORDER_FAILS = "order-fails"
    ORDER_SLOW = "order-slow"
    ARRIVES = "arrives"
    MIGRATION = "migration"
    REPLICA_LOST = "replica-lost"
    REPLICA_OLD = "replica-old"
    PULL_SLOW = "pull-slow"
    AGENT = "agent"
    ON = "on"
    SHUTDOWN = "shutdown"


class Fault(NamedTuple):
    """One of them. `extra` is the kind's own: another node, a count, a verb, a mode."""

    at: int
    kind: Kind
    node: int = 0
    us: int = 0
    extra: tuple[int | str, ...] = ()

    def __str__(self) -> str:
        words = [f"{self.at / SECOND:.3f}", self.kind.value]
        if self.node:
            words.append(str(self.node))
        if self.us:
            words.append(f"for={self.us / SECOND:.3f}")
        return " ".join([*words, *map(str, self.extra)])
