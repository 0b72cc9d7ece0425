"""libcpg: closed process groups: who is in a group, and messages that all of them get in one order.

Knows nothing of what a message means.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.corosync.connection import Connection, Inbox, common_prototypes
from coroctl.corosync.corotypes import RingId, RingIdStruct, Status, node_ids
from coroctl.corosync.library import Library, c_string, check
from coroctl.errors import BadArgument
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

MAX_NAME_LENGTH = 128
"""CPG_MAX_NAME_LENGTH: bytes of a group's name."""
MEMBERS_MAX = 128
"""CPG_MEMBERS_MAX: processes in a group."""
MESSAGE_MAX = 1024 * 1024 - 1024
"""Bytes of a message that ``mcast_joined`` takes: what goes out in one piece.

The library would split a longer one, but sleeps between the pieces and prints on stdout when
corosync is busy (3.1.7).
"""


class Guarantee(IntEnum):
    """Order of delivery (cpg_guarantee_t); the header's other two are not implemented in corosync."""

    FIFO = 1
    """The same as AGREED."""
    AGREED = 2
    """All members see all messages of the group in the same order."""


class FlowControlState(IntEnum):
    """cpg_flow_control_state_t."""

    DISABLED = 0
    ENABLED = 1
    """Send nothing for now."""


class Reason(IntEnum):
    """Why a process joined or left a group (cpg_reason_t)."""

    UNDEFINED = 0
    JOIN = 1
    LEAVE = 2
    NODEDOWN = 3
    NODEUP = 4
    PROCDOWN = 5

    @classmethod
    def _missing_(cls, _value: object) -> Reason:
        return cls.UNDEFINED


class IterationType(IntEnum):
    """What an iteration lists (cpg_iteration_type_t)."""

    NAME_ONLY = 1
    ONE_GROUP = 2
    ALL = 3


class Model(IntEnum):
    """cpg_model_t."""

    V1 = 1


DELIVER_INITIAL_TOTEM_CONF = 1
"""CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF."""


class Address(NamedTuple):
    """A process in a group (struct cpg_address)."""

    nodeid: NodeId
    pid: int
    reason: Reason
    """UNDEFINED in a list of members."""


class Description(NamedTuple):
    """A process in a group, from an iteration (struct cpg_iteration_description_t)."""

    group: str
    nodeid: NodeId
    pid: int


class Deliver(NamedTuple):
    """A message (cpg_deliver_fn_t); the sender gets its own too."""

    group: str
    nodeid: NodeId
    pid: int
    message: bytes


class Confchg(NamedTuple):
    """The members of a joined group changed (cpg_confchg_fn_t)."""

    group: str
    members: tuple[Address, ...]
    left: tuple[Address, ...]
    joined: tuple[Address, ...]


class TotemConfchg(NamedTuple):
    """The membership of nodes changed (cpg_totem_confchg_fn_t)."""

    ring_id: RingId
    members: tuple[NodeId, ...]


Event = Deliver | Confchg | TotemConfchg


class NameStruct(ctypes.Structure):
    """struct cpg_name. ctypes reads ``value`` as far as the first NUL."""

    _fields_ = (("length", ctypes.c_uint32), ("value", ctypes.c_char * MAX_NAME_LENGTH))

    def copied(self) -> str:
        """The same as a plain value: up to the first NUL, which some programs count into the name."""
        value: bytes = self.value
        return value[: self.length].decode("utf-8", "surrogateescape")


class AddressStruct(ctypes.Structure):
    """struct cpg_address."""

    _fields_ = (("nodeid", ctypes.c_uint32), ("pid", ctypes.c_uint32), ("reason", ctypes.c_uint32))

    def copied(self) -> Address:
        """The same as a plain value."""
        return Address(NodeId(self.nodeid), self.pid, Reason(self.reason))


class DescriptionStruct(ctypes.Structure):
    """struct cpg_iteration_description_t."""

    _fields_ = (("group", NameStruct), ("nodeid", ctypes.c_uint32), ("pid", ctypes.c_uint32))

    def copied(self) -> Description:
        """The same as a plain value."""
        return Description(self.group.copied(), NodeId(self.nodeid), self.pid)


class IovecStruct(ctypes.Structure):
    """struct iovec (sys/uio.h)."""

    _fields_ = (("iov_base", ctypes.c_char_p), ("iov_len", ctypes.c_size_t))


