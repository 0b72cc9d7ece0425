"""libcmap: corosync's key-value map, which holds its configuration, its state and its statistics.

Knows how values are typed and framed, not what any key means.
"""

from __future__ import annotations

import ctypes
import struct
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, NamedTuple, NewType

from coroctl.corosync.connection import Connection, Inbox, common_prototypes
from coroctl.corosync.corotypes import Status
from coroctl.corosync.library import Library, c_string, check
from coroctl.errors import BadArgument, NoSuchKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

KEYNAME_MAXLEN = 255
"""CMAP_KEYNAME_MAXLEN."""

Value = int | float | str | bytes
TrackId = NewType("TrackId", int)
"""What ``track_add`` answers and ``track_delete`` takes."""


class Map(IntEnum):
    """cmap_map_t."""

    ICMAP = 0
    """Configuration and state."""
    STATS = 1
    """Statistics (``stats.``), computed when they are read. corosync 3.0 and newer."""


class ValueType(IntEnum):
    """cmap_value_types_t."""

    INT8 = 1
    UINT8 = 2
    INT16 = 3
    UINT16 = 4
    INT32 = 5
    UINT32 = 6
    INT64 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    STRING = 11
    BINARY = 12


class TrackType(IntFlag):
    """Which changes to track, and what a change was (CMAP_TRACK_*)."""

    DELETE = 1
    MODIFY = 2
    ADD = 4
    PREFIX = 8
    """Only for ``track_add``: the key name is a prefix."""


class Item(NamedTuple):
    """A key and the kind of its value, which ``get`` fetches."""

    key: str
    length: int
    """Bytes; of a string with its trailing NUL."""
    type: ValueType


class Notification(NamedTuple):
    """A tracked key changed (cmap_notify_fn_t)."""

    track: TrackId
    event: TrackType
    """One of ADD, MODIFY, DELETE."""
    key: str
    new: Value | None
    """None if the key was deleted."""
    old: Value | None
    """None if the key was added."""


class NotifyValue(ctypes.Structure):
    """struct cmap_notify_value."""

    _fields_ = (("type", ctypes.c_int), ("len", ctypes.c_size_t), ("data", ctypes.c_void_p))

    def copied(self) -> Value | None:
        """The same as a plain value."""
        return _decoded(self.type, ctypes.string_at(self.data, self.len)) if self.type else None


_NOTIFY = ctypes.CFUNCTYPE(
    None,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_int32,
    ctypes.c_char_p,
    NotifyValue,
    NotifyValue,
    ctypes.c_void_p,
)
_U64 = ctypes.c_uint64
_KEY = (ctypes.c_uint64, ctypes.c_char_p)
_LIBRARY = Library(
    {"libcmap.so.4": "libcmap4"},
    {
        **common_prototypes("cmap_"),
        "cmap_initialize": (ctypes.POINTER(_U64),),
        "cmap_initialize_map": (ctypes.POINTER(_U64), ctypes.c_int),
        "cmap_get": (*_KEY, ctypes.c_char_p, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_int)),
        "cmap_set": (*_KEY, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int),
        "cmap_delete": _KEY,
        "cmap_inc": _KEY,
        "cmap_dec": _KEY,
        "cmap_iter_init": (*_KEY, ctypes.POINTER(_U64)),
        "cmap_iter_next": (
            *(_U64, _U64, ctypes.c_char_p),
            *(ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_int)),
        ),
        "cmap_iter_finalize": (_U64, _U64),
        "cmap_track_add": (*_KEY, ctypes.c_int32, _NOTIFY, ctypes.c_void_p, ctypes.POINTER(_U64)),
        "cmap_track_delete": (_U64, _U64),
    },
    {"cmap_initialize_map": "3.0.0"},
)

_NUMBERS = {
    ValueType.INT8: struct.Struct("=b"),
    ValueType.UINT8: struct.Struct("=B"),
    ValueType.INT16: struct.Struct("=h"),
    ValueType.UINT16: struct.Struct("=H"),
    ValueType.INT32: struct.Struct("=i"),
    ValueType.UINT32: struct.Struct("=I"),
    ValueType.INT64: struct.Struct("=q"),
    ValueType.UINT64: struct.Struct("=Q"),
    ValueType.FLOAT: struct.Struct("=f"),
    ValueType.DOUBLE: struct.Struct("=d"),
}


def _decoded(kind: int, data: bytes) -> Value:
    if kind == ValueType.STRING:
        return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
    if kind == ValueType.BINARY:
        return data
    number: int | float = _NUMBERS[ValueType(kind)].unpack(data)[0]
    return number


def _encoded(key: str, value: Value, kind: ValueType) -> bytes:
    if kind is ValueType.STRING and isinstance(value, str):
        return c_string("cmap_set", value)
    if kind is ValueType.BINARY and isinstance(value, bytes):
        return value
    try:
        return _NUMBERS[kind].pack(value)
    except (KeyError, struct.error, OverflowError):
        raise BadArgument("cmap_set", Status.INVALID_PARAM.name, f"{key}: {value!r} is no {kind.name}") from None


def _notification(
    _handle: int, track: int, event: int, key: bytes, new: NotifyValue, old: NotifyValue, _user_data: int | None
) -> Notification:
    return Notification(TrackId(track), TrackType(event), key.decode(), new.copied(), old.copied())


