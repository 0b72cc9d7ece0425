"""One connection to this node's corolistener: a request out, JSON lines in, each in bounded time.

Owns what can go wrong on the way, in an operator's words. Imports json and socket only when they are needed.
"""

from __future__ import annotations

import time
from typing import Any

from coroctl.errors import CoroctlError

VERSION = 1
MOST_BYTES = 16 * 1024 * 1024
"""Of one line from the daemon."""
NONSENSE = "corolistener gave an answer that makes no sense"

Json = dict[str, Any]


class NoDaemon(CoroctlError):
    """No corolistener runs on this node."""

    def __init__(self) -> None:
        super().__init__("no corolistener runs on this node")


class Denied(CoroctlError):
    """The caller is not in the group that may ask this."""

    def __init__(self, group: str) -> None:
        super().__init__(f"corolistener answers root and members of group {group} only")
        self.group = group


class Silent(CoroctlError):
    """corolistener runs and does not answer in time, or broke off: frozen, starved, or just restarted."""


class ProtocolError(CoroctlError):
    """The daemon speaks another version, or nonsense."""


class OtherVersion(ProtocolError):
    """The daemon speaks another version, and has taken nothing."""


class Rejected(CoroctlError):
    """The daemon does not take the request; `code` is the protocol's word for it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Line:
    """One connection: a request out, JSON lines in."""

    def __init__(self, path: str, group: str, timeout_s: float) -> None:
        import socket

        self._buffer = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise _explained(error, group) from None

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, request: bytes) -> None:
        try:
            self._socket.sendall(request)
        except OSError as error:
            raise Silent(f"corolistener broke off: {error.strerror or error}") from None

    def next(self, deadline: float | None) -> bytes:
        """The next line, until that moment of time.monotonic; None: without limit."""
        while (end := self._buffer.find(b"\n")) < 0:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise Silent("corolistener does not answer: frozen or starved")
            self._socket.settimeout(left)
            self._receive()
        return self._cut(end)

    def ready(self) -> list[Json]:
        """Whole answers that have come. One that says what went wrong is raised when those before it were returned."""
        self._socket.settimeout(0)
        try:
            while self._receive():
                pass
        except BlockingIOError:
            pass
        except Silent:
            if b"\n" not in self._buffer:
                raise
        found: list[Json] = []
        while (end := self._buffer.find(b"\n")) >= 0:
            try:
                found.append(result(bytes(self._buffer[:end])))
            except CoroctlError:
                if found:
                    break
                self._cut(end)
                raise
            self._cut(end)
        return found

    def _receive(self) -> int:
        try:
            data = self._socket.recv(1 << 18)
        except BlockingIOError:
            raise
        except TimeoutError:
            return 0
        except OSError as error:
            raise Silent(f"corolistener broke off: {error.strerror or error}") from None
        if not data:
            raise Silent("corolistener ended the connection")
        self._buffer += data
        if len(self._buffer) > MOST_BYTES:
            raise ProtocolError("corolistener sends a line without an end")
        return len(data)

    def _cut(self, end: int) -> bytes:
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


def result(line: bytes) -> Any:
    """What an answer holds; raises what it says went wrong."""
    import json

    try:
        said = json.loads(line)
        failed = said.get("error")
        if failed is None:
            return said["result"]
        code, reason = str(failed["code"]), str(failed["text"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ProtocolError(NONSENSE) from None
    if code == "version":
        raise OtherVersion(f"{reason}, and this coroctl version {VERSION}: one of them is to be upgraded")
    raise Rejected(code, reason)


def _explained(error: OSError, group: str) -> CoroctlError:
    match error:
        case PermissionError():
            return Denied(group)
        case FileNotFoundError() | ConnectionRefusedError():
            # A daemon that was killed leaves its socket behind.
            return NoDaemon()
        case _:
            return Silent("corolistener does not answer: frozen or starved")
