"""``python -m coroctl.sim soak|replay|mutate|search|takeover|play``: the simulator from the command line."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.decision.rules import RULES, Rules
from coroctl.sim import drawing, machine_mutations, mutations, rounds, scenario, schedule, search, takeover

if TYPE_CHECKING:
    from collections.abc import Callable

SCENARIOS = Path("tests/scenarios")


def soak(args: argparse.Namespace) -> int:
    """Random schedules for so many minutes, or so many of them."""
    begun, seed, bad = time.monotonic(), args.seed, 0
    end = begun + args.minutes * 60
    while (seed < args.seed + args.count) if args.count else (time.monotonic() < end):
        result, _ = schedule.run(drawing.draw(seed))
        if result.violations:
            bad += 1
            print(f"seed {seed}: {result.violations[0]}", flush=True)
        seed += 1
    took = time.monotonic() - begun
    done = seed - args.seed
    print(f"{done} schedules of 60 virtual seconds in {took:.0f} s ({60 * done / took:.0f} a minute), {bad} violated")
    return 1 if bad else 0


def replay(args: argparse.Namespace) -> int:
    """One seed again, shrunk to what it takes, with its log."""
    drawn = drawing.draw(args.seed)
    result, _ = schedule.run(drawn)
    promises = {violation.promise for violation in result.violations}

    def fails(one: schedule.Schedule) -> bool:
        return any(violation.promise in promises for violation in schedule.run(one)[0].violations)

    if promises:
        drawn = schedule.shrink(drawn, fails)
    result, cluster = schedule.run(drawn, RULES, keep_events=True)
    print("\n".join(scenario.rendered(line) for line in cluster.events))
    print(drawn, *result.violations, sep="\n")
    return 1 if result.violations else 0


def mutate(args: argparse.Namespace) -> int:
    """The table of mutations: of the lease's rules, then of the estate's."""
    rows = mutations.table(args.scenarios, chance=args.chance) + machine_mutations.table(args.scenarios)
    print(mutations.rendered(rows))
    return 0 if all(caught for _, caught in rows) else 1


def explore(args: argparse.Namespace) -> int:
    """Every order of events up to a depth, then every plan of rounds; with all rules, or without one."""
    rules = mutations.without(args.without) if args.without else RULES
    searches: list[tuple[str, str, Callable[[], search.Found]]] = [
        ("any order", "events", partial(search.search, args.places, rules=rules)),
        *((plan.name, "rounds", partial(rounds.search, plan, rules)) for plan in rounds.PLANS),
    ]
    bad = 0
    for name, unit, run in searches:
        begun = time.process_time()
        found = run()
        took = time.process_time() - begun
        what = found.broken or "no violation"
        seen = f"{found.places} places, everything up to {found.depth} {unit}, {took:.0f} s"
        print(f"{name}: {seen}: {what}", *found.path, sep="\n  ", flush=True)
        bad += bool(found.broken)
    return 1 if bad else 0


def times(args: argparse.Namespace) -> int:
    """Takeover times."""
    print(*takeover.distributions(args.runs), sep="\n")
    return 0


def play(args: argparse.Namespace) -> int:
    """A scenario's log."""
    violations, log = scenario.play(scenario.parse(args.file.read_text(), str(args.file)))
    print("\n".join(log))
    return 1 if violations else 0


def main() -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(prog="python -m coroctl.sim")
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("soak")
    one.add_argument("--minutes", type=float, default=1)
    one.add_argument("--count", type=int, default=0)
    one.add_argument("--seed", type=int, default=1_000_000)
    one.set_defaults(run=soak)
    one = verbs.add_parser("replay")
    one.add_argument("seed", type=int)
    one.set_defaults(run=replay)
    one = verbs.add_parser("mutate")
    one.add_argument("--chance", action="store_true")
    one.add_argument("--scenarios", type=Path, default=SCENARIOS)
    one.set_defaults(run=mutate)
    one = verbs.add_parser("search")
    one.add_argument("--places", type=int, default=150_000)
    one.add_argument("--without", choices=Rules._fields, help="a rule to leave out")
    one.set_defaults(run=explore)
    one = verbs.add_parser("takeover")
    one.add_argument("--runs", type=int, default=100)
    one.set_defaults(run=times)
    one = verbs.add_parser("play")
    one.add_argument("file", type=Path)
    one.set_defaults(run=play)
    args = parser.parse_args()
    code: int = args.run(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
