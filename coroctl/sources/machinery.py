"""What a daemon's snapshot, and ``status --json``, have of virtual machines: JSON to values and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coroctl.model import Failure, Machinery, NodeId, Trouble, Wait

if TYPE_CHECKING:
    from collections.abc import Mapping


def machinery_of(told: Mapping[str, Any] | None) -> Machinery | None:
    """Raises KeyError, TypeError or ValueError if it is none."""
    if told is None:
        return None
    return Machinery(
        told["managed"],
        tuple(
            Wait(NodeId(one["node"]), one["waits_for"], one["until_s"], one["why"] or "") for one in told["recovery"]
        ),
        tuple(Failure(NodeId(one["node"]), one["why"], one["at"], one["machines"]) for one in told["failures"]),
        tuple(
            Trouble(one["what"], one["about"], None if one["node"] is None else NodeId(one["node"]))
            for one in told["alarms"]
        ),
    )


def to_json(machinery: Machinery | None) -> dict[str, Any] | None:
    """As the daemon tells it."""
    if machinery is None:
        return None
    return {
        "managed": machinery.managed,
        "recovery": [
            {"node": one.node, "waits_for": one.waits_for, "until_s": one.until, "why": one.why or None}
            for one in machinery.recovery
        ],
        "failures": [one._asdict() for one in machinery.failures],
        "alarms": [one._asdict() for one in machinery.troubles],
    }
