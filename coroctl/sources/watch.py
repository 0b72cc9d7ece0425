"""corosync's and corolistener's events as a feed: told by file descriptors, read on one thread that may block.

The thread is the only user of its session. It says when it goes into a call, so that `latest` can
tell a frozen corosync from a quiet one.
"""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING

from coroctl.errors import CoroctlError, CorosyncBusy, CorosyncDenied, LibraryMissing
from coroctl.model import Availability, NodeStatus, Snapshot, Source
from coroctl.sources.configuration import from_file, with_configuration
from coroctl.sources.daemon import Listening
from coroctl.sources.feed import Update
from coroctl.sources.once import CONF, explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.client import Client
    from coroctl.sources.native import Session

LINKS_S = 1.0
"""How often link states and latencies are asked for while somebody looks; everything else is told by events."""
SILENT_S = 1.5
"""A call that takes longer means that corosync is frozen or starved."""
BUSY_S = 5.0
"""Asked every second, corosync may say "try again" for so long before what is known counts as old."""
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Waits between attempts to connect; the last one repeats."""
DENIED_S = 30.0
"""The same where corosync does not let us ask: each attempt is a line in its log."""


class Watch:
    """A feed of this node's corosync, through its libraries or, where one is missing, its tools; and of the daemon."""

    def __init__(self, conf: str = CONF, client: Client | None = None) -> None:
        self._conf = conf
        self._listening = Listening(client)
        self._publish: Callable[[Update], object] = lambda _update: None
        self._latest: Update | None = None
        self._asking_since: float | None = None
        self._links_at = 0.0
        """When the links are asked for again."""
        self._stopping = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="watches corosync", daemon=True)

    def start(self, publish: Callable[[Update], object]) -> None:
        """Begin to call ``publish`` from the watching thread."""
        self._publish = publish
        self._thread.start()

    def stop(self) -> None:
        """End the thread; one that hangs in a call into corosync ends with the process."""
        self._stopping.set()
        os.write(self._wake_write, b"x")
        self._thread.join(0.2)

    def latest(self) -> Update | None:
        """The last update; when corosync has not answered for too long, that, and no status any more."""
        update, since, now = self._latest, self._asking_since, time.monotonic()
        if since is not None and now - since >= SILENT_S:
            reason = f"corosync does not answer (for {now - since:.0f} s now): frozen or starved"
        elif update is not None and now - update.at >= BUSY_S:
            reason = f"corosync puts us off (for {now - update.at:.0f} s now): it cannot form a ring"
        else:
            return update
        if update is None:
            return Update(from_file(self._conf, Availability.SILENT, reason), now)
        return Update(silenced(update.snapshot, reason), update.at)

    def _run(self) -> None:
        """Connect, follow, and connect again, until told to stop."""
        attempt = 0
        while not self._stopping.is_set():
            try:
                attempt = self._follow(attempt)
                base, pause = None, 0.0
            except CoroctlError as error:
                attempt += 1
                base = self._fallback(error)
                pause = DENIED_S if isinstance(error, CorosyncDenied) else RETRY_S[min(attempt, len(RETRY_S) - 1)]
            self._rest(pause, base)
        self._asking_since = None
        self._listening.close()

    def _follow(self, attempt: int) -> int:
        """Read and publish until corosync goes (raises) or we are to stop (returns)."""
        from coroctl.sources.native import RING_ID_S, Session

        self._asking_since = time.monotonic()
        with Session() as session:
            session.await_ring_id(time.monotonic() + RING_ID_S)
            while not self._stopping.is_set():
                self._read(session)
                attempt = 0
                self._await_change(session)
        return attempt

    def _read(self, session: Session) -> None:
        """After news everything but the links is read and told at once; the links once a second, and after that."""
        self._asking_since = time.monotonic()
        try:
            known = self._answered()
            told = self._listening.take()
            if session.take_changes() or known is None or not session.still_counts(known):
                known = _keep_links(session.read(), known)
                self._say(known)
                self._links_at = 0.0
            elif told:
                self._say(known)
            if time.monotonic() >= self._links_at:
                self._links_at = time.monotonic() + LINKS_S
                self._say(session.with_links(known))
        except CorosyncBusy:
            return  # while a ring forms; the next change or second tells
        finally:
            self._asking_since = None

    def _answered(self) -> Snapshot | None:
        """The last snapshot that corosync itself gave."""
        latest = self._latest
        return latest.snapshot if latest and latest.snapshot.source is Source.COROSYNC else None

    def _await_change(self, session: Session) -> None:
        select.select(
            [*session.fds(), *self._listening.fds(), self._wake_read], [], [], max(self._links_at - time.monotonic(), 0)
        )

    def _fallback(self, error: CoroctlError) -> Snapshot:
        """Without corosync's answer: its tools if a library is missing, else the file and the reason."""
        self._asking_since = None
        if isinstance(error, LibraryMissing):
            from coroctl.sources.once import from_commands

            answer = from_commands(time.monotonic() + SILENT_S, error)
            if isinstance(answer, Snapshot):
                return answer
            error = answer
        return from_file(self._conf, *explain(error))

    def _say(self, snapshot: Snapshot) -> None:
        known = with_configuration(self._listening.apply(snapshot), self._conf)
        self._latest = Update(known, time.monotonic())
        if not self._stopping.is_set():
            self._publish(self._latest)

    def _rest(self, seconds: float, base: Snapshot | None) -> None:
        """Wait before the next attempt; meanwhile what the daemon tells goes on."""
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set():
            self._listening.take()
            if base is not None:
                self._say(base)
            left = deadline - time.monotonic()
            if left <= 0:
                return
            select.select([self._wake_read, *self._listening.fds()], [], [], min(left, LINKS_S))


def _keep_links(snapshot: Snapshot, known: Snapshot | None) -> Snapshot:
    """Until the links are asked for again, they are what they were."""
    links = {node.nodeid: node.links for node in known.nodes} if known else {}
    nodes = tuple(node._replace(links=links.get(node.nodeid, ())) for node in snapshot.nodes)
    return snapshot._replace(nodes=nodes)


def silenced(snapshot: Snapshot, reason: str) -> Snapshot:
    """What is left of a snapshot when its source has fallen silent: who is joined, or master, is not known any more."""
    nodes = tuple(node._replace(status=NodeStatus.UNKNOWN, role=None, reason="", links=()) for node in snapshot.nodes)
    return snapshot._replace(
        availability=Availability.SILENT,
        reason=reason,
        nodes=nodes,
        quorate=None,
        quorum=None,
        qdevice=None,
        mastership=None,
    )
