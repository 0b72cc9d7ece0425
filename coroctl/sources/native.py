"""Asks the corosync of this node through its libraries. Blocks for as long as corosync is frozen.

Knows which keys and calls a snapshot is made of; who calls it bounds the time it takes.
"""

from __future__ import annotations

import select
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from coroctl.corosync.cmap import Cmap, Map, TrackType
from coroctl.corosync.corotypes import Track
from coroctl.corosync.quorum import NodelistNotification, Quorum
from coroctl.errors import CorosyncBusy, CorosyncError, CorosyncLost, NoSuchKey
from coroctl.model import Availability, Gap, Link, NodeId, Pause, Qdevice, Snapshot, Source
from coroctl.model import Quorum as Vote
from coroctl.sources.members import CONFIGURED, MEMBERS, links, nodes, numbered, text, whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from coroctl.corosync.cfg import Cfg
    from coroctl.corosync.cmap import Notification, Value
    from coroctl.corosync.corotypes import RingId
    from coroctl.corosync.votequorum import Info, Votequorum
    from coroctl.model import Node

_KNET = "stats.knet.node"
_PAUSES = "stats.schedmiss."
_RELOADING = "config.reload_in_progress"
_WATCHED = (CONFIGURED, MEMBERS, "totem.config_version", _RELOADING)
_ANY_CHANGE = TrackType.ADD | TrackType.DELETE | TrackType.MODIFY | TrackType.PREFIX

RING_ID_S = 0.5
"""How long the first notification of the membership may take; it comes at once unless a ring is forming."""


def ask_list() -> Snapshot:
    """What the node list needs, and no more. Raises the CorosyncError of the call that failed, or LibraryMissing."""
    with Cmap.initialize_map(Map.ICMAP) as cmap:
        cluster_name = text(cmap.read("totem.cluster_name").get("totem.cluster_name"))
        configured = cmap.read(CONFIGURED)
        members = cmap.read(MEMBERS)
    with Quorum.initialize() as quorum:
        quorate = quorum.getquorate()
    return Snapshot(Source.COROSYNC, Availability.ANSWERED, cluster_name, nodes(configured, members), quorate)


def ask() -> Snapshot:
    """Everything that this corosync knows. Raises as `ask_list`."""
    with Session() as session:
        session.await_ring_id(time.monotonic() + RING_ID_S)
        return session.with_links(session.read())


class Session:
    """Open connections to corosync, to read from again and again and to be told of changes by.

    Every method raises CorosyncLost when corosync has gone; then a new session is needed.
    """

    def __init__(self) -> None:
        with ExitStack() as stack:
            self._cmap = stack.enter_context(Cmap.initialize_map(Map.ICMAP))
            self._stats = stack.enter_context(Cmap.initialize_map(Map.STATS))
            self._quorum = stack.enter_context(Quorum.initialize())
            self._cfg = _connect_cfg(stack)
            self._votequorum, self._no_votes = _connect_votequorum(stack)
            self._quorum.trackstart(Track.CURRENT | Track.CHANGES)
            for key in _WATCHED:
                self._cmap.track_add(key, _ANY_CHANGE)
            self._stack = stack.pop_all()
        self._ring_id: RingId | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections; any number of times."""
        self._stack.close()

    def fds(self) -> tuple[int, int]:
        """One becomes readable when the membership, the quorum or the configuration changes, or corosync goes."""
        return self._quorum.fd_get(), self._cmap.fd_get()

    def take_changes(self) -> bool:
        """Take in what has been notified since the last time; whether any of it changes a snapshot."""
        events = self._quorum.dispatch()
        for event in events:
            if isinstance(event, NodelistNotification):
                self._ring_id = event.ring_id
        return bool(events) | any(_is_news(note) for note in self._cmap.dispatch())

    def await_ring_id(self, deadline: float) -> None:
        """Wait for the first notification of the membership, at most until then (time.monotonic)."""
        while self._ring_id is None and (remaining := deadline - time.monotonic()) > 0:
            select.select([self._quorum.fd_get()], [], [], remaining)
            self.take_changes()

    def read(self) -> Snapshot:
        """A snapshot but for the links, which have to be asked for one by one."""
        keys = {key: value for prefix in ("totem.", "quorum.") for key, value in self._cmap.read(prefix).items()}
        configured = self._cmap.read(CONFIGURED)
        transport = text(keys.get("totem.transport")) or "knet"
        local = self._local(configured)
        info = self._info(local)
        found = nodes(configured, self._cmap.read(MEMBERS))
        gaps = [Gap("votes", self._no_votes)] if info is None else []
        if transport != "knet":
            gaps.append(Gap("links", f"transport {transport} does not tell the state of its links"))
        return Snapshot(
            source=Source.COROSYNC,
            availability=Availability.ANSWERED,
            cluster_name=text(keys.get("totem.cluster_name")),
            nodes=tuple(self._with_votes(node) for node in found),
            quorate=self._quorum.getquorate(),
            local=local,
            transport=transport,
            quorum=_vote(info, self._ring_id, text(keys.get("quorum.provider"))) if info else None,
            qdevice=_qdevice(info) if info else None,
            gaps=tuple(gaps),
        )

    def with_links(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the links and pauses as they are now: four calls a link, so that it costs little."""
        snapshot = snapshot._replace(pauses=_pauses(self._stats.read(_PAUSES)))
        if snapshot.transport != "knet":
            return snapshot
        if self._cfg is None:
            counters = numbered(self._stats.read(_KNET), _KNET)
            told = {NodeId(nodeid): links(keys, {}) for nodeid, keys in counters.items()}
        else:
            told = {node.nodeid: self._links(self._cfg, node.nodeid) for node in snapshot.nodes}
        return snapshot._replace(
            nodes=tuple(
                node if node.nodeid == snapshot.local else node._replace(links=told.get(node.nodeid, ()))
                for node in snapshot.nodes
            )
        )

    def still_counts(self, snapshot: Snapshot) -> bool:
        """Whether the votes are those of the snapshot: expected_votes can be changed at run time without an event."""
        info, quorum = self._info(snapshot.local), snapshot.quorum
        if info is None or quorum is None:
            return (info is None) == (quorum is None)
        return _vote(info, self._ring_id, quorum.provider) == quorum

    def _local(self, configured: Mapping[str, Value]) -> NodeId | None:
        if self._cfg is not None:
            return self._cfg.local_get()
        key = "nodelist.local_node_pos"
        own = numbered(configured, CONFIGURED).get(whole(self._cmap.read(key).get(key), -1) or 0, {})
        nodeid = whole(own.get("nodeid"))
        return NodeId(nodeid) if nodeid else None

    def _info(self, nodeid: NodeId | None) -> Info | None:
        """The vote as the node counts it; None where corosync has no such node, or no votequorum."""
        if self._votequorum is None or nodeid is None:
            return None
        try:
            return self._votequorum.getinfo(nodeid)
        except (CorosyncLost, CorosyncBusy):
            raise
        except CorosyncError:
            return None

    def _with_votes(self, node: Node) -> Node:
        info = self._info(node.nodeid)
        return node if info is None else node._replace(votes=info.node_votes)

    def _links(self, cfg: Cfg, nodeid: NodeId) -> tuple[Link, ...]:
        """State and ends from libcfg, the counters from the stats map; none for a node that knet does not know."""
        try:
            status = cfg.node_status_get(nodeid)
        except (CorosyncLost, CorosyncBusy):
            raise
        except CorosyncError:
            return ()
        return tuple(
            Link(
                number=link.link,
                local=link.src_ipaddr,
                remote=link.dst_ipaddr,
                enabled=link.enabled,
                connected=link.connected,
                mtu=link.mtu,
                latency_us=self._counter(nodeid, link.link, "latency_ave"),
                ups=self._counter(nodeid, link.link, "up_count"),
                downs=self._counter(nodeid, link.link, "down_count"),
            )
            for link in status.links
            if link.enabled
        )

    def _counter(self, nodeid: NodeId, link: int, name: str) -> int | None:
        try:
            return whole(self._stats.get(f"{_KNET}{nodeid}.link{link}.{name}"))
        except NoSuchKey:
            return None


