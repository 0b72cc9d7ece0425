"""Talks to this node's corolistener: status.sock for looking, control.sock for changing. Every call ends in time.

Knows the protocol and none of the meaning: snapshots are JSON objects as the daemon makes them. Imported by
``coroctl -l``, so json and socket are only imported once there is a daemon to talk to.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from coroctl.dialogue import (
    NONSENSE,
    VERSION,
    Denied,
    Json,
    Line,
    NoDaemon,
    OtherVersion,
    ProtocolError,
    Rejected,
    Silent,
    result,
)
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from coroctl.actions import Seen

RUN = "/run/corolistener"
STATUS, CONTROL, REFUSED = "status.sock", "control.sock", "refused.sock"
GROUPS = {STATUS: "coroctl", CONTROL: "coroctl-admin"}
ANSWER_S = 2.0
PREFLIGHT_S = 5.0
"""systemd may have to be asked."""
HOST_S = 9.0
"""A process may have to be started, and on another node; a file is asked for twice."""
CHANGE_S = 30.0
"""A change is distributed to every node before it is answered."""
_AFTER_TAKING = frozenset({"failed", "internal"})
"""Errors of a daemon that has taken a request in: of a change nobody knows then what has become of it."""
_ROLES = b'{"v": 1, "id": "-", "verb": "roles"}\n'
_ROLES_BEGIN, _ROLES_END = b'{"v": 1, "id": "-", "result": "', b'"}'

__all__ = ["Client", "Denied", "Json", "NoDaemon", "Outcome", "ProtocolError", "Rejected", "Silent", "Stream"]


class Outcome(NamedTuple):
    """The end of a change."""

    verdict: str
    """ok, refused, unknown (it may be in force or not; look)."""
    why: str


class Stream:
    """Answers that keep coming. `fileno` is readable when there is more to `take`; used by one thread at a time."""

    def __init__(self, line: Line) -> None:
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
        """What has come since, without waiting. Raises Silent when the connection has ended, and what went wrong.

        What came before an error is returned first: whoever must not miss the error calls until nothing comes.
        """
        return self._line.ready()

    def __iter__(self) -> Iterator[Json]:
        """One after the other, waiting for each without limit."""
        while True:
            yield result(self._line.next(None))

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

    def roles(self, timeout_s: float = ANSWER_S) -> dict[int, str]:
        """nodeid -> master, slave, suspended or ``-``. Raises as `snapshot`; costs less, for it imports no json."""
        deadline = time.monotonic() + timeout_s
        line = self._open(STATUS, timeout_s)
        try:
            line.send(_ROLES)
            told = line.next(deadline)
        finally:
            line.close()
        if told.startswith(_ROLES_BEGIN) and told.endswith(_ROLES_END):
            text = told[len(_ROLES_BEGIN) : -len(_ROLES_END)].decode()
        else:
            text = str(result(told))
        try:
            return {int(nodeid): role for nodeid, role in (word.split(":") for word in text.split())}
        except ValueError:
            raise ProtocolError(NONSENSE) from None

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

    def log(self, node: int, wanted: Json, timeout_s: float = ANSWER_S) -> Stream:
        """A node's log, ``{"lines": [[time or None, text], ...]}`` again and again (docs/control-sockets.md)."""
        return Stream(self._send(STATUS, {"verb": "log", "node": node, **wanted}, timeout_s))

    def host(self, node: int, timeout_s: float = HOST_S) -> Json:
        """A node's machine (docs/control-sockets.md). Raises Silent if that node does not tell it."""
        told: Json = self._once(STATUS, {"verb": "host", "nodes": [node]}, timeout_s)["hosts"][0]
        if "why" in told:
            raise Silent(str(told["why"]))
        host: Json = told["host"]
        return host

    def conf(self, node: int | None = None, timeout_s: float = HOST_S) -> Json:
        """The file that a node has loaded (docs/control-sockets.md); this node's if none is named."""
        return self._once(STATUS, {"verb": "conf", "node": node}, timeout_s)

    def machines(self, timeout_s: float = ANSWER_S) -> Json:
        """The managed machines, and the inventory that they stand in (docs/control-sockets.md)."""
        return self._once(STATUS, {"verb": "machines"}, timeout_s)

    def preflight(self, verb: str, node: int, more: Json | None = None, timeout_s: float = PREFLIGHT_S) -> Json:
        """What the change would lead to (docs/control-sockets.md); `more` has the verb's own arguments."""
        return self._once(STATUS, {"verb": "preflight", "change": verb, "node": node, **(more or {})}, timeout_s)

    def change(
        self,
        verb: str,
        node: int,
        seen: Seen,
        more: Json | None = None,
        *,
        request: str = "",
        user: str = "",
        origin: str = "",
        timeout_s: float = CHANGE_S,
    ) -> Outcome:
        """Ask for it, and wait for its end. The same `request` twice is one change.

        `user` and `origin` are logged as claimed; `more` has the verb's own arguments, and `force`. Who is not in the
        group gets Denied; that they asked is told to the daemon, so that it is an event.
        """
        asked = {
            "id": request or _fresh_id(),
            "verb": verb,
            "node": node,
            "term": seen.term,
            "configuration": {"version": seen.version, "digest": seen.digest},
            "claimed": {"user": user, "origin": origin},
            **(more or {}),
        }
        try:
            told = self._once(CONTROL, asked, timeout_s)
            return Outcome(told["verdict"], told["why"])
        except Denied:
            self._tell_denied(asked)
            raise
        except OtherVersion:
            raise
        except (Silent, ProtocolError) as error:
            return Outcome("unknown", str(error))
        except (KeyError, TypeError):
            return Outcome("unknown", NONSENSE)
        except Rejected as error:
            if error.code not in _AFTER_TAKING:
                raise
            return Outcome("unknown", str(error))

    def tell_refused(self, verb: str, origin: str = "") -> None:
        """A change was wanted by a user who may not even look. Never waits, and nobody need hear it."""
        import re
        import socket
        from contextlib import suppress

        address = origin.partition("%")[0]
        said = f"1 {verb} {address if re.fullmatch('[0-9A-Fa-f:.]{2,45}', address) else '-'}"
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as teller:
            teller.sendto(said.encode(), f"{self._run}/{REFUSED}")

    def _tell_denied(self, asked: Json) -> None:
        """At status.sock, where a change is always refused, if they may look; else as above."""
        try:
            self._once(STATUS, asked, ANSWER_S)
        except Denied:
            self.tell_refused(asked["verb"], asked["claimed"]["origin"])
        except CoroctlError:
            pass

    def _once(self, name: str, request: Json, timeout_s: float) -> Json:
        deadline = time.monotonic() + timeout_s
        line = self._send(name, request, timeout_s)
        try:
            told: Json = result(line.next(deadline))
        finally:
            line.close()
        return told

    def _send(self, name: str, request: Json, timeout_s: float) -> Line:
        import json

        line = self._open(name, timeout_s)
        try:
            line.send(json.dumps({"v": VERSION, "id": _fresh_id(), **request}).encode() + b"\n")
        except CoroctlError:
            line.close()
            raise
        return line

    def _open(self, name: str, timeout_s: float) -> Line:
        path = f"{self._run}/{name}"
        if not os.access(path, os.F_OK):
            raise NoDaemon
        try:
            return Line(path, GROUPS[name], timeout_s)
        except Denied as denied:
            if name == CONTROL:
                raise
            # Who may change may look: control.sock takes everything.
            try:
                return self._open(CONTROL, timeout_s)
            except CoroctlError:
                raise denied from None


def _events(since: int | None, limit: int) -> Json:
    return {"verb": "events", "since": since, "limit": limit}


def _fresh_id() -> str:
    return os.urandom(16).hex()
