"""Which nodes are clear: surely run no managed machine. docs/machines.md, C1 to C4."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coroctl.decision.estate.state import Turn


def follow(turn: Turn) -> None:
    """No way of knowing that is wired yet: no node is clear, and nothing is recovered."""
