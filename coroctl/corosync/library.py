"""Loads a client library when its first verb is called, and turns every status into an exception.

``check`` is the only place that knows which status means what. Knows no library by name.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from coroctl.corosync.corotypes import Status
from coroctl.errors import (
    BadArgument,
    CorosyncBusy,
    CorosyncDenied,
    CorosyncError,
    CorosyncLost,
    LibraryMissing,
    LibraryTooOld,
    NoSuchKey,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_EXCEPTIONS: Mapping[int, type[CorosyncError]] = {
    Status.LIBRARY: CorosyncLost,
    Status.BAD_HANDLE: CorosyncLost,
    Status.TRY_AGAIN: CorosyncBusy,
    Status.QUEUE_FULL: CorosyncBusy,
    Status.ACCESS: CorosyncDenied,
    Status.SECURITY: CorosyncDenied,
    Status.NOT_EXIST: NoSuchKey,
    Status.NAME_NOT_FOUND: NoSuchKey,
    Status.INVALID_PARAM: BadArgument,
    Status.NAME_TOO_LONG: BadArgument,
    Status.BAD_FLAGS: BadArgument,
    Status.TOO_BIG: BadArgument,
}

_WORDS: Mapping[int, str] = {
    Status.LIBRARY: "corosync is not running, or the connection to it broke",
    Status.BAD_HANDLE: "the connection is closed",
    Status.TRY_AGAIN: "corosync cannot do this now (TRY_AGAIN)",
    Status.ACCESS: "access denied",
    Status.NOT_EXIST: "does not exist",
}


def check(status: int, verb: str, subject: str = "") -> None:
    """Raise what ``status``, the answer of the C function ``verb``, means; nothing for OK.

    ``subject`` is what the caller asked about (a key, a group), for the message.
    """
    if status == Status.OK:
        return
    name = Status(status).name if status in Status._value2member_map_ else f"status {status}"
    words = _WORDS.get(status, name)
    raise _EXCEPTIONS.get(status, CorosyncError)(verb, name, f"{subject}: {words}" if subject else words)


def u32(verb: str, number: int) -> int:
    """``number``, if a uint32_t can hold it: C would cut it off in silence. Raises BadArgument."""
    if not 0 <= number < 2**32:
        raise BadArgument(verb, Status.INVALID_PARAM.name, f"{number} is not in 0 ... 4294967295")
    return number


def c_string(verb: str, text: str) -> bytes:
    """``text`` for a ``const char *``: C would stop at a NUL in silence. Raises BadArgument."""
    if "\0" in text:
        raise BadArgument(verb, Status.INVALID_PARAM.name, f"{text!r} contains a NUL character")
    return text.encode("utf-8", "surrogateescape")


class Library:
    """One shared library: loaded, and each function looked up, on first use."""

    def __init__(
        self,
        sonames: Mapping[str, str],
        prototypes: Mapping[str, tuple[Any, ...]],
        since: Mapping[str, str] | None = None,
    ) -> None:
        """``sonames``: soname to Debian package, best first. ``prototypes``: argument types by verb.

        ``since``: the release of corosync that brought a verb, for those that a supported one may lack.
        """
        self._sonames = sonames
        self._prototypes = prototypes
        self._since = since or {}
        self._loaded: tuple[str, ctypes.CDLL] | None = None
        self._functions: dict[str, Callable[..., int]] = {}

    def call(self, verb: str, *arguments: object, subject: str = "") -> None:
        """Call the C function ``verb``; raises what ``check`` says, LibraryMissing, LibraryTooOld."""
        check(self.status(verb, *arguments), verb, subject)

    def status(self, verb: str, *arguments: object) -> int:
        """Call the C function ``verb`` and leave its status to the caller."""
        function = self._functions.get(verb) or self._look_up(verb)
        return function(*arguments)

    def _look_up(self, verb: str) -> Callable[..., int]:
        soname, library = self._load()
        try:
            function = getattr(library, verb)
        except AttributeError:
            raise LibraryTooOld(soname, verb, self._since.get(verb, "")) from None
        function.argtypes = self._prototypes[verb]
        function.restype = ctypes.c_int
        self._functions[verb] = function
        return self._functions[verb]

    def _load(self) -> tuple[str, ctypes.CDLL]:
        if self._loaded is None:
            self._loaded = self._open()
        return self._loaded

    def _open(self) -> tuple[str, ctypes.CDLL]:
        failure: OSError | None = None
        for soname in self._sonames:
            try:
                return soname, ctypes.CDLL(soname)
            except OSError as error:
                failure = failure or error
        soname = next(iter(self._sonames))
        raise LibraryMissing(soname, self._sonames[soname]) from failure
