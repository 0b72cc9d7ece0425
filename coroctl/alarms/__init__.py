"""What an operator must look at, from a snapshot alone: pure, each alarm with a reason and with what to do.

Knows the shared words and nothing else: console, ``check`` and ``status --json`` show the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.alarms import cluster, links, listener, machines
from coroctl.alarms.words import Alarm, Kind, Severity
from coroctl.model import Availability

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.alarms.links import Wire
    from coroctl.model import Snapshot

__all__ = ["Alarm", "Kind", "Severity", "alarms"]

_NOTHING: Mapping[Wire, int] = {}


def alarms(snapshot: Snapshot, now: float, flaps: Mapping[Wire, int] = _NOTHING) -> tuple[Alarm, ...]:
    """Those that hold, the critical ones first. `now`: seconds since 1970. `flaps`: from a `Memory`, of who watches."""
    found = [*cluster.corosync(snapshot)]
    if snapshot.availability is Availability.ANSWERED:
        found += cluster.quorum(snapshot)
        found += cluster.nodes(snapshot)
        found += cluster.configuration(snapshot)
        found += cluster.starved(snapshot, now)
        found += links.wires(snapshot, flaps)
        found += links.rifts(snapshot)
        found += listener.presence(snapshot)
    found += listener.mastership(snapshot)
    found += machines.machines(snapshot, now)
    return tuple(sorted(found, key=lambda alarm: alarm.severity is not Severity.CRITICAL))
