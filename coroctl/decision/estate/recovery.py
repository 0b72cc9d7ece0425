"""Machines of failed nodes, one by one, to nodes that can have them. docs/machines.md, Recovery."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coroctl.decision.estate.state import Turn


def follow(turn: Turn) -> None:
    """Nothing is queued before a node is clear (fences.py)."""