_U32, _U64 = ctypes.c_uint32, ctypes.c_uint64
_NAME = ctypes.POINTER(NameStruct)
_ADDRESSES = (ctypes.POINTER(AddressStruct), ctypes.c_size_t)
_DELIVER = ctypes.CFUNCTYPE(None, _U64, _NAME, _U32, _U32, ctypes.c_void_p, ctypes.c_size_t)
_CONFCHG = ctypes.CFUNCTYPE(None, _U64, _NAME, *_ADDRESSES, *_ADDRESSES, *_ADDRESSES)
_TOTEM_CONFCHG = ctypes.CFUNCTYPE(None, _U64, RingIdStruct, _U32, ctypes.POINTER(_U32))


class ModelV1Data(ctypes.Structure):
    """cpg_model_v1_data_t."""

    _fields_ = (
        ("model", ctypes.c_int),
        ("cpg_deliver_fn", _DELIVER),
        ("cpg_confchg_fn", _CONFCHG),
        ("cpg_totem_confchg_fn", _TOTEM_CONFCHG),
        ("flags", ctypes.c_uint),
    )


_LIBRARY = Library(
    {"libcpg.so.4": "libcpg4"},
    {
        **common_prototypes("cpg_"),
        "cpg_model_initialize": (
            *(ctypes.POINTER(_U64), ctypes.c_int, ctypes.POINTER(ModelV1Data)),
            ctypes.c_void_p,
        ),
        "cpg_join": (_U64, _NAME),
        "cpg_leave": (_U64, _NAME),
        "cpg_mcast_joined": (_U64, ctypes.c_int, ctypes.POINTER(IovecStruct), ctypes.c_uint),
        "cpg_membership_get": (_U64, _NAME, ctypes.POINTER(AddressStruct), ctypes.POINTER(ctypes.c_int)),
        "cpg_local_get": (_U64, ctypes.POINTER(ctypes.c_uint)),
        "cpg_flow_control_state_get": (_U64, ctypes.POINTER(ctypes.c_int)),
        "cpg_max_atomic_msgsize_get": (_U64, ctypes.POINTER(_U32)),
        "cpg_iteration_initialize": (_U64, ctypes.c_int, _NAME, ctypes.POINTER(_U64)),
        "cpg_iteration_next": (_U64, ctypes.POINTER(DescriptionStruct)),
        "cpg_iteration_finalize": (_U64,),
    },
    {"cpg_max_atomic_msgsize_get": "2.3.5"},
)


def _deliver(
    _handle: int, group: ctypes._Pointer[NameStruct], nodeid: int, pid: int, message: int, length: int
) -> Deliver:
    return Deliver(group.contents.copied(), NodeId(nodeid), pid, ctypes.string_at(message, length))


def _confchg(
    _handle: int,
    group: ctypes._Pointer[NameStruct],
    member_list: Sequence[AddressStruct],
    members: int,
    left_list: Sequence[AddressStruct],
    left: int,
    joined_list: Sequence[AddressStruct],
    joined: int,
) -> Confchg:
    return Confchg(
        group.contents.copied(),
        _addresses(member_list, members),
        _addresses(left_list, left),
        _addresses(joined_list, joined),
    )


def _totem_confchg(_handle: int, ring_id: RingIdStruct, count: int, nodes: Sequence[int]) -> TotemConfchg:
    return TotemConfchg(ring_id.copied(), node_ids(nodes[:count]))


def _addresses(listed: Sequence[AddressStruct] | ctypes.Array[AddressStruct], count: int) -> tuple[Address, ...]:
    return tuple(address.copied() for address in listed[:count])


def _name(verb: str, group: str) -> NameStruct:
    """A group's name for C. Raises BadArgument if it is empty or too long."""
    value = c_string(verb, group)
    if not 0 < len(value) <= MAX_NAME_LENGTH:
        reason = f"a group's name has 1 to {MAX_NAME_LENGTH} bytes, not {len(value)}"
        raise BadArgument(verb, Status.INVALID_PARAM.name, reason)
    return NameStruct(len(value), value)