class Cmap(Connection[Notification]):
    """A connection to one map (corosync/cmap.h, cmap_overview(3)).

    Every method raises CorosyncLost when corosync is gone and CorosyncBusy when it cannot serve
    now; what else it raises stands at the method. A key has 3 to 255 characters of [a-zA-Z0-9._-/:];
    a longer name is BadArgument, and a name that no key can have is so for ``set``. Strings that are
    not UTF-8 keep their bytes as surrogate escapes.
    """

    _library = _LIBRARY
    _prefix = "cmap_"

    def __init__(self, handle: ctypes.c_uint64, inbox: Inbox[Notification]) -> None:
        """Use ``initialize`` or ``initialize_map``."""
        super().__init__(handle, inbox)
        self._notify = inbox.callback(_NOTIFY, _notification)
        self._buffer = ctypes.create_string_buffer(512)
        self._length = ctypes.c_size_t()
        self._kind = ctypes.c_int()

    @classmethod
    def initialize(cls) -> Self:
        """Connect to the map ICMAP (cmap_initialize(3)).

        Raises CorosyncLost if corosync is not running, CorosyncDenied if this user may not ask it.
        """
        handle = ctypes.c_uint64()
        _LIBRARY.call("cmap_initialize", ctypes.byref(handle))
        return cls(handle, Inbox())

    @classmethod
    def initialize_map(cls, which: Map) -> Self:
        """Connect to a map (cmap_initialize_map(3)); raises as ``initialize``, and LibraryTooOld before 3.0."""
        handle = ctypes.c_uint64()
        _LIBRARY.call("cmap_initialize_map", ctypes.byref(handle), which)
        return cls(handle, Inbox())

    def get(self, key: str) -> Value:
        """The value of ``key``: int, float, str or bytes, as its type is (cmap_get(3)). Raises NoSuchKey."""
        name = c_string("cmap_get", key)
        while True:
            self._length.value = len(self._buffer)
            status = self._status("cmap_get", name, self._buffer, ctypes.byref(self._length), ctypes.byref(self._kind))
            if status != Status.INVALID_PARAM or not self._grow(name, key):
                break
        check(status, "cmap_get", key)
        return _decoded(self._kind.value, ctypes.string_at(self._buffer, self._length.value))

    def _grow(self, name: bytes, key: str) -> bool:
        """Whether the value was too long for the buffer, which then is made long enough."""
        self._call("cmap_get", name, None, ctypes.byref(self._length), None, subject=key)
        if self._length.value <= len(self._buffer):
            return False
        self._buffer = ctypes.create_string_buffer(2 * self._length.value)
        return True

    def set(self, key: str, value: Value, kind: ValueType) -> None:
        """Set ``key``, on this node only; its former type does not matter (cmap_set(3)).

        Raises BadArgument if ``value`` is not of ``kind``, out of its range, or longer than 16 KiB;
        CorosyncDenied for a key that is read-only (``nodelist.`` for one).
        """
        data = _encoded(key, value, kind)
        self._call("cmap_set", c_string("cmap_set", key), data, len(data), kind, subject=key)

    def delete(self, key: str) -> None:
        """Delete ``key`` (cmap_delete(3)). Raises NoSuchKey, CorosyncDenied."""
        self._call("cmap_delete", c_string("cmap_delete", key), subject=key)

    def inc(self, key: str) -> None:
        """Add 1 to an integer (cmap_inc(3)). Raises NoSuchKey, BadArgument if it is no integer, CorosyncDenied."""
        self._call("cmap_inc", c_string("cmap_inc", key), subject=key)

    def dec(self, key: str) -> None:
        """Take 1 from an integer (cmap_dec(3)). Raises as ``inc``."""
        self._call("cmap_dec", c_string("cmap_dec", key), subject=key)

    def iter(self, prefix: str = "") -> Iterator[Item]:
        """The keys that begin with ``prefix``, in order; one call into corosync each (cmap_iter_init(3))."""
        iterator = ctypes.c_uint64()
        self._call("cmap_iter_init", c_string("cmap_iter_init", prefix), ctypes.byref(iterator), subject=prefix)
        try:
            yield from self._items(iterator.value)
        finally:
            if self._handle is not None:
                # Nothing hangs on the answer: a lost connection has taken the iterator along.
                self._status("cmap_iter_finalize", iterator.value)

    def _items(self, iterator: int) -> Iterator[Item]:
        key = ctypes.create_string_buffer(KEYNAME_MAXLEN + 1)
        length, kind = ctypes.c_size_t(), ctypes.c_int()
        references = key, ctypes.byref(length), ctypes.byref(kind)
        while (status := self._status("cmap_iter_next", iterator, *references)) != Status.NO_SECTIONS:
            check(status, "cmap_iter_next")
            yield Item(key.value.decode(), length.value, ValueType(kind.value))

    def read(self, prefix: str = "") -> dict[str, Value]:
        """All keys that begin with ``prefix`` and their values: two calls into corosync for each key.

        Not one moment's picture: a key that is deleted meanwhile may be left out.
        """
        values: dict[str, Value] = {}
        for item in self.iter(prefix):
            try:
                values[item.key] = self.get(item.key)
            except NoSuchKey:
                continue
        return values

    def track_add(self, key: str, kind: TrackType) -> TrackId:
        """Let ``dispatch`` return a Notification for each change of ``key`` (cmap_track_add(3)).

        With PREFIX in ``kind``: of every key that begins so; "" is all keys. Setting a key to the
        value that it has is no change. Raises BadArgument.
        """
        track = ctypes.c_uint64()
        name = c_string("cmap_track_add", key) or None
        self._call("cmap_track_add", name, kind, self._notify, None, ctypes.byref(track), subject=key)
        return TrackId(track.value)

    def track_delete(self, track: TrackId) -> None:
        """End a tracking (cmap_track_delete(3)). Raises NoSuchKey for one that does not exist."""
        status = self._status("cmap_track_delete", track)
        # Of an open connection, BAD_HANDLE is said of the tracking.
        check(Status.NOT_EXIST if status == Status.BAD_HANDLE else status, "cmap_track_delete", f"tracking {track}")
