"""What the five connections have in common: a handle, a file descriptor, and callbacks made values.

A C callback never runs a caller's code: it copies what it got into a value and queues it, and
``dispatch`` returns the queue. Knows no library.
"""

from __future__ import annotations

import ctypes
import warnings
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from coroctl.corosync.corotypes import Dispatch, Status
from coroctl.corosync.library import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from coroctl.corosync.library import Library

E = TypeVar("E")


class Inbox(Generic[E]):
    """The events of one connection, and the C function pointers that fill it, kept for as long."""

    def __init__(self) -> None:
        self._events: deque[E] = deque()
        self._failures: deque[BaseException] = deque()
        self._pointers: list[object] = []

    def callback(self, prototype: Any, copied: Callable[..., E]) -> Any:
        """A C function pointer of type ``prototype`` that queues what ``copied`` makes of its arguments."""
        events, failures = self._events, self._failures

        def receive(*arguments: object) -> None:
            try:
                events.append(copied(*arguments))
            except BaseException as failure:  # noqa: BLE001 - ctypes would print it and go on; take() raises it
                failures.append(failure)

        pointer = prototype(receive)
        self._pointers.append(pointer)
        return pointer

    def take(self) -> list[E]:
        """All events, oldest first. What a callback raised comes first, and leaves the events for the next call."""
        if self._failures:
            raise self._failures.popleft()
        events = list(self._events)
        self._events.clear()
        return events


class Connection(Generic[E]):
    """A connection of one library, open from its ``initialize`` until ``finalize`` or the end of ``with``.

    After CorosyncLost the only use left is ``finalize``; reconnecting is initializing a new one. A
    finalized connection answers every call with CorosyncLost. Not to be used across fork().
    """

    _library: ClassVar[Library]
    _prefix: ClassVar[str]

    def __init__(self, handle: ctypes.c_uint64, inbox: Inbox[E]) -> None:
        """Use ``initialize``."""
        self._handle: int | None = handle.value
        self._inbox = inbox

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.finalize()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            warnings.warn(f"{type(self).__name__} was never finalized", ResourceWarning, stacklevel=1, source=self)

    def finalize(self) -> None:
        """Close the connection. Any number of times, and also after it was lost. Raises nothing.

        Of the five only cpg's asks corosync, and so can block.
        """
        handle, self._handle = self._handle, None
        if handle is not None:
            # The library has let go of the handle whatever it answers (LIBRARY, if corosync is gone).
            self._library.status(f"{self._prefix}finalize", handle)

    def fd_get(self) -> int:
        """The file descriptor that becomes readable when ``dispatch`` has work, and when corosync is gone.

        Only to wait on; it belongs to the library, which closes it in ``finalize``.
        """
        fd = ctypes.c_int()
        self._call(f"{self._prefix}fd_get", ctypes.byref(fd))
        return fd.value

    def dispatch(self, flags: Dispatch = Dispatch.ALL) -> list[E]:
        """The events that have arrived, oldest first; empty if there are none. Does not wait.

        Raises CorosyncLost once corosync is gone; what it had sent and nobody took is lost too.
        """
        verb = f"{self._prefix}dispatch"
        status = self._library.status(verb, self._open_handle(verb), flags)
        events = self._inbox.take()
        if not events and status != Status.TRY_AGAIN:
            check(status, verb)
        return events

    def _call(self, verb: str, *arguments: object, subject: str = "") -> None:
        self._library.call(verb, self._open_handle(verb), *arguments, subject=subject)

    def _status(self, verb: str, *arguments: object) -> int:
        return self._library.status(verb, self._open_handle(verb), *arguments)

    def _open_handle(self, verb: str) -> int:
        if self._handle is None:
            check(Status.BAD_HANDLE, verb)
        assert self._handle is not None
        return self._handle


def common_prototypes(prefix: str) -> dict[str, tuple[Any, ...]]:
    """The verbs that every library has, with their argument types."""
    return {
        f"{prefix}finalize": (ctypes.c_uint64,),
        f"{prefix}fd_get": (ctypes.c_uint64, ctypes.POINTER(ctypes.c_int)),
        f"{prefix}dispatch": (ctypes.c_uint64, ctypes.c_int),
    }
