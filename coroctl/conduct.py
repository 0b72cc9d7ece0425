"""One change from its preflight to its end: asked, followed step by step, and reported, for whoever shows it.

The daemon carries the change out whether anybody follows it or not: what is lost with a connection is sight, not the
change. Blocks; the console runs it on a thread. Knows the snapshot that the daemon makes, and shows nothing.
"""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from coroctl import actions
from coroctl.actions import PRIORITY, SUSPEND, Ask, Check, Effect, Outlook, Seen
from coroctl.client import ProtocolError
from coroctl.errors import CoroctlError
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from coroctl.client import Client, Json, Outcome, Stream

SETTLE_S = 60.0
"""After the change is in force: how long every node's reload and the move of the address are waited for."""
LOOK_AGAIN_S = 0.5


class NodeReport(NamedTuple):
    """What a node has at the end, as this node hears of it."""

    node: NodeId
    name: str
    loaded: str
    """``8:1f2e3d4c``; empty if it is not heard."""
    current: bool
    """It is what the change made, or newer; after a change that was not made: what a majority has."""
    role: str


class Step(NamedTuple):
    """Something that has happened on the way."""

    at_s: float
    """Since it was asked for."""
    text: str


class Report(NamedTuple):
    """The end."""

    verdict: str
    """ok, refused, unknown."""
    why: str
    missing: str
    """What of an ok change had not happened when the time was up; empty if everything had."""
    nodes: tuple[NodeReport, ...]
    took_s: float


