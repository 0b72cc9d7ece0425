"""Random schedules, each from a seed: what befalls a cluster, and when.

Half of the freezes and kills are aimed at a point between two actions. Knows nothing of how a schedule is run.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from coroctl.sim.clock import MS, SECOND
from coroctl.sim.kinds import Fault, Kind
from coroctl.sim.schedule import ALL_OVER, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable

LAST_BEGIN = 36 * SECOND
HEARD = 43 * SECOND
"""Everybody hears everybody again, and what was under way has ended."""

TIMES = ((2000, 200), (2000, 500), (1000, 200), (500, 100), (4000, 500))
"""lease_ms, heartbeat_ms."""


def draw(seed: int) -> Schedule:
    """The schedule of a seed."""
    random = Random(seed)  # noqa: S311  (a schedule, not a secret)
    nodes = random.choice((3, 3, 3, 4, 5))
    lease_ms, heartbeat_ms = random.choice(TIMES)
    faults = sorted(fault for _ in range(random.randint(3, 12)) for fault in one(random, nodes))
    drawn = Schedule(seed, nodes, lease_ms, heartbeat_ms, tuple(faults), failback=random.random() < 0.2)
    return with_rarities(drawn)


def with_rarities(drawn: Schedule) -> Schedule:
    """Few schedules have one of these, drawn apart: what is promised with them bars some of the other faults."""
    random = Random(f"rarities of {drawn.seed}")  # noqa: S311
    at, node = random.randint(1 * SECOND, LAST_BEGIN), random.randint(1, drawn.nodes)
    match random.randrange(20):
        case 0:
            flushed = Fault(at, Kind.FLUSH, node)
            frozen = Fault(at - random.randint(0, SECOND), Kind.FREEZE_ALL, node, span(random, at))
            return drawn._replace(faults=tuple(sorted((*drawn.faults, flushed, frozen))))
        case 1:
            # Everybody hears everybody: beyond that a clone is a voter too many.
            copy = Fault(at, Kind.CLONE, node, ALL_OVER - at, random.choice(((), ("old",))))
            kept = (fault for fault in drawn.faults if fault.kind in WITH_CLONE)
            return drawn._replace(faults=tuple(sorted((*kept, copy))))
        case 2:
            kept = (fault for fault in drawn.faults if fault.kind not in FREEZES)
            return drawn._replace(faults=tuple(kept), nftables=False)
        case 3:
            return drawn._replace(faults=tuple(sorted((*drawn.faults, *adoption(random, at, node, drawn.nodes)))))
        case 4 | 5:
            restores = [restore(random, random.randint(6 * SECOND, LAST_BEGIN), drawn.nodes) for _ in range(4)]
            return drawn._replace(faults=tuple(sorted((*drawn.faults, *restores))))
        case _:
            return drawn


FREEZES = frozenset({Kind.FREEZE, Kind.FREEZE_WITHIN, Kind.FREEZE_ALL, Kind.FREEZE_ALL_WITHIN})
WITH_CLONE = frozenset(
    {
        Kind.OFF,
        Kind.KILL,
        Kind.KILL_WITHIN,
        Kind.COROSYNC_RESTART,
        Kind.COROSYNC_FREEZE,
        Kind.DISK_FULL,
        Kind.DISK_SLOW,
        Kind.BREAK,
        Kind.UPLINK,
        Kind.ADDRESS_GONE,
        Kind.ASK,
        Kind.STOP,
    }
)


def one(random: Random, nodes: int) -> list[Fault]:
    """One fault, or two that make sense only together."""
    maker = random.choices(MAKERS, WEIGHTS)[0]
    at = random.randint(1 * SECOND, LAST_BEGIN)
    if random.random() < 0.35:
        # Close to each other, faults meet in the middle of what the first has set going.
        at = random.choice((6, 12, 18, 24)) * SECOND + random.randint(0, 3 * SECOND)
    return maker(random, at, random.randint(1, nodes), nodes)


def span(random: Random, at: int, longest: int = 10 * SECOND) -> int:
    """Short ones are as likely as long ones."""
    return min(random.choice((300 * MS, SECOND, 3 * SECOND, longest)) * random.randint(1, 10) // 10, ALL_OVER - at)


def other(random: Random, node: int, nodes: int) -> int:
    """Another node."""
    return (node - 1 + random.randint(1, nodes - 1)) % nodes + 1


def plain(kind: Kind, longest: int = 10 * SECOND) -> Callable[[Random, int, int, int], list[Fault]]:
    """A fault that only lasts."""

    def make(random: Random, at: int, node: int, _: int) -> list[Fault]:
        return [Fault(at, kind, node, span(random, at, longest))]

    return make


def within(random: Random, at: int, node: int, _: int) -> list[Fault]:
    """A process stopped between two actions."""
    kind = random.choice((Kind.FREEZE_WITHIN, Kind.FREEZE_ALL_WITHIN, Kind.KILL_WITHIN))
    point = random.choice(("commit", "commit", "ticket", "step", "store", "send", "stage", "any"))
    us = span(random, at) if kind is not Kind.KILL_WITHIN else random.randint(50 * MS, 800 * MS)
    return [Fault(at, kind, node, us, (random.randint(1, 4), point))]


def restart(random: Random, at: int, node: int, _: int) -> list[Fault]:
    """The daemon dies and is started again at once; sometimes its state is lost, or an older copy."""
    kind = random.choices((Kind.KILL, Kind.STATE_LOST, Kind.STATE_OLD), (6, 1, 1))[0]
    return [Fault(at, kind, node, random.randint(50 * MS, 1500 * MS))]


def all_restart(random: Random, at: int, _: int, nodes: int) -> list[Fault]:
    """Every daemon, within a second: only the disks remember."""
    return [Fault(at + random.randint(0, SECOND), Kind.KILL, node, SECOND) for node in range(1, nodes + 1)]


def cut(random: Random, at: int, node: int, nodes: int) -> list[Fault]:
    """One pair."""
    return [Fault(at, Kind.CUT, node, span(random, at), (other(random, node, nodes),))]


def one_way(random: Random, at: int, node: int, nodes: int) -> list[Fault]:
    """In, out, or towards one."""
    where: int | str = random.choice(("in", "out", other(random, node, nodes)))
    return [Fault(at, Kind.ONE_WAY, node, span(random, at), (where,))]


def split(random: Random, at: int, _: int, nodes: int) -> list[Fault]:
    """Any parts."""
    order = random.sample(range(1, nodes + 1), nodes)
    words: list[int | str] = list(order[: random.randint(1, nodes - 1)])
    if len(words) > 1 and random.random() < 0.3:
        words.insert(1, "/")
    return [Fault(at, Kind.SPLIT, 0, span(random, at), tuple(words))]


def flap(random: Random, at: int, node: int, _: int) -> list[Fault]:
    """Two seconds off, two seconds on."""
    rounds = max(1, min(5, (ALL_OVER - at) // (4 * SECOND)))
    return [Fault(at, Kind.FLAP, node, 0, (random.choice((500, 2000)), rounds))]


def loss(random: Random, at: int, _: int, __: int) -> list[Fault]:
    """5, 20 or 50 %."""
    return [Fault(at, Kind.LOSS, 0, span(random, at), (random.choice((5, 20, 50)),))]


def late(random: Random, at: int, _: int, __: int) -> list[Fault]:
    """Up to 20 s late, in any order."""
    return [Fault(at, Kind.LATE, 0, span(random, at), (random.choice((5, 30)), random.choice((300, 3000, 20000))))]


def duplicate(random: Random, at: int, _: int, __: int) -> list[Fault]:
    """Some arrive twice."""
    return [Fault(at, Kind.DUPLICATE, 0, span(random, at), (30,))]


def lying(random: Random, at: int, _: int, __: int) -> list[Fault]:
    """corosync lies, while something happens that it should tell."""
    mode = random.choice(("quorate everywhere", "all there", "silent"))
    return [Fault(at, Kind.COROSYNC_LIES, 0, span(random, at, 30 * SECOND), (mode,))]


def disk_slow(random: Random, at: int, node: int, _: int) -> list[Fault]:
    """fsync takes its time."""
    return [Fault(at, Kind.DISK_SLOW, node, span(random, at), (random.choice((50, 500, 5000)),))]


def broken(random: Random, at: int, node: int, _: int) -> list[Fault]:
    """Something fails for a moment, or takes long."""
    extra: tuple[int | str, ...] = (random.choice(("ADD_ADDRESS", "START_MANAGER", "CHECK_PORTS", "STOP_MANAGER")),)
    if random.random() < 0.5:
        extra = (*extra, random.choice((500, 4000)))
    return [Fault(at, Kind.BREAK, node, min(span(random, at), 2 * SECOND), extra)]


def command(random: Random, at: int, node: int, nodes: int) -> list[Fault]:
    """An operator."""
    verb = random.choice(("PRIORITY", "PRIORITY", "PROMOTE", "SUSPEND"))
    target = random.randint(1, nodes)
    asks = [Fault(at, Kind.ASK, node, 0, (verb, target, random.randint(1, 100)))]
    if verb == "SUSPEND":
        asks.append(Fault(min(at + span(random, at), ALL_OVER), Kind.ASK, node, 0, ("RESUME", target)))
    return asks


def membership(random: Random, at: int, node: int, nodes: int) -> list[Fault]:
    """A node is added, or removed, with whatever else goes on."""
    if random.random() < 0.5:
        return [Fault(at, Kind.ASK, node, 0, ("NODE_ADD", nodes + 1, random.randint(1, 100)))]
    return [Fault(at, Kind.ASK, node, 0, ("NODE_REMOVE", random.randint(1, nodes)))]


def restore(random: Random, at: int, nodes: int) -> Fault:
    """An operator brings a former file back."""
    return Fault(at, Kind.ASK, random.randint(1, nodes), 0, ("RESTORE", 0, random.randint(1, 6)))


def adoption(random: Random, at: int, node: int, nodes: int) -> list[Fault]:
    """A file of one node's own, with a number that others have or will have, until it adopts the cluster's.

    In the end whoever has a file that is not its own is named: of two nodes that are left, none has a majority's.
    """
    mine = Fault(at, Kind.BY_HAND, node, 0, (random.randint(0, 1), random.randint(1, 100)))
    soon = Fault(at + span(random, at), Kind.ASK, node, 0, ("ADOPT", 0))
    others = [0, *(one for one in range(1, nodes + 1) if one != node)]
    in_the_end = [Fault(HEARD + place * SECOND, Kind.ASK, node, 0, ("ADOPT", one)) for place, one in enumerate(others)]
    return [mine, soon, *in_the_end]


def stop(random: Random, at: int, node: int, _: int) -> list[Fault]:
    """systemctl restart, more or less quickly."""
    return [Fault(at, Kind.STOP, node, SECOND + span(random, at))]


CHOICES: tuple[tuple[int, Callable[[Random, int, int, int], list[Fault]]], ...] = (
    (6, plain(Kind.OFF)),
    (6, restart),
    (1, all_restart),
    (6, plain(Kind.FREEZE, 15 * SECOND)),
    (10, within),
    (6, plain(Kind.FREEZE_ALL)),
    (6, plain(Kind.ISOLATE)),
    (5, cut),
    (5, one_way),
    (5, split),
    (2, flap),
    (3, loss),
    (3, late),
    (2, duplicate),
    (5, lying),
    (2, plain(Kind.COROSYNC_FREEZE, 16 * SECOND)),
    (2, plain(Kind.COROSYNC_RESTART, 2 * SECOND)),
    (2, plain(Kind.DISK_FULL, 3 * SECOND)),
    (3, disk_slow),
    (3, broken),
    (2, plain(Kind.UPLINK, 3 * SECOND)),
    (1, plain(Kind.ADDRESS_GONE, 1 * MS)),
    (8, command),
    (2, membership),
    (3, stop),
)
WEIGHTS = [weight for weight, _ in CHOICES]
MAKERS = [maker for _, maker in CHOICES]
