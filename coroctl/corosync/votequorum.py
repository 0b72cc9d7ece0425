"""libvotequorum: the votes behind the quorum, each node's and the quorum device's.

Knows nothing of where votes are configured.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, NamedTuple

from coroctl.corosync.connection import Connection, Inbox, common_prototypes
from coroctl.corosync.corotypes import RingId, RingIdStruct, Track, node_ids
from coroctl.corosync.library import Library, u32
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

QDEVICE_NODEID = 0
"""VOTEQUORUM_QDEVICE_NODEID: the quorum device in a VotequorumQuorumNotification."""
QDEVICE_MAX_NAME_LEN = 255
"""VOTEQUORUM_QDEVICE_MAX_NAME_LEN."""


class NodeState(IntEnum):
    """VOTEQUORUM_NODESTATE_*."""

    UNKNOWN = 0
    """Not one of corosync's: a number that votequorum.h does not name."""
    MEMBER = 1
    DEAD = 2
    LEAVING = 3

    @classmethod
    def _missing_(cls, _value: object) -> NodeState:
        return cls.UNKNOWN


class InfoFlags(IntFlag):
    """VOTEQUORUM_INFO_*."""

    TWONODE = 1
    QUORATE = 2
    WAIT_FOR_ALL = 4
    LAST_MAN_STANDING = 8
    AUTO_TIE_BREAKER = 16
    ALLOW_DOWNSCALE = 32
    QDEVICE_REGISTERED = 64
    QDEVICE_ALIVE = 128
    QDEVICE_CAST_VOTE = 256
    QDEVICE_MASTER_WINS = 512


class Info(NamedTuple):
    """What ``getinfo`` answers (struct votequorum_info). Everything is counted in votes."""

    node_id: NodeId
    node_state: NodeState
    node_votes: int
    node_expected_votes: int
    highest_expected: int
    total_votes: int
    quorum: int
    """The votes needed."""
    flags: InfoFlags
    qdevice_votes: int
    qdevice_name: str


class VotequorumQuorumNotification(NamedTuple):
    """The quorum state and all known nodes (votequorum_quorum_notification_fn_t)."""

    quorate: bool
    nodes: tuple[tuple[NodeId, NodeState], ...]
    """With the quorum device, if one is registered, as node QDEVICE_NODEID."""


class VotequorumNodelistNotification(NamedTuple):
    """The membership (votequorum_nodelist_notification_fn_t)."""

    ring_id: RingId
    members: tuple[NodeId, ...]


class VotequorumExpectedvotesNotification(NamedTuple):
    """The expected votes changed (votequorum_expectedvotes_notification_fn_t)."""

    expected_votes: int


Event = VotequorumQuorumNotification | VotequorumNodelistNotification | VotequorumExpectedvotesNotification


class InfoStruct(ctypes.Structure):
    """struct votequorum_info."""

    _fields_ = (
        ("node_id", ctypes.c_uint),
        ("node_state", ctypes.c_uint),
        ("node_votes", ctypes.c_uint),
        ("node_expected_votes", ctypes.c_uint),
        ("highest_expected", ctypes.c_uint),
        ("total_votes", ctypes.c_uint),
        ("quorum", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("qdevice_votes", ctypes.c_uint),
        ("qdevice_name", ctypes.c_char * QDEVICE_MAX_NAME_LEN),
    )


class NodeStruct(ctypes.Structure):
    """votequorum_node_t."""

    _fields_ = (("nodeid", ctypes.c_uint32), ("state", ctypes.c_uint32))


_HEAD = (None, ctypes.c_uint64, ctypes.c_uint64)
_QUORUM_NOTIFY = ctypes.CFUNCTYPE(*_HEAD, ctypes.c_uint32, ctypes.c_uint32, ctypes.POINTER(NodeStruct))
_EXPECTEDVOTES_NOTIFY = ctypes.CFUNCTYPE(*_HEAD, ctypes.c_uint32)
_NODELIST_NOTIFY = ctypes.CFUNCTYPE(*_HEAD, RingIdStruct, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32))


class Callbacks(ctypes.Structure):
    """votequorum_callbacks_t."""

    _fields_ = (
        ("votequorum_quorum_notify_fn", _QUORUM_NOTIFY),
        ("votequorum_expectedvotes_notify_fn", _EXPECTEDVOTES_NOTIFY),
        ("votequorum_nodelist_notify_fn", _NODELIST_NOTIFY),
    )


