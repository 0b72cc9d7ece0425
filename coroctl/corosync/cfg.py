"""libcfg: the node itself: its id, its links and those of its peers, reload, and a say in a shutdown.

Killing nodes and stopping corosync are left out: the first is nobody's business here, the second
systemd's.
"""

from __future__ import annotations

import ctypes
import socket
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.corosync.connection import Connection, Inbox, common_prototypes
from coroctl.corosync.library import Library, u32
from coroctl.model import NodeId

if TYPE_CHECKING:
    from typing import Self

MAX_HOST_LEN = 256
"""CFG_MAX_HOST_LEN."""
MAX_LINKS = 8
"""CFG_MAX_LINKS."""


class ShutdownFlags(IntEnum):
    """How a shutdown was asked for (corosync_cfg_shutdown_flags_t)."""

    REQUEST = 0
    """``replyto_shutdown`` can refuse it."""
    REGARDLESS = 1
    """A reply is awaited and then ignored."""
    IMMEDIATE = 2


class NodeStatusVersion(IntEnum):
    """corosync_cfg_node_status_version_t."""

    V1 = 1


class ShutdownRequest(NamedTuple):
    """corosync was asked to shut down, and waits for ``replyto_shutdown`` (corosync_cfg_shutdown_callback_t)."""

    flags: ShutdownFlags


class RingStatus(NamedTuple):
    """One link of this node, as text of corosync's making (corosync_cfg_ring_status_get)."""

    interface_name: str
    status: str


class LinkStatus(NamedTuple):
    """One knet link to a node (struct corosync_knet_link_status_v1)."""

    link: int
    """0 to 7."""
    enabled: bool
    """Configured, and not disabled by an administrator."""
    connected: bool
    """As seen from here."""
    dynconnected: bool
    """Activated by the peer's dynamic address."""
    mtu: int
    """Bytes."""
    src_ipaddr: str
    dst_ipaddr: str


class NodeStatus(NamedTuple):
    """How this node reaches another, or itself (struct corosync_cfg_node_status_v1)."""

    nodeid: NodeId
    reachable: bool
    remote: bool
    external: bool
    onwire_min: int
    """Protocol versions of knet: the oldest and newest that the node speaks, and the one in use."""
    onwire_max: int
    onwire_ver: int
    links: tuple[LinkStatus, ...]
    """The configured ones, by number."""


class NodeAddressStruct(ctypes.Structure):
    """corosync_cfg_node_address_t: a sockaddr in a buffer as large as sockaddr_in6."""

    _fields_ = (("address_length", ctypes.c_int), ("address", ctypes.c_uint8 * 28))


class LinkStatusStruct(ctypes.Structure):
    """struct corosync_knet_link_status_v1."""

    _fields_ = (
        ("enabled", ctypes.c_uint8),
        ("connected", ctypes.c_uint8),
        ("dynconnected", ctypes.c_uint8),
        ("mtu", ctypes.c_uint),
        ("src_ipaddr", ctypes.c_char * MAX_HOST_LEN),
        ("dst_ipaddr", ctypes.c_char * MAX_HOST_LEN),
    )

    def copied(self, link: int) -> LinkStatus:
        """The same as a plain value."""
        return LinkStatus(
            link,
            bool(self.enabled),
            bool(self.connected),
            bool(self.dynconnected),
            self.mtu,
            self.src_ipaddr.decode("ascii", "replace"),
            self.dst_ipaddr.decode("ascii", "replace"),
        )