class Operator:
    """Both of the below, by one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def preflight(self, ask: Ask) -> Outlook:
        """See the function."""
        return preflight(self._client, ask)

    def conduct(self, ask: Ask, outlook: Outlook, tell: Callable[[Step], object]) -> Report:
        """See the function."""
        return conduct(self._client, ask, outlook, tell)


def preflight(client: Client, ask: Ask) -> Outlook:
    """What the change would lead to. Raises what the client raises; ActionError for a check that cannot be forced."""
    told = client.preflight(ask.action.verb, ask.node, _value(ask))
    try:
        found = _outlook(told)
    except (KeyError, TypeError, ValueError):
        raise ProtocolError("corolistener's preflight makes no sense to this coroctl") from None
    actions.check_force(found, ask.force)
    return found


def _outlook(told: Json) -> Outlook:
    seen, address = told["seen"], told["address"]
    return Outlook(
        name=told["name"],
        seen=Seen(seen["term"], seen["configuration"]["version"], seen["configuration"]["digest"]),
        checks=tuple(
            Check(one["name"], actions.Verdict(one["verdict"]), one["reason"], one["safety"]) for one in told["checks"]
        ),
        effects=tuple(Effect(one["what"], one["text"]) for one in told["effects"]),
        nothing=told["nothing"],
        loses=_node(address["loses"]),
        gains=_node(address["gains"]),
        interrupts=told["interrupts"],
        risks_quorum=told["risks_quorum"],
    )


def conduct(client: Client, ask: Ask, outlook: Outlook, tell: Callable[[Step], object], request: str = "") -> Report:
    """Ask for it and follow it; `tell` gets each step. Raises what the client raises."""
    begin = time.monotonic()
    with _Asking(client, ask, outlook.seen, request or os.urandom(16).hex()) as asking:
        sight = _Sight(client, ask, outlook)
        try:
            for line in _followed(sight, asking):
                tell(Step(time.monotonic() - begin, line))
            outcome = asking.outcome()
            made = outcome.verdict == "ok"
            missing = ""
            if made:
                missing = _settle(sight, lambda line: tell(Step(time.monotonic() - begin, line)))
            else:
                sight.look(LOOK_AGAIN_S)
            return Report(outcome.verdict, outcome.why, missing, sight.nodes(made=made), time.monotonic() - begin)
        finally:
            sight.close()


def claimed_origin() -> tuple[str, str]:
    """Who and from where, as the environment has it: logged as claimed."""
    user = os.environ.get("SUDO_USER") or os.environ.get("LOGNAME") or os.environ.get("USER") or ""
    return user[:128], (os.environ.get("SSH_CONNECTION") or "").partition(" ")[0][:128]


def _value(ask: Ask) -> dict[str, object]:
    return {} if ask.value is None else {"value": ask.value}


def _node(value: int | None) -> NodeId | None:
    return None if value is None else NodeId(value)


def _followed(sight: _Sight, asking: _Asking) -> Iterator[str]:
    """Until the answer is there."""
    yield "asked"
    while not asking.answered:
        yield from sight.look(LOOK_AGAIN_S, asking.fileno())
    yield from sight.look(0)


def _settle(sight: _Sight, tell: Callable[[str], object]) -> str:
    """Until everything that was foretold has happened; else what has not."""
    end = time.monotonic() + SETTLE_S
    while missing := sight.missing():
        left = end - time.monotonic()
        if left <= 0:
            return missing
        for line in sight.look(min(left, LOOK_AGAIN_S)):
            tell(line)
    return ""


class _Asking:
    """The request, on a thread: its answer comes when the change is through. `fileno` is readable then."""

    def __init__(self, client: Client, ask: Ask, seen: Seen, request: str) -> None:
        self._client = client
        self._ask = ask
        self._seen = seen
        self._request = request
        self._outcome: Outcome | None = None
        self._error: CoroctlError | None = None
        self._read, self._write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="asks for the change", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._read)

    def fileno(self) -> int:
        return self._read

    @property
    def answered(self) -> bool:
        return self._outcome is not None or self._error is not None

    def outcome(self) -> Outcome:
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._outcome is not None
        return self._outcome

    def _run(self) -> None:
        user, origin = claimed_origin()
        more: dict[str, object] = {**_value(self._ask), "force": sorted(self._ask.force)}
        try:
            self._outcome = self._client.change(
                self._ask.action.verb, self._ask.node, self._seen, more, request=self._request, user=user, origin=origin
            )
        except CoroctlError as error:
            self._error = error
        os.close(self._write)


class _Sight:
    """What the daemon's stream shows of the change."""

    def __init__(self, client: Client, ask: Ask, outlook: Outlook) -> None:
        self._client = client
        self._ask = ask
        self._outlook = outlook
        self._version = outlook.seen.version + 1
        self._stream: Stream | None = None
        self._told: Json | None = None
        self._lines: set[str] = set()
        self._connect()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def look(self, wait_s: float, other: int | None = None) -> list[str]:
        """Wait for news, or for that file descriptor; what is new, in words."""
        if self._stream is None:
            self._connect()
        fds = [fd for fd in (self._stream.fileno() if self._stream else None, other) if fd is not None]
        select.select(fds, [], [], wait_s)
        if self._stream is None:
            return []
        try:
            news = self._stream.take()
        except CoroctlError:
            self.close()
            return []
        return [line for told in news for line in self._take(told)]

    def missing(self) -> str:
        """What has not happened yet; empty: everything has."""
        if self._told is None:
            return "this node's corolistener does not tell what has become of it"
        late = [one.name for one in self.nodes(made=True) if one.loaded and not one.current]
        if late:
            return f"not loaded by {', '.join(late)}"
        gains, master = self._outlook.gains, self._told["mastership"]["master"]
        if gains is not None and master != gains:
            return f"{self._name(gains)} is not master yet{self._reason(gains)}{self._hint()}"
        if self._outlook.loses is not None and master == self._outlook.loses:
            return f"{self._name(self._outlook.loses)} is still master"
        row = self._row(self._ask.node)
        # Others call a suspended coordinator a slave, since it holds the lease; its own word is the reason.
        if self._ask.action is SUSPEND and row and row["role"] and "suspended" not in (row["role"], row["barred"]):
            return f"{_called(row)} is not suspended yet"
        return ""

    def nodes(self, *, made: bool) -> tuple[NodeReport, ...]:
        if self._told is None:
            return ()
        return tuple(self._report(row, made=made) for row in self._told["nodes"])

    def _connect(self) -> None:
        try:
            self._stream = self._client.watch()
        except CoroctlError:
            self._stream = None

    def _take(self, told: Json) -> list[str]:
        """Each line once."""
        self._told = told
        found = [line for line in self._said(told) if line not in self._lines]
        self._lines.update(found)
        return found

    def _said(self, told: Json) -> Iterator[str]:
        stored = [row["name"] for row in told["nodes"] if self._has(row, "staged", told)]
        loaded = [row["name"] for row in told["nodes"] if self._has(row, "configuration", told)]
        if stored and not loaded:
            yield f"stored by {', '.join(stored)}"
        if loaded:
            yield f"loaded by {', '.join(loaded)}"
        loses, gains = self._outlook.loses, self._outlook.gains
        master = told["mastership"]["master"]
        if loaded and loses is not None and master is None:
            yield f"{self._name(loses)} has given the role up"
        if gains is not None and master == gains:
            yield f"{self._name(gains)} is master"

    def _has(self, row: Json, what: str, told: Json) -> bool:
        found = row[what]
        if what == "staged" and row["nodeid"] == told["node"]:
            found = told["configuration"]["staged"]
        return bool(found) and found["version"] >= self._version

    def _report(self, row: Json, *, made: bool) -> NodeReport:
        loaded = row["configuration"]
        text = f"{loaded['version']}:{loaded['digest'][:8]}" if loaded else ""
        current = bool(loaded) and (loaded["version"] >= self._version if made else row["current"] is True)
        return NodeReport(NodeId(row["nodeid"]), _called(row), text, current, row["role"] or "-")

    def _row(self, node: NodeId) -> Json | None:
        rows = self._told["nodes"] if self._told else []
        return next((row for row in rows if row["nodeid"] == node), None)

    def _name(self, node: NodeId) -> str:
        row = self._row(node)
        return _called(row) if row else f"node {node}"

    def _hint(self) -> str:
        """L13 puts a hand-over off that follows too soon on the last one to the same node."""
        return "; coroctl promote is not put off" if self._ask.action is PRIORITY else ""

    def _reason(self, node: NodeId) -> str:
        row = self._row(node)
        return f" ({row['reason']})" if row and row["reason"] else ""


def _called(row: Json) -> str:
    return row["name"] or f"node {row['nodeid']}"
