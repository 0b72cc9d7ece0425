"""corosync's events, on a thread of their own: the one place of the daemon that follows corosync (reloading.py asks it
to read its file again).

A call into corosync blocks for as long as corosync is frozen, and nothing can interrupt it; so only this thread ever
makes one, and the loop hears of what it found. It decides nothing: what is told here is what corosync says, true or
not.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from coroctl.corosync.cmap import Cmap, Map, TrackType
from coroctl.corosync.corotypes import Track
from coroctl.corosync.quorum import Quorum, QuorumNotification
from coroctl.corosync.votequorum import Votequorum
from coroctl.errors import CoroctlError, CorosyncBusy, CorosyncError
from coroctl.model import NodeId

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from coroctl.corosync.cmap import Value

RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Waits between attempts to connect; the last one repeats."""
BUSY_S = 0.2
"""While corosync says "try again", what it has announced is asked for anew so often."""
_ANY_CHANGE = TrackType.ADD | TrackType.DELETE | TrackType.MODIFY | TrackType.PREFIX
READ_AGAIN_S = 2.0
"""Within this it has a file that came just after it had been told to read it."""
_RELOADING = "config.reload_in_progress"
_VERSION = "totem.config_version"


class View(NamedTuple):
    """What corosync says of the cluster."""

    members: frozenset[NodeId]
    quorate: bool
    ring_id: str = ""
    present: int = 0
    """Votes; 0 where votequorum does not tell."""
    needed: int = 0
    expected: int = 0
    left: frozenset[NodeId] = frozenset()
    """Were members since this corosync started, and are not."""


class Reloaded(NamedTuple):
    """corosync has a configuration: at the first look, and whenever it has read the file again."""

    version: int
    """totem.config_version, 0 where the file gives none."""
    overridden: dict[str, str]
    """Our keys in cmap. They only serve to notice that somebody set them by hand: values come from the file."""


class Gone(NamedTuple):
    """The connection is lost."""

    why: str


Told = View | Reloaded | Gone


class Corosync:
    """A thread that follows this node's corosync, and calls `tell` on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tell: Callable[[Told], None]) -> None:
        self._loop = loop
        self._tell = tell
        self._stopping = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="follows corosync", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """End; a thread that hangs in a call into a frozen corosync ends with the process."""
        self._stopping.set()
        os.write(self._wake_write, b"x")
        self._thread.join(0.2)
        if not self._thread.is_alive():
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _run(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            try:
                attempt = 0 if self._follow() else attempt
            except CoroctlError as error:
                self._say(Gone(str(error)))
                attempt += 1
            except Exception as error:  # noqa: BLE001 - a bug, which ends the process
                # Without this thread the node would go by what corosync said last, for ever.
                self._loop.call_soon_threadsafe(_raise, error)
                return
            self._rest(RETRY_S[min(attempt, len(RETRY_S) - 1)])

    def _follow(self) -> bool:
        """Until corosync goes (raises) or we are to stop (returns)."""
        with ExitStack() as stack:
            session = _Session(stack)
            fds = [*session.fds(), self._wake_read]
            self._report(session)
            while not self._stopping.is_set():
                select.select(fds, [], [], BUSY_S if session.unread else None)
                self._report(session)
        return True

    def _report(self, session: _Session) -> None:
        try:
            for told in session.take():
                self._say(told)
        except CorosyncBusy:
            # While a ring forms; the next notification tells.
            return

    def _say(self, told: Told) -> None:
        if not self._stopping.is_set():
            self._loop.call_soon_threadsafe(self._tell, told)

    def _rest(self, seconds: float) -> None:
        if not self._stopping.is_set():
            select.select([self._wake_read], [], [], seconds)


class _Session:
    """Open connections, and what was last read from them."""

    def __init__(self, stack: ExitStack) -> None:
        self._cmap = stack.enter_context(Cmap.initialize_map(Map.ICMAP))
        self._quorum = stack.enter_context(Quorum.initialize())
        self._votes = _votequorum(stack)
        self._quorum.trackstart(Track.CURRENT | Track.CHANGES)
        for key in (_VERSION, _RELOADING):
            self._cmap.track_add(key, _ANY_CHANGE)
        self.unread = True
        """The configuration is to be read."""

    def fds(self) -> tuple[int, int]:
        return self._quorum.fd_get(), self._cmap.fd_get()

    def take(self) -> Iterator[Told]:
        """What has been notified since the last time, the membership before anything is asked for that could block."""
        views = [self._view(event) for event in self._quorum.dispatch() if isinstance(event, QuorumNotification)]
        yield from views
        self.unread = self._configured()
        if self.unread:
            yield self._reloaded()
            self.unread = False
        if views:
            yield self._with_votes(views[-1])

    def _configured(self) -> bool:
        """Whether a reload has ended, or what was announced before is unread."""
        notes = self._cmap.dispatch()
        return self.unread or any(note.key != _RELOADING or note.new == 0 for note in notes)

    def _reloaded(self) -> Reloaded:
        version = self._cmap.read(_VERSION).get(_VERSION, 0)
        ours = {**self._cmap.read("corolistener."), **self._cmap.read("ihttpd.")}
        return Reloaded(version if isinstance(version, int) else 0, {key: _text(value) for key, value in ours.items()})

    def _view(self, event: QuorumNotification) -> View:
        return View(frozenset(event.members), event.quorate, f"{event.ring_id.nodeid}.{event.ring_id.seq:x}")

    def _left(self) -> frozenset[NodeId]:
        told = self._cmap.read("runtime.members.").items()
        return frozenset(_departed(key) for key, value in told if key.endswith(".status") and value == "left")

    def _with_votes(self, view: View) -> View:
        view = view._replace(left=self._left())
        if self._votes is None:
            return view
        try:
            info = self._votes.getinfo(0)
        except CorosyncError:
            return view
        return view._replace(present=info.total_votes, needed=info.quorum, expected=info.node_expected_votes)


def _raise(error: Exception) -> None:
    """On the loop, whose handler ends the process."""
    raise error


def _departed(key: str) -> NodeId:
    """ID of ``runtime.members.ID.status``."""
    return NodeId(int(key.split(".")[2]))


def _votequorum(stack: ExitStack) -> Votequorum | None:
    """Only for the numbers of votes that people read; another quorum provider has none."""
    try:
        return stack.enter_context(Votequorum.initialize())
    except CoroctlError:
        return None


def _text(value: Value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
