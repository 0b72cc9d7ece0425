"""Talks to this node's corolistener: status.sock for looking, control.sock for changing. Every call ends in time.

Knows the protocol and none of the meaning: snapshots are JSON objects as the daemon makes them. Imported by
``coroctl -l``, so json and socket are only imported once there is a daemon to talk to.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

VERSION = 1
RUN = "/run/corolistener"
STATUS, CONTROL = "status.sock", "control.sock"
GROUPS = {STATUS: "coroctl", CONTROL: "coroctl-admin"}
ANSWER_S = 2.0
CHANGE_S = 30.0
"""A change is distributed to every node before it is answered."""
MOST_BYTES = 16 * 1024 * 1024
"""Of one line from the daemon."""

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


class Rejected(CoroctlError):
    """The daemon does not take the request; `code` is the protocol's word for it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Outcome(NamedTuple):
    """The end of a change."""

    verdict: str
    """ok, refused, unknown (it may be in force or not; look)."""
    why: str


class Seen(NamedTuple):
    """What the person saw who asks for a change: it is refused if that has moved on."""

    term: int
    version: int
    digest: str


class Stream:
    """Answers that keep coming. `fileno` is readable when there is more to `take`; used by one thread at a time."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """For select."""
        return self._line.fileno()

    def take(self) -> list[Json]:
        """What has come since, without waiting. Raises Silent when the connection has ended."""
        return self._line.ready()

    def __iter__(self) -> Iterator[Json]:
        """One after the other, waiting for each without limit."""
        while True:
            yield self._line.read(None)

    def close(self) -> None:
        """End it; any number of times."""
        self._line.close()


class Client:
    """The sockets of one directory. Each call makes a connection of its own."""

    def __init__(self, run: str = RUN) -> None:
        self._run = run

    def snapshot(self, timeout_s: float = ANSWER_S) -> Json:
        """All that the daemon knows (docs/control-sockets.md). Raises NoDaemon, Denied, Silent or ProtocolError."""
        return self._once(STATUS, {"verb": "snapshot"}, timeout_s)

    def watch(self, timeout_s: float = ANSWER_S) -> Stream:
        """A stream of snapshots: on every change, and at least one a second."""
        return Stream(self._send(STATUS, {"verb": "watch"}, timeout_s))

    def events(self, since: int | None = None, limit: int = 200, timeout_s: float = ANSWER_S) -> list[Json]:
        """At most `limit` (200 at most) events with larger ids than `since`, or the newest; the oldest first."""
        events: list[Json] = self._once(STATUS, _events(since, limit), timeout_s)["events"]
        return events

    def follow(self, since: int | None = None, limit: int = 200, timeout_s: float = ANSWER_S) -> Stream:
        """The same, and then pages of what happens from now on: ``{"events": [...]}``."""
        return Stream(self._send(STATUS, {**_events(since, limit), "follow": True}, timeout_s))

    def set_priority(self, node: int, prio: int, seen: Seen, **how: Any) -> Outcome:
        """0 to 1000000. `how`: see `_change`."""
        return self._change("set-priority", node, seen, {"value": prio}, **how)

    def promote(self, node: int, seen: Seen, **how: Any) -> Outcome:
        """Make it master, and the one with the largest priority."""
        return self._change("promote", node, seen, {}, **how)

    def suspend(self, node: int, seen: Seen, **how: Any) -> Outcome:
        """Let it hold and start nothing until `resume`."""
        return self._change("suspend", node, seen, {}, **how)

    def resume(self, node: int, seen: Seen, **how: Any) -> Outcome:
        """The end of `suspend`."""
        return self._change("resume", node, seen, {}, **how)

    def _change(
        self,
        verb: str,
        node: int,
        seen: Seen,
        more: Json,
        *,
        request: str = "",
        user: str = "",
        origin: str = "",
        timeout_s: float = CHANGE_S,
    ) -> Outcome:
        """The same `request` twice is one change. `user` and `origin` are logged as claimed."""
        asked = {
            "id": request or _fresh_id(),
            "verb": verb,
            "node": node,
            "term": seen.term,
            "configuration": {"version": seen.version, "digest": seen.digest},
            "claimed": {"user": user, "origin": origin},
            **more,
        }
        try:
            told = self._once(CONTROL, asked, timeout_s)
        except Silent as error:
            return Outcome("unknown", str(error))
        return Outcome(told["verdict"], told["why"])

    def _once(self, name: str, request: Json, timeout_s: float) -> Json:
        deadline = time.monotonic() + timeout_s
        line = self._send(name, request, timeout_s)
        try:
            return line.read(deadline)
        finally:
            line.close()

    def _send(self, name: str, request: Json, timeout_s: float) -> _Line:
        path = f"{self._run}/{name}"
        if not os.access(path, os.F_OK):
            raise NoDaemon
        line = _Line(path, GROUPS[name], timeout_s)
        try:
            line.write({"v": VERSION, "id": _fresh_id(), **request})
        except CoroctlError:
            line.close()
            raise
        return line


class _Line:
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

    def write(self, request: Json) -> None:
        import json

        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise Silent(f"corolistener broke off: {error.strerror or error}") from None

    def read(self, deadline: float | None) -> Json:
        """The next answer, until that moment of time.monotonic; None: without limit."""
        while (end := self._buffer.find(b"\n")) < 0:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise Silent("corolistener does not answer: frozen or starved")
            self._socket.settimeout(left)
            self._receive()
        return self._cut(end)

    def ready(self) -> list[Json]:
        """Whole answers that have come."""
        self._socket.settimeout(0)
        try:
            while self._receive():
                pass
        except BlockingIOError:
            pass
        except Silent:
            if b"\n" not in self._buffer:
                raise
        found = []
        while (end := self._buffer.find(b"\n")) >= 0:
            found.append(self._cut(end))
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

    def _cut(self, end: int) -> Json:
        import json

        text = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            said = json.loads(text)
            failed = said.get("error")
            if failed is None:
                result: Json = said["result"]
                return result
            code, reason = str(failed["code"]), str(failed["text"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ProtocolError("corolistener gave an answer that makes no sense") from None
        if code == "version":
            raise ProtocolError(f"{reason}, and this coroctl version {VERSION}: one of them is to be upgraded")
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


def _events(since: int | None, limit: int) -> Json:
    return {"verb": "events", "since": since, "limit": limit}


def _fresh_id() -> str:
    return os.urandom(16).hex()
