"""What this node's corolistener tells: roles and reasons beside corosync's answer, and all of it where that is denied.

Whatever becomes of the daemon, its user waits for `ANSWER_S` at most. Knows the snapshot that the daemon makes
(docs/control-sockets.md), and is on the path of ``coroctl -l``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coroctl.client import Client, Denied, NoDaemon, ProtocolError, Rejected, Silent
from coroctl.errors import CoroctlError
from coroctl.model import (
    Availability,
    Gap,
    Hearing,
    Lease,
    Load,
    Mastership,
    Node,
    NodeId,
    NodeStatus,
    Quorum,
    Role,
    Snapshot,
    Source,
    Transition,
)
from coroctl.sources.machinery import machinery_of

if TYPE_CHECKING:
    from coroctl.client import Json, Stream

ANSWER_S = 0.3
SILENT_S = 2.5
"""A stream has something to say every second; after this it counts as frozen."""
RETRY_S = 1.0
SCHEMA = 1
TROUBLE = "corolistener"
"""The gap where there is a daemon and it does not tell."""
_ROLES: dict[str, Role | None] = {"-": None, **{role.value: role for role in Role}}
_UNTOLD: Json = dict.fromkeys(("role", "heard_ms", "current", "skew_ms"), None) | {"reason": ""}


def with_daemon(snapshot: Snapshot, client: Client | None = None) -> Snapshot:
    """The snapshot with what the daemon adds; the daemon's own where corosync does not let us ask."""
    try:
        told = (client or Client()).snapshot(ANSWER_S)
    except CoroctlError as error:
        return without(snapshot, error)
    return combined(snapshot, told)


def with_roles(snapshot: Snapshot, client: Client | None = None) -> Snapshot:
    """As `with_daemon`, where the roles are enough."""
    if snapshot.availability is Availability.DENIED:
        return with_daemon(snapshot, client)
    try:
        told = (client or Client()).roles(ANSWER_S)
        nodes = tuple(node._replace(role=_ROLES[told.get(node.nodeid, "-")]) for node in snapshot.nodes)
    except KeyError as error:
        return without(snapshot, ProtocolError(f"corolistener tells a role that this coroctl does not know: {error}"))
    except CoroctlError as error:
        return without(snapshot, error)
    return snapshot._replace(nodes=nodes)


def combined(snapshot: Snapshot, told: Json) -> Snapshot:
    """The same with what the daemon has told already."""
    try:
        _check_schema(told)
        if snapshot.availability is Availability.DENIED:
            return snapshot_of(told)
        return _merged(snapshot, told)
    except (KeyError, TypeError, ValueError, AttributeError):
        return without(snapshot, ProtocolError("corolistener's snapshot makes no sense to this coroctl"))
    except ProtocolError as error:
        return without(snapshot, error)


def _check_schema(told: Json) -> None:
    if told["schema"] != SCHEMA:
        raise ProtocolError(f"corolistener's snapshots have schema {told['schema']!r}, this coroctl knows {SCHEMA}")


def without(snapshot: Snapshot, error: CoroctlError) -> Snapshot:
    """The snapshot where the daemon does not answer, and why; an original corolistener may know the roles."""
    bare = snapshot._replace(
        nodes=tuple(_with_role(node, _UNTOLD) for node in snapshot.nodes),
        gaps=_other_gaps(snapshot),
        mastership=None,
        machinery=None,
    )
    if snapshot.availability is Availability.DENIED:
        return bare._replace(reason=f"{snapshot.reason}; {error}")
    if isinstance(error, NoDaemon):
        if snapshot.availability is not Availability.ANSWERED:
            return bare
        from coroctl.sources.original import with_roles

        return with_roles(bare)
    return bare._replace(gaps=(*bare.gaps, Gap(TROUBLE, str(error))))


def _merged(snapshot: Snapshot, told: Json) -> Snapshot:
    """corosync's own word for membership and votes, the daemon's for roles."""
    rows = {row["nodeid"]: row for row in told["nodes"]}
    nodes = tuple(_with_role(node, rows.get(node.nodeid, _UNTOLD)) for node in snapshot.nodes)
    return snapshot._replace(
        nodes=nodes,
        gaps=_other_gaps(snapshot),
        mastership=mastership_of(told),
        machinery=machinery_of(told.get("machines")),
    )


def _other_gaps(snapshot: Snapshot) -> tuple[Gap, ...]:
    return tuple(gap for gap in snapshot.gaps if gap.what not in ("roles", TROUBLE))


def _with_role(node: Node, row: Json) -> Node:
    return node._replace(
        role=Role(row["role"]) if row["role"] else None,
        reason=row["reason"],
        heard_ms=row["heard_ms"],
        current=row["current"],
        skew_ms=row["skew_ms"],
        eligible=None if row.get("may_be") is None else row["may_be"] == "master",
        hears=_hears(row.get("hears")),
        config_sha256=(row.get("configuration") or {}).get("digest", ""),
        load=Load(**row["load"]) if row.get("load") else None,
    )


