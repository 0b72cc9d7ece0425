"""P3 as a register: what operators were answered about their changes, against what the nodes' files hold. Pure.

Each change writes a value of its own under a key, so that a value tells which change put it there.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


class Verdict(Enum):
    """What the operator was told."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Change(NamedTuple):
    """One request, from the asking to the answer, on one clock."""

    id: str
    key: str
    value: str
    verdict: Verdict
    asked_us: int
    answered_us: int


def violations(
    changes: Sequence[Change],
    files: Mapping[str, Mapping[str, str]],
    seen: Collection[tuple[str, str]] = (),
) -> tuple[str, ...]:
    """One line for each promise broken.

    ``files``: node -> key -> value, at the end, when all is settled. ``seen``: (key, value) that was in a file of any
    node at any time, where that is known; the files at the end always count.
    """
    everywhere = {(key, value) for held in files.values() for key, value in held.items()} | set(seen)
    return (
        *_differences(files),
        *(
            f"P3: {each.id} was refused, and {each.key} was {each.value}"
            for each in changes
            if each.verdict is Verdict.REFUSED and (each.key, each.value) in everywhere
        ),
        *(line for each in changes for line in _lost(each, changes, files)),
    )


def _differences(files: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    nodes = sorted(files)
    return tuple(f"P3: {node} and {nodes[0]} have different files" for node in nodes if files[node] != files[nodes[0]])


def _lost(change: Change, changes: Sequence[Change], files: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Where an acknowledged change is neither there nor followed by one that may have replaced it."""
    if change.verdict is not Verdict.OK:
        return ()
    allowed = {change.value} | {later.value for later in changes if _may_follow(later, change)}
    return tuple(
        f"P3: {change.id} was acknowledged, and {change.key} is {held.get(change.key)} on {node}"
        for node, held in sorted(files.items())
        if held.get(change.key) not in allowed
    )


def _may_follow(later: Change, change: Change) -> bool:
    """Whether it may have taken effect after the other one: unanswered, it may at any time after it was asked."""
    if later.key != change.key or later.verdict is Verdict.REFUSED:
        return False
    return later.verdict is Verdict.UNKNOWN or later.answered_us >= change.asked_us
