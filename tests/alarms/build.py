"""A cluster that is well, for each test to break."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.alarms import Alarm, Kind, alarms
from coroctl.model import (
    Availability,
    Configuration,
    Hearing,
    Lease,
    Link,
    Mastership,
    Node,
    NodeId,
    NodeStatus,
    Quorum,
    Role,
    Snapshot,
    Source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ONE, TWO, THREE = NodeId(1), NodeId(2), NodeId(3)
ALL = (ONE, TWO, THREE)
NOW = 1_700_000_000.0


def link(number: int, to: NodeId, latency_us: int = 300) -> Link:
    return Link(number, f"10.{number}.0.1", f"10.{number}.0.{to}", True, True, 1446, latency_us, 1, 0)


def node(nodeid: NodeId) -> Node:
    return Node(
        nodeid,
        f"n{nodeid}",
        f"10.0.0.{nodeid}",
        NodeStatus.JOINED,
        Role.MASTER if nodeid == ONE else Role.SLAVE,
        prio=100 // nodeid,
        votes=1,
        addresses=(f"10.0.0.{nodeid}", f"10.1.0.{nodeid}"),
        config_version=7,
        links=() if nodeid == ONE else (link(0, nodeid), link(1, nodeid)),
        reason="" if nodeid == ONE else "node 1 holds the lease",
        heard_ms=0 if nodeid == ONE else 80,
        current=True,
        skew_ms=None if nodeid == ONE else 2,
        eligible=True,
        hears=tuple(Hearing(other, 90) for other in ALL if other != nodeid),
    )


SERVED = Mastership(
    ONE, NOW - 60, Lease(ONE, 4, 2000, 150, 1850), "10.0.0.100/32", "vmbr0", "m.service", "nftables",
    (), (), "", (), 0, 0, (),
)  # fmt: skip
WELL = Snapshot(
    Source.COROSYNC,
    Availability.ANSWERED,
    "VMmanager",
    tuple(node(one) for one in ALL),
    True,
    local=ONE,
    transport="knet",
    quorum=Quorum(3, 2, 3, 3, ("Quorate",), "1.a", "corosync_votequorum"),
    configuration=Configuration("/etc/corosync/corosync.conf", 7, 7, "ab" * 32),
    mastership=SERVED,
    pauses=(),
)


def changed(nodeid: NodeId, snapshot: Snapshot = WELL, **how: object) -> Snapshot:
    """The cluster with one node that is otherwise."""
    nodes = tuple(one._replace(**how) if one.nodeid == nodeid else one for one in snapshot.nodes)  # type: ignore[arg-type]
    return snapshot._replace(nodes=nodes)


def hearing(rows: Mapping[NodeId, tuple[NodeId, ...] | None], snapshot: Snapshot = WELL) -> Snapshot:
    """The cluster where those nodes hear just these; None: it is not told."""
    for nodeid, heard in rows.items():
        told = None if heard is None else tuple(Hearing(other, 90) for other in heard)
        snapshot = changed(nodeid, snapshot, hears=told)
    return snapshot


def found(snapshot: Snapshot, kind: Kind) -> list[Alarm]:
    """Its alarms of a kind."""
    return [alarm for alarm in alarms(snapshot, NOW) if alarm.kind is kind]


def only(snapshot: Snapshot, kind: Kind) -> Alarm:
    """The one alarm of that kind."""
    [alarm] = found(snapshot, kind)
    return alarm