def _hears(told: list[Json] | None) -> tuple[Hearing, ...] | None:
    return None if told is None else tuple(Hearing(NodeId(one["node"]), one["ms"]) for one in told)


def snapshot_of(told: Json) -> Snapshot:
    """The daemon's picture alone. Raises KeyError, TypeError or ValueError if it is none."""
    corosync = told["corosync"]
    connected = corosync["connected"]
    votes = corosync["votes"]
    lost_s = (corosync["lost_ms"] or 0) / 1000
    return Snapshot(
        source=Source.DAEMON,
        availability=Availability.ANSWERED if connected else Availability.DOWN,
        reason="" if connected else f"corosync does not run on this node (corolistener lost it {lost_s:.0f} s ago)",
        cluster_name=told["cluster_name"],
        nodes=tuple(_node(row) for row in told["nodes"]),
        quorate=corosync["quorate"] if connected else None,
        local=NodeId(told["node"]),
        transport=corosync["transport"],
        quorum=_quorum(votes, quorate=corosync["quorate"]) if votes else None,
        gaps=(Gap("links", "corosync lets only root ask for them"),),
        mastership=mastership_of(told),
        machinery=machinery_of(told.get("machines")),
    )


def _node(row: Json) -> Node:
    addresses = tuple(row["addresses"])
    loaded = row["configuration"]
    plain = Node(
        nodeid=NodeId(row["nodeid"]),
        name=row["name"],
        address=addresses[0] if addresses else "",
        status=NodeStatus(row["status"]),
        prio=row["prio"],
        votes=row["votes"],
        addresses=addresses,
        config_version=loaded["version"] if loaded else None,
    )
    return _with_role(plain, row)


def _quorum(votes: Json, *, quorate: bool) -> Quorum:
    flags = ("Quorate",) if quorate else ()
    expected = votes["expected"]
    return Quorum(votes["present"], votes["needed"], expected, expected, flags, votes["ring_id"])


def mastership_of(told: Json) -> Mastership:
    """Who is master and what that rests on."""
    said, safety, health, lease = told["mastership"], told["safety"], told["health"], told["mastership"]["lease"]
    return Mastership(
        master=said["master"] and NodeId(said["master"]),
        since=said["since"],
        lease=Lease(**{name: lease[name] for name in Lease._fields}) if lease else None,
        address=said["address"],
        device=said["device"],
        service=said["service"],
        dead_man=safety["dead_man"],
        warnings=tuple(safety["warnings"]),
        alarms=tuple(": ".join(filter(None, (one["alarm"], one["detail"]))) for one in told["alarms"]),
        change=_change(told["change"]),
        transitions=tuple(
            Transition(**{name: one[name] for name in Transition._fields}) for one in told["transitions"]
        ),
        stalls=health["stalls"],
        longest_stall_ms=health["longest_stall_ms"],
        dropped=tuple(health["dropped"].items()),
    )


def _change(change: Json | None) -> str:
    if change is None:
        return ""
    value = f" {change['value']}" if change["value"] else ""
    return f"{change['verb']} {change['node']}{value}, for {change['for_ms'] / 1000:.0f} s"


class Listening:
    """The daemon's stream beside a source that has a loop of its own. Nothing here waits for the daemon."""

    def __init__(self, client: Client | None = None) -> None:
        self._client = client or Client()
        self._stream: Stream | None = None
        self._told: Json | None = None
        self._error: CoroctlError = NoDaemon()
        self._heard_at = 0.0
        self._next_try = 0.0

    def fds(self) -> list[int]:
        """Readable when there is something to `take`; none while there is no daemon."""
        return [self._stream.fileno()] if self._stream is not None else []

    def take(self) -> bool:
        """Look for news, and for a daemon if there is none; whether what `apply` says has changed."""
        now = time.monotonic()
        before = (self._told, str(self._error))
        if self._stream is None and now >= self._next_try:
            self._connect(now)
        if self._stream is not None:
            self._read(self._stream, now)
        return before != (self._told, str(self._error))

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with what was told last, or why nothing is known."""
        return without(snapshot, self._error) if self._told is None else combined(snapshot, self._told)

    def close(self) -> None:
        """End the connection; any number of times."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _connect(self, now: float) -> None:
        self._next_try = now + RETRY_S
        try:
            self._stream = self._client.watch(ANSWER_S)
        except (NoDaemon, Denied, Silent) as error:
            self._told, self._error = None, error
        else:
            self._heard_at = now

    def _read(self, stream: Stream, now: float) -> None:
        try:
            news = stream.take()
        except (Silent, ProtocolError, Rejected) as error:
            self.close()
            self._told, self._error = None, error
            return
        if news:
            self._told, self._heard_at = news[-1], now
        elif now - self._heard_at >= SILENT_S:
            self._told, self._error = None, Silent("corolistener does not answer: frozen or starved")
