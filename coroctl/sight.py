"""What this node's corolistener shows of a change that is under way, in words: stored, loaded, given up, taken over.

Losing sight of it harms nothing; the stream is begun anew. Knows the snapshot that the daemon makes.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, NamedTuple

from coroctl.actions import ADOPT, PRIORITY, PROMOTE, SUSPEND
from coroctl.errors import CoroctlError
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.actions import Ask, Outlook
    from coroctl.client import Client, Json, Stream

SETTLE_S = 60.0
"""After the change is in force: how long every node's reload and the move of the address are waited for."""
PATIENT_S = 10.0
"""A move that is to come later than this is foretold, and not waited for."""


class NodeReport(NamedTuple):
    """What a node has at the end, as this node hears of it."""

    node: NodeId
    name: str
    loaded: str
    """``8:1f2e3d4c``; empty if it is not heard."""
    current: bool
    """It is what the change made, or newer; after a change that was not made: what a majority has."""
    role: str


class Sight:
    """The change, while `look` is called; it is missed for as long as there is no daemon to tell of it."""

    settle_s = SETTLE_S

    def __init__(self, client: Client, ask: Ask, outlook: Outlook) -> None:
        self._client = client
        self._ask = ask
        self._outlook = outlook
        self._adopts = ask.action is ADOPT
        """One node takes a file that there is; any other change makes the next version."""
        self._version = outlook.seen.version + 1
        self._stream: Stream | None = None
        self._told: Json | None = None
        self._lines: set[str] = set()
        self._connect()

    def close(self) -> None:
        """End the stream; any number of times."""
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
        concerned = {row["nodeid"] for row in self._told["nodes"] if self._concerns(row)}
        late = [one.name for one in self.nodes(made=True) if one.loaded and not one.current and one.node in concerned]
        if late:
            return f"not loaded by {', '.join(late)}"
        if self._outlook.delay_s > PATIENT_S:
            return ""
        gains, master = self._outlook.gains, self._told["mastership"]["master"]
        # Another one may have become fit meanwhile, and be better: only a promotion is for one node alone.
        taken = master == gains or (master not in (None, self._outlook.loses) and self._ask.action is not PROMOTE)
        if gains is not None and not taken:
            return f"{self._name(gains)} is not master yet{self._reason(gains)}{self._hint()}"
        if self._outlook.loses is not None and master == self._outlook.loses:
            return f"{self._name(self._outlook.loses)} is still master"
        row = self._row(self._ask.node)
        # Others call a suspended coordinator a slave, since it holds the lease; its own word is the reason.
        if self._ask.action is SUSPEND and row and row["role"] and "suspended" not in (row["role"], row["barred"]):
            return f"{_called(row)} is not suspended yet"
        return ""

    def nodes(self, *, made: bool) -> tuple[NodeReport, ...]:
        """What each has now; `made`: the change was."""
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
        rows = [row for row in told["nodes"] if self._concerns(row)]
        stored = [row["name"] for row in rows if not self._adopts and self._has(row, "staged", told)]
        loaded = [row["name"] for row in rows if self._has(row, "configuration", told)]
        # The file by its number: it may be another operator's, who was quicker.
        what = "the file" if self._adopts else f"version {self._version}"
        if stored and not loaded:
            yield f"{what} is stored by {', '.join(stored)}"
        if loaded:
            yield f"{what} is loaded by {', '.join(loaded)}"
        loses, gains = self._outlook.loses, self._outlook.gains
        master = told["mastership"]["master"]
        if loaded and loses is not None and master is None:
            yield f"{self._name(loses)} has given the role up"
        if gains is not None and master not in (None, loses):
            yield f"{self._name(NodeId(master))} is master"

    def _has(self, row: Json, what: str, told: Json) -> bool:
        found = row[what]
        if what == "staged" and row["nodeid"] == told["node"]:
            found = told["configuration"]["staged"]
        return bool(found) and self._reached(row, found)

    def _concerns(self, row: Json) -> bool:
        """A node that is not in the list (any more) follows nothing; adopting is this node's own."""
        assert self._told is not None
        return row["nodeid"] == self._told["node"] if self._adopts else row["prio"] is not None

    def _reached(self, row: Json, found: Json) -> bool:
        """Whether that file is what the change made, or newer."""
        if not self._adopts:
            return bool(found["version"] >= self._version)
        assert self._told is not None
        there = row["current"] is True or found["digest"] == self._outlook.seen.digest
        return there and self._told["configuration"]["conflict"] is None

    def _report(self, row: Json, *, made: bool) -> NodeReport:
        loaded = row["configuration"]
        text = f"{loaded['version']}:{loaded['digest'][:8]}" if loaded else ""
        concerned = made and self._concerns(row)
        current = bool(loaded) and (self._reached(row, loaded) if concerned else row["current"] is True)
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
