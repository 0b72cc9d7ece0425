"""What the checks of an outlook look at, and what they say. Values only."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.facts import Names
from coroctl.decision.messages import Verb

if TYPE_CHECKING:
    from coroctl.daemon.facts import Facts
    from coroctl.daemon.prospect import Plan, Prospect
    from coroctl.decision.settings import Settings
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
    """What is looked up on the node that is to take the role: its manager."""

    known: bool = False
    """Whether that node has told of its manager."""
    manager: str = ""
    """What is wrong with the manager's unit there; empty: nothing."""
    why: str = ""
    """Why it is not known."""


class Draft(NamedTuple):
    """The file as the change would leave it."""

    problem: str = ""
    """Why it would be refused; empty: it would not."""
    settings: Settings | None = None
    """What it says; None: it cannot even be made."""
    changes: tuple[str, ...] = ()
    """The settings that differ."""
    lines: tuple[str, ...] = ()
    """What differs, for people to read: settings, then lines."""


class Seen(NamedTuple):
    """What whoever asks has looked at before."""

    term: int
    identity: Identity


class Subject(NamedTuple):
    """All that checks look at."""

    turn: Turn
    facts: Facts
    plan: Plan
    draft: Draft
    probe: Probe
    seen: Seen | None
    prospect: Prospect
    owned: tuple[str, ...] | None = None
    """Virtual machines of the node that the change is about; None: it is not about them, or none are managed."""

    def label(self, node: NodeId) -> str:
        """As people call it."""
        return self.facts.names.get(node, Names()).name or f"node {node}"

    @property
    def name(self) -> str:
        """Of what the change is about: a node, also one that is to come; a former file; a virtual machine."""
        edit = self.plan.edit
        match edit.verb:
            case Verb.NODE_ADD:
                return edit.text.partition(" ")[0]
            case Verb.RESTORE:
                return f"version {edit.former.version}"
            case Verb.MACHINE_ADOPT | Verb.MACHINE_FORGET | Verb.MACHINE_MOVE:
                return edit.text
            case _:
                return self.label(self.plan.node)

    @property
    def takes(self) -> bool:
        """Whether the node is meant to take the address."""
        return self.plan.verb is Verb.PROMOTE or self.prospect.gains == self.plan.node

    @property
    def leaves(self) -> bool:
        """Whether the node cannot be master afterwards."""
        after = self.plan.after.member(self.plan.node)
        lowered = self.plan.verb is Verb.PRIORITY and after is not None and not after.prio
        return lowered or self.plan.verb in (Verb.SUSPEND, Verb.NODE_REMOVE)
