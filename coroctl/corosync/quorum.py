"""libquorum: whether this node's partition has quorum, and who is in its membership.

Model 1 of the library, which also tells who left and who joined: a corosync that was restarted
faster than anybody noticed shows only there. Knows nothing of votes.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.corosync.connection import Connection, Inbox, common_prototypes
from coroctl.corosync.corotypes import RingId, RingIdStruct, Track, node_ids
from coroctl.corosync.library import Library

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from coroctl.model import NodeId


class QuorumType(IntEnum):
    """Whether a quorum provider is configured (QUORUM_FREE, QUORUM_SET)."""

    FREE = 0
    """None: every node says that it is quorate."""
    SET = 1


class Model(IntEnum):
    """quorum_model_t."""

    V1 = 1


class QuorumNotification(NamedTuple):
    """The quorum state (quorum_v1_quorum_notification_fn_t)."""

    quorate: bool
    ring_id: RingId
    members: tuple[NodeId, ...]


class NodelistNotification(NamedTuple):
    """The membership (quorum_v1_nodelist_notification_fn_t)."""

    ring_id: RingId
    members: tuple[NodeId, ...]
    joined: tuple[NodeId, ...]
    """Also a node that left and came back in one step; it is then in ``left`` too. Empty for Track.CURRENT."""
    left: tuple[NodeId, ...]
    """Empty for Track.CURRENT."""


Event = QuorumNotification | NodelistNotification

_NODES = (ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32))
_QUORUM_NOTIFY = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint32, RingIdStruct, *_NODES)
_NODELIST_NOTIFY = ctypes.CFUNCTYPE(None, ctypes.c_uint64, RingIdStruct, *_NODES, *_NODES, *_NODES)


class ModelV1Data(ctypes.Structure):
    """quorum_model_v1_data_t."""

    _fields_ = (
        ("model", ctypes.c_int),
        ("quorum_notify_fn", _QUORUM_NOTIFY),
        ("nodelist_notify_fn", _NODELIST_NOTIFY),
    )


_LIBRARY = Library(
    {"libquorum.so.5": "libquorum5"},
    {
        **common_prototypes("quorum_"),
        "quorum_model_initialize": (
            *(ctypes.POINTER(ctypes.c_uint64), ctypes.c_int, ctypes.POINTER(ModelV1Data)),
            *(ctypes.POINTER(ctypes.c_uint32), ctypes.c_void_p),
        ),
        "quorum_getquorate": (ctypes.c_uint64, ctypes.POINTER(ctypes.c_int)),
        "quorum_trackstart": (ctypes.c_uint64, ctypes.c_uint),
        "quorum_trackstop": (ctypes.c_uint64,),
    },
    {"quorum_model_initialize": "3.1.0"},
)


def _quorum_notification(
    _handle: int, quorate: int, ring_id: RingIdStruct, count: int, nodes: Sequence[int]
) -> QuorumNotification:
    return QuorumNotification(bool(quorate), ring_id.copied(), node_ids(nodes[:count]))


def _nodelist_notification(
    _handle: int,
    ring_id: RingIdStruct,
    members: int,
    member_list: Sequence[int],
    joined: int,
    joined_list: Sequence[int],
    left: int,
    left_list: Sequence[int],
) -> NodelistNotification:
    return NodelistNotification(
        ring_id.copied(),
        node_ids(member_list[:members]),
        node_ids(joined_list[:joined]),
        node_ids(left_list[:left]),
    )


class Quorum(Connection[Event]):
    """A connection to the quorum service (corosync/quorum.h, quorum_overview(3)).

    Every method raises CorosyncLost when corosync is gone and CorosyncBusy when it cannot serve now.
    """

    _library = _LIBRARY
    _prefix = "quorum_"

    quorum_type: QuorumType

    @classmethod
    def initialize(cls) -> Self:
        """Connect (quorum_model_initialize(3), model 1).

        Raises CorosyncLost if corosync is not running, CorosyncDenied if this user may not ask it,
        LibraryTooOld before corosync 3.1.0.
        """
        handle, kind, inbox = ctypes.c_uint64(), ctypes.c_uint32(), Inbox[Event]()
        data = ModelV1Data(
            Model.V1,
            inbox.callback(_QUORUM_NOTIFY, _quorum_notification),
            inbox.callback(_NODELIST_NOTIFY, _nodelist_notification),
        )
        references = ctypes.byref(data), ctypes.byref(kind)
        _LIBRARY.call("quorum_model_initialize", ctypes.byref(handle), Model.V1, *references, None)
        connection = cls(handle, inbox)
        connection.quorum_type = QuorumType(kind.value)
        return connection

    def getquorate(self) -> bool:
        """Whether this node's partition has quorum (quorum_getquorate(3))."""
        quorate = ctypes.c_int()
        self._call("quorum_getquorate", ctypes.byref(quorate))
        return bool(quorate.value)

    def trackstart(self, flags: Track) -> None:
        """Let ``dispatch`` return QuorumNotification and NodelistNotification (quorum_trackstart(3)).

        Raises CorosyncError (EXIST) if tracking is on.
        """
        self._call("quorum_trackstart", flags)

    def trackstop(self) -> None:
        """End the tracking (quorum_trackstop(3))."""
        self._call("quorum_trackstop")
