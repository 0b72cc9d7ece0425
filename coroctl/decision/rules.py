"""The seam of the mutation test: one flag a rule. Production runs RULES, and nothing there makes another.

Each flag names the rule that it breaks when False; the code beside the rule reads it. A test shows that the
simulator notices each of them missing.
"""

from __future__ import annotations

from typing import NamedTuple


class Rules(NamedTuple):
    """Everything true: the design. A False breaks one rule, for the mutation test only."""

    promise_outlasts_lease: bool = True
    """L8: a voter keeps its promise for P, longer than the holder counts."""
    candidate_keeps_own_promise: bool = True
    """L11: a candidate is bound by the promise of its own vote."""
    dead_man_ticket: bool = True
    """L6a, c: the commit fails if its ticket has expired. (The shell's part, and so the simulator's model of it.)"""
    dead_man_from_sending: bool = True
    """L6b: the element lives until s + L, not until now + L. (The same.)"""
    vote_after_storing: bool = True
    """L8: no vote is told before it is stored."""
    release_after_storing: bool = True
    """L12: a release is told only when it is kept: /run first, then the disk."""
    release_matches_whole_tenure: bool = True
    """L1, L7: a release frees exactly the tenure that it names."""
    vote_is_stored: bool = True
    """L8, L9: term and vote survive a crash."""
    majority: bool = True
    """More than half, not half."""
    both_lists: bool = True
    """L16: majorities of the former list as well."""
    start_holdoff: bool = True
    """L9: a voter that starts grants nothing for P."""
    staging: bool = True
    """Section 7: a file is loaded only after a majority has staged it."""


RULES = Rules()