class Cpg(Connection[Event]):
    """A connection to the group messaging service (corosync/cpg.h, cpg_overview(3)).

    It joins one group in its life. Every method raises CorosyncLost when corosync is gone and
    CorosyncBusy when it cannot serve now, which is ordinary while a membership forms.
    """

    _library = _LIBRARY
    _prefix = "cpg_"

    _group: str | None = None
    _has_joined = False

    @classmethod
    def initialize(cls, *, initial_totem_conf: bool = False) -> Self:
        """Connect (cpg_model_initialize(3), model 1).

        ``initial_totem_conf``: have a TotemConfchg of the present membership after ``join``. Raises
        CorosyncLost if corosync is not running, CorosyncDenied if this user may not ask it.
        """
        handle, inbox = ctypes.c_uint64(), Inbox[Event]()
        data = ModelV1Data(
            Model.V1,
            inbox.callback(_DELIVER, _deliver),
            inbox.callback(_CONFCHG, _confchg),
            inbox.callback(_TOTEM_CONFCHG, _totem_confchg),
            DELIVER_INITIAL_TOTEM_CONF if initial_totem_conf else 0,
        )
        _LIBRARY.call("cpg_model_initialize", ctypes.byref(handle), Model.V1, ctypes.byref(data), None)
        return cls(handle, inbox)

    def join(self, group: str) -> None:
        """Join a group, of 1 to 128 bytes (cpg_join(3)); ``dispatch`` then returns its Confchg and Deliver.

        Raises BadArgument for another name, CorosyncError (EXIST) if this connection ever was in a
        group: connect anew for another.
        """
        self._open_handle("cpg_join")
        if self._has_joined:
            # Having left, libcpg would answer EXIST for the same group and spin without end for another (3.1.7).
            check(Status.EXIST, "cpg_join", "this connection has had its group")
        self._call("cpg_join", ctypes.byref(_name("cpg_join", group)), subject=group)
        self._group, self._has_joined = group, True

    def leave(self, group: str) -> None:
        """Leave the group (cpg_leave(3)). Raises NoSuchKey if this connection is not in it."""
        if group != self._group:
            # corosync does not compare: it would answer OK, stop delivering, and make the next join hang.
            check(Status.NOT_EXIST, "cpg_leave", f"membership in {group}")
        self._call("cpg_leave", ctypes.byref(_name("cpg_leave", group)), subject=group)
        self._group = None

    def mcast_joined(self, message: bytes, guarantee: Guarantee = Guarantee.AGREED) -> None:
        """Send to all members of the joined group, this process included (cpg_mcast_joined(3)).

        Returns when corosync has taken the message, which a corosync that was cut off or frozen does
        too: only the Deliver of one's own message proves that it was sent. Raises BadArgument above
        MESSAGE_MAX bytes, NoSuchKey without a ``join``.
        """
        if self._group is None:
            # corosync would answer OK and drop the message.
            check(Status.NOT_EXIST, "cpg_mcast_joined", "membership in a group")
        if len(message) > MESSAGE_MAX:
            reason = f"a message has at most {MESSAGE_MAX} bytes, not {len(message)}"
            raise BadArgument("cpg_mcast_joined", Status.TOO_BIG.name, reason)
        iovec = IovecStruct(message, len(message))
        self._call("cpg_mcast_joined", guarantee, ctypes.byref(iovec), 1)

    def membership_get(self, group: str) -> tuple[Address, ...]:
        """The members of any group; none if there is no such group (cpg_membership_get(3))."""
        members, count = (AddressStruct * MEMBERS_MAX)(), ctypes.c_int()
        name = _name("cpg_membership_get", group)
        self._call("cpg_membership_get", ctypes.byref(name), members, ctypes.byref(count), subject=group)
        return _addresses(members, count.value)

    def local_get(self) -> NodeId:
        """This node's id (cpg_local_get(3))."""
        nodeid = ctypes.c_uint()
        self._call("cpg_local_get", ctypes.byref(nodeid))
        return NodeId(nodeid.value)

    def flow_control_state_get(self) -> FlowControlState:
        """Whether sending should pause (cpg_flow_control_state_get)."""
        state = ctypes.c_int()
        self._call("cpg_flow_control_state_get", ctypes.byref(state))
        return FlowControlState(state.value)

    def max_atomic_msgsize_get(self) -> int:
        """Bytes of the largest message that goes out in one piece (cpg_max_atomic_msgsize_get)."""
        size = ctypes.c_uint32()
        self._call("cpg_max_atomic_msgsize_get", ctypes.byref(size))
        return size.value

    def iteration(self, kind: IterationType = IterationType.ALL, group: str = "") -> Iterator[Description]:
        """The processes of all groups, or of ``group`` for ONE_GROUP (cpg_iteration_initialize(3)).

        For NAME_ONLY each group once, with nodeid and pid 0.
        """
        verb = "cpg_iteration_initialize"
        name = ctypes.byref(_name(verb, group)) if kind is IterationType.ONE_GROUP else None
        iterator = ctypes.c_uint64()
        self._call(verb, kind, name, ctypes.byref(iterator), subject=group)
        try:
            yield from self._descriptions(iterator.value)
        finally:
            # Nothing hangs on the answer: a lost connection has taken the iterator along.
            _LIBRARY.status("cpg_iteration_finalize", iterator.value)

    def _descriptions(self, iterator: int) -> Iterator[Description]:
        description = DescriptionStruct()
        while (status := _LIBRARY.status("cpg_iteration_next", iterator, description)) != Status.NO_SECTIONS:
            check(status, "cpg_iteration_next")
            yield description.copied()
