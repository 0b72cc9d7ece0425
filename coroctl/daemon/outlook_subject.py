"""What the checks of an outlook look at, and what they say. Values only."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.facts import Names
from coroctl.decision.messages import Verb

if TYPE_CHECKING:
    from coroctl.daemon.facts import Facts
    from coroctl.daemon.prospect import Plan, Prospect
    from coroctl.decision.state import Turn
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId


class Verdict(Enum):
    """Of one check."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    FAIL = "fail"


class Check(NamedTuple):
    """One of them."""

    name: str
    """A word; --force takes it."""
    verdict: Verdict
    reason: str
    safety: bool = False
    """It cannot be forced."""


class Probe(NamedTuple):
    """What is looked up for an outlook: the manager on the node that is to take the role, and the changed file."""

    known: bool = False
    """Whether that node has told of its manager."""
    manager: str = ""
    """What is wrong with the manager's unit there; empty: nothing."""
    why: str = ""
    """Why it is not known."""
    file: str = ""
    """Why the file with the change in it would be refused; empty: it would not."""


class Seen(NamedTuple):
    """What whoever asks has looked at before."""

    term: int
    identity: Identity


class Subject(NamedTuple):
    """All that checks look at."""

    turn: Turn
    facts: Facts
    plan: Plan
    probe: Probe
    seen: Seen | None
    prospect: Prospect

    def label(self, node: NodeId) -> str:
        """As people call it."""
        return self.facts.names.get(node, Names()).name or f"node {node}"

    @property
    def takes(self) -> bool:
        """Whether the node is meant to take the address."""
        return self.plan.verb is Verb.PROMOTE or self.prospect.gains == self.plan.node

    @property
    def leaves(self) -> bool:
        """Whether the node cannot be master afterwards."""
        return self.plan.verb is Verb.SUSPEND or (self.plan.verb is Verb.PRIORITY and not self.plan.value)
