"""Waits until a lab is in a state, as the nodes themselves report it with ``coroctl -l``.

node3=left            every other running node lists node3 as left (joined, absent, unknown alike)
node3=left@node1      node1 does
master=node2          some running node lists node2 as M, and no running node lists another one
quorate, quorate@node1, inquorate@node1
formed                every node lists every node as joined, and is quorate
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coroctl.errors import LabError
from coroctl.lab import node
from coroctl.lab.run import until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coroctl.lab.plan import NodePlan, Plan

_ANSWER_S = 5
_STATES = ("joined", "left", "absent", "unknown")


@dataclass(frozen=True, slots=True)
class Listing:
    """What ``coroctl -l`` said on a node."""

    exit_code: int
    status: dict[int, str]
    """nodeid -> the Status column."""
    role: dict[int, str]
    """nodeid -> the Master/Slave column."""

    @property
    def quorate(self) -> bool:
        return self.exit_code == 0


def wait(plan: Plan, words: Sequence[str], timeout_s: float) -> None:
    """Return when all conditions hold at once; LabError when one is not understood or time is up."""
    checks = [parse(plan, word) for word in words]
    until(
        lambda: all(check() for check in checks), timeout_s, f"{' and '.join(words)} in lab {plan.name}", every_s=0.05
    )


def listing(plan: Plan, observer: NodePlan) -> Listing | None:
    """The node's own view; None while it gives none."""
    try:
        answer = node.ask(plan, observer, "coroctl", "-l", timeout_s=_ANSWER_S)
    except LabError:
        return None
    return read_listing(answer.returncode, answer.stdout)


def read_listing(exit_code: int, text: str) -> Listing:
    """Read what ``coroctl -l`` prints: a title, a header, then nodeid, ip, status, M/S and priority."""
    rows = [line.split() for line in text.splitlines()[2:]]
    rows = [row for row in rows if len(row) >= 4]
    return Listing(exit_code, {int(row[0]): row[-3] for row in rows}, {int(row[0]): row[-2] for row in rows})


def parse(plan: Plan, word: str) -> Callable[[], bool]:
    """The check that a condition stands for."""
    claim, _, where = word.partition("@")
    observers = [plan.node(where)] if where else None
    subject, equals, value = claim.partition("=")
    match subject, value:
        case "formed", "" if not equals:
            return lambda: _formed(plan)
        case "quorate" | "inquorate", "" if not equals:
            return lambda: _quorate(plan, observers, wanted=subject == "quorate")
        case "master", name if name:
            wanted = plan.node(name)
            return lambda: _is_master(plan, observers, wanted)
        case name, state if state in _STATES:
            watched = plan.node(name)
            return lambda: _has_status(plan, observers, watched, state)
        case _:
            forms = f"NODE={'|'.join(_STATES)}, master=NODE, quorate, inquorate, each with or without @NODE; formed"
            raise LabError(f"{word!r} is no condition: {forms}")


def _running(plan: Plan) -> list[NodePlan]:
    return [each for each in plan.nodes if node.power(plan, each) is node.Power.RUNNING]


def _formed(plan: Plan) -> bool:
    everybody = {each.nodeid: "joined" for each in plan.nodes}

    def whole(observer: NodePlan) -> bool:
        seen = listing(plan, observer)
        return seen is not None and seen.quorate and seen.status == everybody

    # The last first: while it has not joined, nobody else needs to be asked.
    return all(whole(observer) for observer in reversed(plan.nodes))


def _quorate(plan: Plan, observers: list[NodePlan] | None, *, wanted: bool) -> bool:
    codes = (0,) if wanted else (2,)
    asked = observers or _running(plan)
    return bool(asked) and all((seen := listing(plan, each)) is not None and seen.exit_code in codes for each in asked)


def _has_status(plan: Plan, observers: list[NodePlan] | None, watched: NodePlan, state: str) -> bool:
    asked = observers or [each for each in _running(plan) if each != watched]

    def agrees(observer: NodePlan) -> bool:
        seen = listing(plan, observer)
        return seen is not None and seen.status.get(watched.nodeid) == state

    return bool(asked) and all(agrees(observer) for observer in asked)


def _is_master(plan: Plan, observers: list[NodePlan] | None, wanted: NodePlan) -> bool:
    masters = set()
    for observer in observers or _running(plan):
        seen = listing(plan, observer)
        masters |= {nodeid for nodeid, role in seen.role.items() if role == "M"} if seen else set()
    return masters == {wanted.nodeid}
