"""Random schedules with fencing: any schedule with machines, agents that fail, lie and hang, watchdogs, late thaws.

Drawn apart from the seed's ordinary schedule, so that those stay what they are.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from coroctl.decision.settings import Fencing
from coroctl.sim.clock import SECOND
from coroctl.sim.kinds import Fault, Kind
from coroctl.sim.machine_schedule import draw_machines
from coroctl.sim.power import AGENTS

if TYPE_CHECKING:
    from coroctl.sim.schedule import Schedule

WATCHDOGS_S = (2, 5, 10)
BLOWS = (Kind.OFF, Kind.OFF, Kind.FREEZE_ALL, Kind.FREEZE_ALL, Kind.FREEZE, Kind.ISOLATE, Kind.SHUTDOWN, Kind.CUT)


def draw_fenced(seed: int) -> Schedule:
    """The schedule of a seed, with fencing."""
    drawn = draw_machines(seed)
    random = Random(f"fencing of {seed}")  # noqa: S311  (a schedule, not a secret)
    fencing = random.choice((Fencing.AGENT, Fencing.WATCHDOG, Fencing.NONE))
    # Half of them without anything else, or hardly any machine would be recovered before all is over.
    alone = random.random() < 0.5
    faults = [one for one in drawn.faults if not alone or one.kind in (Kind.GUEST, Kind.ASK, Kind.ORDER_FAILS)]
    for _ in range(random.randint(1, 3)):
        faults += blow(random, drawn.nodes)
    watchdog_s = random.choice(WATCHDOGS_S) if fencing is Fencing.WATCHDOG or random.random() < 0.2 else 0
    return drawn._replace(
        faults=tuple(sorted(faults, key=lambda one: (one.at, str(one)))), fencing=fencing, watchdog_s=watchdog_s
    )


def blow(random: Random, nodes: int) -> list[Fault]:
    """A node fails for as long as somebody might think it dead, and its agent is not what it should be."""
    at, us, node = random.randint(15, 22) * SECOND, random.randint(8, 18) * SECOND, random.randint(1, nodes)
    kind = random.choice(BLOWS)
    extra = (random.choice([one for one in range(1, nodes + 1) if one != node]),) if kind is Kind.CUT else ()
    found = [Fault(at, kind, node, us, extra)]
    if random.random() < 0.6:
        found.append(Fault(at, Kind.AGENT, node, random.randint(1, 18) * SECOND, (random.choice(AGENTS),)))
    if random.random() < 0.5:
        found.append(Fault(at + random.randint(1, us // SECOND) * SECOND, Kind.ON, node))
    elif kind is Kind.OFF and random.random() < 0.5:
        # Only what is true is confirmed.
        asked_at = at + random.randint(1, us // SECOND) * SECOND
        found.append(Fault(min(asked_at, at + us), Kind.ASK, random.randint(1, nodes), 0, ("CONFIRM_DEAD", node)))
    return found
