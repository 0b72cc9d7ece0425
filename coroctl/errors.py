"""The error tree. What a function may raise on purpose is here; anything else is a bug.

``str(error)`` is one line that an operator can act on. This module knows nobody.
"""

from __future__ import annotations


class CoroctlError(Exception):
    """Something outside this program is not as it should be: a file, corosync, the caller's rights."""


class ConfigError(CoroctlError):
    """A configuration file, or a value in it, cannot be used.

    ``line`` counts from 1; 0 when the reason concerns the file as a whole.
    """

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}" if line else f"{file}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class LabError(CoroctlError):
    """The lab could not be brought into the state that was asked for."""


class LibraryMissing(CoroctlError):
    """A client library of corosync is not installed."""

    def __init__(self, library: str, package: str) -> None:
        super().__init__(f"{library} is not installed (Debian package {package})")
        self.library = library
        self.package = package


class LibraryTooOld(CoroctlError):
    """A client library of corosync lacks a function that came with a later release."""

    def __init__(self, library: str, verb: str, since: str) -> None:
        super().__init__(f"{library} has no {verb}" + (f" (corosync {since} or newer is needed)" if since else ""))
        self.library = library
        self.verb = verb


class CorosyncError(CoroctlError):
    """A call into corosync did not succeed.

    ``verb`` is the C function (its man page says more), ``status`` the name of the cs_error_t
    (corotypes.h) without its prefix, such as ``NOT_EXIST``.
    """

    def __init__(self, verb: str, status: str, detail: str = "") -> None:
        super().__init__(f"{verb}: {detail or status}")
        self.verb = verb
        self.status = status


class CorosyncLost(CorosyncError):
    """The connection is gone (LIBRARY, BAD_HANDLE): corosync ended or was restarted. Connect anew."""


class CorosyncBusy(CorosyncError):
    """Not now (TRY_AGAIN): the ring is forming, or a queue is full. The same call may succeed later."""


class CorosyncDenied(CorosyncError):
    """The caller may not ask corosync for this (ACCESS)."""


class NoSuchKey(CorosyncError):
    """What was named does not exist (NOT_EXIST)."""


class BadArgument(CorosyncError):
    """corosync refused a value (INVALID_PARAM, NAME_TOO_LONG, TOO_BIG ...): a bug of the caller's."""
