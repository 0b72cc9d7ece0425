"""What this node knows of machines, for whoever judges an operator's change. Values only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from coroctl.decision.estate.events import DomainRead
    from coroctl.decision.estate.facts import Facts
    from coroctl.decision.estate.state import Estate


class Known(NamedTuple):
    """The estate here, and what it goes by."""

    estate: Estate
    facts: Facts


class Lookup(NamedTuple):
    """A machine that was looked for on a node's hypervisor."""

    found: DomainRead | None = None
    why: str = ""
    """Why it was not found."""
