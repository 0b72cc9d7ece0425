"""What all of corosync's libraries share: corotypes.h, and the ring id that three headers repeat.

Knows no library.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, NamedTuple

from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Iterable


class Status(IntEnum):
    """cs_error_t without its prefixes (corosync/corotypes.h)."""

    OK = 1
    LIBRARY = 2
    VERSION = 3
    INIT = 4
    TIMEOUT = 5
    TRY_AGAIN = 6
    INVALID_PARAM = 7
    NO_MEMORY = 8
    BAD_HANDLE = 9
    BUSY = 10
    ACCESS = 11
    NOT_EXIST = 12
    NAME_TOO_LONG = 13
    EXIST = 14
    NO_SPACE = 15
    INTERRUPT = 16
    NAME_NOT_FOUND = 17
    NO_RESOURCES = 18
    NOT_SUPPORTED = 19
    BAD_OPERATION = 20
    FAILED_OPERATION = 21
    MESSAGE_ERROR = 22
    QUEUE_FULL = 23
    QUEUE_NOT_AVAILABLE = 24
    BAD_FLAGS = 25
    TOO_BIG = 26
    NO_SECTIONS = 27
    CONTEXT_NOT_FOUND = 28
    TOO_MANY_GROUPS = 30
    SECURITY = 100


class Dispatch(IntEnum):
    """How much one ``dispatch`` takes (cs_dispatch_flags_t, corosync/corotypes.h). Neither value waits."""

    ALL = 2
    """Until nothing is left: under a flood as long as the flood lasts."""
    ONE_NONBLOCKING = 4
    """At most one."""


class Track(IntFlag):
    """What a ``trackstart`` of quorum or votequorum asks for (CS_TRACK_*, corosync/corotypes.h)."""

    CURRENT = 1
    """One notification of the state as it is."""
    CHANGES = 2
    """A notification of each change."""
    CHANGES_ONLY = 4
    """As CHANGES in corosync 3.1."""


class RingId(NamedTuple):
    """One membership: the node that formed it, and a number that only grows in a cluster's life.

    struct quorum_ring_id (corosync/quorum.h), votequorum_ring_id_t (corosync/votequorum.h),
    struct cpg_ring_id (corosync/cpg.h).
    """

    nodeid: NodeId
    seq: int


class RingIdStruct(ctypes.Structure):
    """The C side of RingId, which takes it by value."""

    _fields_ = (("nodeid", ctypes.c_uint32), ("seq", ctypes.c_uint64))

    def copied(self) -> RingId:
        """The same as a plain value."""
        return RingId(NodeId(self.nodeid), self.seq)


def node_ids(numbers: Iterable[int]) -> tuple[NodeId, ...]:
    """A C list of nodeids as plain values."""
    return tuple(NodeId(number) for number in numbers)