class NodeStatusStruct(ctypes.Structure):
    """struct corosync_cfg_node_status_v1."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("nodeid", ctypes.c_uint),
        ("reachable", ctypes.c_uint8),
        ("remote", ctypes.c_uint8),
        ("external", ctypes.c_uint8),
        ("onwire_min", ctypes.c_uint8),
        ("onwire_max", ctypes.c_uint8),
        ("onwire_ver", ctypes.c_uint8),
        ("link_status", LinkStatusStruct * MAX_LINKS),
    )

    def copied(self) -> NodeStatus:
        """The same as a plain value."""
        return NodeStatus(
            NodeId(self.nodeid),
            bool(self.reachable),
            bool(self.remote),
            bool(self.external),
            self.onwire_min,
            self.onwire_max,
            self.onwire_ver,
            tuple(link.copied(number) for number, link in enumerate(self.link_status) if link.enabled),
        )


_SHUTDOWN = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_int)


class Callbacks(ctypes.Structure):
    """corosync_cfg_callbacks_t."""

    _fields_ = (("corosync_cfg_shutdown_callback", _SHUTDOWN),)


_STRINGS = ctypes.POINTER(ctypes.c_void_p)
_COUNT = ctypes.POINTER(ctypes.c_uint)
_LIBRARY = Library(
    {"libcfg.so.7": "libcfg7", "libcfg.so.6": "libcfg6"},
    {
        **common_prototypes("corosync_cfg_"),
        "corosync_cfg_initialize": (ctypes.POINTER(ctypes.c_uint64), ctypes.POINTER(Callbacks)),
        "corosync_cfg_local_get": (ctypes.c_uint64, _COUNT),
        "corosync_cfg_ring_status_get": (
            *(ctypes.c_uint64, ctypes.POINTER(_STRINGS), ctypes.POINTER(_STRINGS)),
            _COUNT,
        ),
        "corosync_cfg_node_status_get": (
            *(ctypes.c_uint64, ctypes.c_uint, ctypes.c_int),
            ctypes.POINTER(NodeStatusStruct),
        ),
        "corosync_cfg_get_node_addrs": (
            *(ctypes.c_uint64, ctypes.c_uint, ctypes.c_size_t),
            *(ctypes.POINTER(ctypes.c_int), ctypes.POINTER(NodeAddressStruct)),
        ),
        "corosync_cfg_reload_config": (ctypes.c_uint64,),
        "corosync_cfg_trackstart": (ctypes.c_uint64, ctypes.c_uint8),
        "corosync_cfg_trackstop": (ctypes.c_uint64,),
        "corosync_cfg_replyto_shutdown": (ctypes.c_uint64, ctypes.c_int),
    },
    {
        "corosync_cfg_node_status_get": "3.1.1",
        "corosync_cfg_trackstart": "3.1.1",
        "corosync_cfg_trackstop": "3.1.1",
    },
)
_libc = ctypes.CDLL(None)
_libc.free.argtypes = (ctypes.c_void_p,)
_libc.free.restype = None


def _shutdown_request(_handle: int, flags: int) -> ShutdownRequest:
    return ShutdownRequest(ShutdownFlags(flags))


def _taken(strings: ctypes._Pointer[ctypes.c_void_p], count: int) -> list[str]:
    """A list of strings that the library allocated for its caller, as a value; the memory is freed."""
    pointers = strings[:count]
    texts = [ctypes.string_at(pointer).decode("ascii", "replace") for pointer in pointers]
    for pointer in pointers:
        _libc.free(pointer)
    _libc.free(strings)
    return texts


def _address_text(address: bytes) -> str:
    """A sockaddr_in or sockaddr_in6 as text; empty for any other family."""
    family = int.from_bytes(address[:2], sys.byteorder)
    if family == socket.AF_INET:
        return socket.inet_ntop(family, address[4:8])
    return socket.inet_ntop(family, address[8:24]) if family == socket.AF_INET6 else ""


class Cfg(Connection[ShutdownRequest]):
    """A connection to the configuration service (corosync/cfg.h, verbs corosync_cfg_*).

    Every method raises CorosyncLost when corosync is gone and CorosyncBusy when it cannot serve now.
    """

    _library = _LIBRARY
    _prefix = "corosync_cfg_"

    @classmethod
    def initialize(cls) -> Self:
        """Connect (corosync_cfg_initialize).

        Raises CorosyncLost if corosync is not running, CorosyncDenied if this user may not ask it.
        """
        handle, inbox = ctypes.c_uint64(), Inbox[ShutdownRequest]()
        callbacks = Callbacks(inbox.callback(_SHUTDOWN, _shutdown_request))
        _LIBRARY.call("corosync_cfg_initialize", ctypes.byref(handle), ctypes.byref(callbacks))
        return cls(handle, inbox)

    def local_get(self) -> NodeId:
        """This node's id (corosync_cfg_local_get)."""
        nodeid = ctypes.c_uint()
        self._call("corosync_cfg_local_get", ctypes.byref(nodeid))
        return NodeId(nodeid.value)

    def ring_status_get(self) -> tuple[RingStatus, ...]:
        """This node's links (corosync_cfg_ring_status_get)."""
        names, states, count = _STRINGS(), _STRINGS(), ctypes.c_uint()
        references = ctypes.byref(names), ctypes.byref(states), ctypes.byref(count)
        self._call("corosync_cfg_ring_status_get", *references)
        rows = zip(_taken(names, count.value), _taken(states, count.value), strict=True)
        return tuple(RingStatus(name, status) for name, status in rows)

    def node_status_get(self, nodeid: int) -> NodeStatus:
        """The links to a node, this one included (corosync_cfg_node_status_get, version 1).

        Raises CorosyncError (FAILED_OPERATION) for a node that is not configured, LibraryTooOld
        before corosync 3.1.1.
        """
        status = NodeStatusStruct()
        arguments = u32("corosync_cfg_node_status_get", nodeid), NodeStatusVersion.V1, ctypes.byref(status)
        self._call("corosync_cfg_node_status_get", *arguments, subject=f"node {nodeid}")
        return status.copied()

    def get_node_addrs(self, nodeid: int) -> tuple[str, ...]:
        """A node's addresses, IPv4 or IPv6, by link (corosync_cfg_get_node_addrs). Raises NoSuchKey."""
        count, addresses = ctypes.c_int(), (NodeAddressStruct * MAX_LINKS)()
        arguments = u32("corosync_cfg_get_node_addrs", nodeid), MAX_LINKS, ctypes.byref(count), addresses
        self._call("corosync_cfg_get_node_addrs", *arguments, subject=f"node {nodeid}")
        return tuple(_address_text(bytes(address.address)) for address in addresses[: count.value])

    def reload_config(self) -> None:
        """Make every node read its own corosync.conf again (corosync_cfg_reload_config).

        Answers for this node only; the others leave theirs in their cmap, ``config.reload_status``.
        """
        self._call("corosync_cfg_reload_config")

    def trackstart(self) -> None:
        """Have a say in shutdowns: ``dispatch`` returns ShutdownRequest (corosync_cfg_trackstart).

        Raises LibraryTooOld before corosync 3.1.1.
        """
        self._call("corosync_cfg_trackstart", 0)

    def trackstop(self) -> None:
        """End the tracking (corosync_cfg_trackstop)."""
        self._call("corosync_cfg_trackstop")

    def replyto_shutdown(self, *, agreed: bool) -> None:
        """Answer a ShutdownRequest (corosync_cfg_replyto_shutdown)."""
        self._call("corosync_cfg_replyto_shutdown", int(agreed))