_LIBRARY = Library(
    {"libvotequorum.so.8": "libvotequorum8"},
    {
        **common_prototypes("votequorum_"),
        "votequorum_initialize": (ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(Callbacks)),
        "votequorum_getinfo": (ctypes.c_uint64, ctypes.c_uint, ctypes.POINTER(InfoStruct)),
        "votequorum_setexpected": (ctypes.c_uint64, ctypes.c_uint),
        "votequorum_setvotes": (ctypes.c_uint64, ctypes.c_uint, ctypes.c_uint),
        "votequorum_trackstart": (ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint),
        "votequorum_trackstop": (ctypes.c_uint64,),
    },
)


def _quorum_notification(
    _handle: int, _context: int, quorate: int, count: int, nodes: Sequence[NodeStruct]
) -> VotequorumQuorumNotification:
    states = tuple((NodeId(node.nodeid), NodeState(node.state)) for node in nodes[:count])
    return VotequorumQuorumNotification(bool(quorate), states)


def _expectedvotes_notification(
    _handle: int, _context: int, expected_votes: int
) -> VotequorumExpectedvotesNotification:
    return VotequorumExpectedvotesNotification(expected_votes)


def _nodelist_notification(
    _handle: int, _context: int, ring_id: RingIdStruct, count: int, nodes: Sequence[int]
) -> VotequorumNodelistNotification:
    return VotequorumNodelistNotification(ring_id.copied(), node_ids(nodes[:count]))


class Votequorum(Connection[Event]):
    """A connection to the vote counter (corosync/votequorum.h, votequorum_overview(3)).

    Every method raises CorosyncLost when corosync is gone and CorosyncBusy when it cannot serve now.
    """

    _library = _LIBRARY
    _prefix = "votequorum_"

    @classmethod
    def initialize(cls) -> Self:
        """Connect (votequorum_initialize(3)).

        Raises CorosyncLost if corosync is not running, CorosyncDenied if this user may not ask it.
        """
        handle, inbox = ctypes.c_uint64(), Inbox[Event]()
        callbacks = Callbacks(
            inbox.callback(_QUORUM_NOTIFY, _quorum_notification),
            inbox.callback(_EXPECTEDVOTES_NOTIFY, _expectedvotes_notification),
            inbox.callback(_NODELIST_NOTIFY, _nodelist_notification),
        )
        _LIBRARY.call("votequorum_initialize", ctypes.byref(handle), ctypes.byref(callbacks))
        return cls(handle, inbox)

    def getinfo(self, nodeid: int) -> Info:
        """The votes of one node, and of the cluster as it sees them (votequorum_getinfo(3)).

        0 asks for this node. Raises NoSuchKey for a node that corosync has not seen since it started.
        """
        info = InfoStruct()
        number = u32("votequorum_getinfo", nodeid)
        self._call("votequorum_getinfo", number, ctypes.byref(info), subject=f"node {nodeid}")
        return Info(
            NodeId(info.node_id),
            NodeState(info.node_state),
            info.node_votes,
            info.node_expected_votes,
            info.highest_expected,
            info.total_votes,
            info.quorum,
            InfoFlags(info.flags),
            info.qdevice_votes,
            info.qdevice_name.decode("utf-8", "surrogateescape"),
        )

    def setexpected(self, expected_votes: int) -> None:
        """Change the expected votes on every node, until corosync restarts (votequorum_setexpected(3)).

        Raises BadArgument for a number that the present votes make impossible.
        """
        number = u32("votequorum_setexpected", expected_votes)
        self._call("votequorum_setexpected", number, subject=f"{expected_votes} votes")

    def setvotes(self, nodeid: int, votes: int) -> None:
        """Change one node's votes, until corosync restarts (votequorum_setvotes(3)). 0 is the quorum device.

        corosync takes absurd numbers, and then counts quorum modulo 256 (3.1.7). Raises NoSuchKey
        for an unknown node.
        """
        numbers = u32("votequorum_setvotes", nodeid), u32("votequorum_setvotes", votes)
        self._call("votequorum_setvotes", *numbers, subject=f"node {nodeid}: {votes} votes")

    def trackstart(self, flags: Track) -> None:
        """Let ``dispatch`` return the three notifications (votequorum_trackstart(3)).

        Raises CorosyncError (EXIST) if tracking is on.
        """
        self._call("votequorum_trackstart", 0, flags)

    def trackstop(self) -> None:
        """End the tracking (votequorum_trackstop(3)). Raises NoSuchKey if there is none."""
        self._call("votequorum_trackstop")
