"""Random schedules with machines: any schedule of drawing.py, and machines, moves and their own faults amid it.

Drawn apart from the seed's ordinary schedule, so that those stay what they are.
"""

from __future__ import annotations

from random import Random

from coroctl.sim.clock import MS, SECOND
from coroctl.sim.drawing import LAST_BEGIN, draw, span
from coroctl.sim.kinds import Fault, Kind
from coroctl.sim.migration import Ill
from coroctl.sim.schedule import ALL_OVER, Schedule

NOT_WITH_MACHINES = frozenset({Kind.CLONE})
"""Two machines with one id: beyond what P2 promises without fencing, as a clone's hypervisor is another one."""
COMMANDS = 40


def draw_machines(seed: int) -> Schedule:
    """The schedule of a seed, with machines."""
    drawn = draw(seed)
    random = Random(f"machines of {seed}")  # noqa: S311  (a schedule, not a secret)
    faults = [one for one in drawn.faults if one.kind not in NOT_WITH_MACHINES]
    faults += [fault for node in range(1, drawn.nodes + 1) for fault in guests(random, node)]
    faults += [command(random, drawn.nodes) for _ in range(random.randint(5, COMMANDS))]
    faults += [own_fault(random, drawn.nodes) for _ in range(random.randint(0, 4))]
    faults += slow_starts(Random(f"slow starts of {seed}"), drawn.nodes)  # noqa: S311
    most = drawn.nodes // 2 + 1
    replicas = random.randint(most, drawn.nodes)
    return drawn._replace(faults=tuple(sorted(faults, key=lambda one: one.at)), replicas=replicas)


def with_migrations(drawn: Schedule, seed: int) -> Schedule:
    """A schedule with machines, whose moves are live; more of them, and what migrations suffer from."""
    random = Random(f"migrations of {seed}")  # noqa: S311  (a schedule, not a secret)
    moves = [command(random, drawn.nodes) for _ in range(random.randint(5, COMMANDS // 2))]
    faults = [*drawn.faults, *moves, *(migration_fault(random, drawn.nodes) for _ in range(random.randint(1, 6)))]
    return drawn._replace(faults=tuple(sorted(faults, key=lambda one: one.at)), migrates=True)


def migration_fault(random: Random, nodes: int) -> Fault:
    """A migration that fails, hangs, or is long enough for something else to hit it."""
    at, node = random.randint(8 * SECOND, LAST_BEGIN), random.randint(1, nodes)
    us = min(random.randint(SECOND, 10 * SECOND), ALL_OVER - at)
    if random.random() < 0.5:
        return Fault(at, Kind.ORDER_SLOW, node, us, ("MIGRATE", random.randint(200, 15_000)))
    return Fault(at, Kind.MIGRATION, node, us, (random.choice([ill.value for ill in Ill]),))


def names(node: int) -> tuple[str, ...]:
    """Of the machines that are defined on a node in the beginning."""
    return tuple(f"m{node}{letter}" for letter in "ab")


def guests(random: Random, node: int) -> list[Fault]:
    """They run, and soon an operator hands them over."""
    asked_at = random.randint(1, 4)
    adopted = [
        Fault(6 * SECOND + random.randint(0, 10 * SECOND), Kind.ASK, asked_at, 0, ("MACHINE_ADOPT", node, name))
        for name in names(node)
    ]
    return [Fault(SECOND, Kind.GUEST, node, 0, names(node)), *adopted]


def command(random: Random, nodes: int) -> Fault:
    """An operator at any node: mostly a move."""
    owner, target = random.randint(1, nodes), random.randint(1, nodes)
    name = random.choice(names(owner))
    verb = random.choices(("MACHINE_MOVE", "MACHINE_ADOPT", "MACHINE_FORGET"), (8, 3, 1))[0]
    at = random.randint(8 * SECOND, LAST_BEGIN)
    return Fault(at, Kind.ASK, random.randint(1, nodes), 0, (verb, target, name))


def slow_starts(random: Random, nodes: int) -> list[Fault]:
    """Now and then a node's hypervisor takes longer for a start than its daemon lives."""
    if random.random() > 0.3:
        return []
    at, slow_ms = random.randint(8 * SECOND, LAST_BEGIN), random.randint(1000, 8000)
    return [Fault(at, Kind.ORDER_SLOW, random.randint(1, nodes), 5 * SECOND, ("START", slow_ms))]


def draw_late_pulls(seed: int) -> Schedule:
    """The same, and now and then what a holder has told of the inventory arrives when it may be holder no more."""
    drawn = draw_machines(seed)
    random = Random(f"late pulls of {seed}")  # noqa: S311  (a schedule, not a secret)
    faults = [fault for _ in range(random.randint(1, 3)) for fault in late_pulls(random, drawn.nodes)]
    return drawn._replace(faults=tuple(sorted((*drawn.faults, *faults), key=lambda one: one.at)))


def late_pulls(random: Random, nodes: int) -> list[Fault]:
    """Answers are under way for longer than a lease, but for less than the daemon waits; a node is lost meanwhile."""
    at = random.randint(10 * SECOND, LAST_BEGIN - 2 * SECOND)
    found = [Fault(at, Kind.PULL_SLOW, node, 2 * SECOND, (random.randint(500, 9000),)) for node in range(1, nodes + 1)]
    for _ in range(3):
        owner = random.randint(1, nodes)
        extra = ("MACHINE_ADOPT", owner, random.choice(names(owner)))
        found.append(Fault(at + random.randint(1, 1000) * MS, Kind.ASK, random.randint(1, nodes), 0, extra))
    kind = random.choice((Kind.OFF, Kind.ISOLATE, Kind.FREEZE_ALL))
    lost_at = at + random.randint(1000, 2000) * MS
    found.append(Fault(lost_at, kind, random.randint(1, nodes), min(span(random, lost_at), ALL_OVER - lost_at)))
    return found


def own_fault(random: Random, nodes: int) -> Fault:
    """Something that only machines and their inventory suffer from."""
    at, node = random.randint(8 * SECOND, LAST_BEGIN), random.randint(1, nodes)
    match random.randrange(4):
        case 0:
            return Fault(at, Kind.GUEST_GONE, node)
        case 1:
            order = random.choice(("START", "STOP", "PAUSE", "RESUME", "DESTROY"))
            return Fault(at, Kind.ORDER_FAILS, node, min(span(random, at), ALL_OVER - at), (order,))
        case 2:
            return Fault(at, Kind.REPLICA_LOST, node, random.randint(50 * MS, SECOND))
        case _:
            point = random.choice(("operation", "command"))
            kind = random.choice((Kind.FREEZE_WITHIN, Kind.KILL_WITHIN, Kind.FREEZE_ALL_WITHIN))
            us = span(random, at) if kind is not Kind.KILL_WITHIN else random.randint(50 * MS, 800 * MS)
            return Fault(at, kind, node, us, (random.randint(1, 4), point))