def _is_news(note: Notification) -> bool:
    """A reload is over when its mark goes back to 0; until then keys are half old, half new."""
    return note.key != _RELOADING or note.new == 0


def _pauses(keys: Mapping[str, Value]) -> tuple[Pause, ...]:
    """corosync's record of when it was not scheduled, the last one first."""
    records = sorted(numbered(keys, _PAUSES).items())
    found = ((whole(one.get("timestamp")), one.get("delay")) for _, one in records)
    return tuple(Pause(at / 1000, int(delay)) for at, delay in found if at and isinstance(delay, int | float))


def _connect_cfg(stack: ExitStack) -> Cfg | None:
    """libcfg is of use and not needed: a corosync without it still has a membership to show."""
    from coroctl.corosync.cfg import Cfg
    from coroctl.errors import LibraryMissing

    try:
        return stack.enter_context(Cfg.initialize())
    except LibraryMissing:
        return None


def _connect_votequorum(stack: ExitStack) -> tuple[Votequorum | None, str]:
    """The connection, or the reason why there is none.

    Without quorum.provider corosync refuses this one service, with the same status as if it were gone.
    """
    from coroctl.corosync.votequorum import Votequorum
    from coroctl.errors import LibraryMissing

    try:
        return stack.enter_context(Votequorum.initialize()), "votequorum does not count this node"
    except CorosyncLost:
        return None, "corosync serves no votequorum: quorum.provider is not set to corosync_votequorum"
    except (CorosyncError, LibraryMissing) as error:
        return None, str(error)


def _vote(info: Info, ring_id: RingId | None, provider: str) -> Vote:
    return Vote(
        present=info.total_votes,
        needed=info.quorum,
        expected=info.node_expected_votes,
        highest_expected=info.highest_expected,
        flags=_flags(info),
        ring_id=f"{ring_id.nodeid}.{ring_id.seq:x}" if ring_id else "",
        provider=provider,
    )


def _flags(info: Info) -> tuple[str, ...]:
    from coroctl.corosync.votequorum import InfoFlags as F

    words = {
        F.TWONODE: "2Node",
        F.QUORATE: "Quorate",
        F.WAIT_FOR_ALL: "WaitForAll",
        F.LAST_MAN_STANDING: "LastManStanding",
        F.AUTO_TIE_BREAKER: "AutoTieBreaker",
        F.ALLOW_DOWNSCALE: "AllowDownscale",
        F.QDEVICE_REGISTERED: "Qdevice",
    }
    return tuple(word for flag, word in words.items() if info.flags & flag)


def _qdevice(info: Info) -> Qdevice | None:
    from coroctl.corosync.votequorum import InfoFlags as F

    if not info.flags & F.QDEVICE_REGISTERED:
        return None
    return Qdevice(
        info.qdevice_name,
        info.qdevice_votes,
        bool(info.flags & F.QDEVICE_ALIVE),
        bool(info.flags & F.QDEVICE_CAST_VOTE),
    )
