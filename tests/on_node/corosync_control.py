"""Stops, freezes, kills and starts the corosync of this machine, and waits for what follows.

Waits on file descriptors only. The one place of these tests that knows systemd.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from coroctl.corosync.corotypes import Track
from coroctl.corosync.quorum import Quorum, QuorumNotification

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from coroctl.corosync.connection import Connection

E = TypeVar("E")
DEADLINE = 30.0
"""Seconds: several times what a ring of three takes to form."""
REJOIN = 90.0
"""Seconds for a node that was cut off, or killed and at once restarted.

Measured: 2 to 45. A knet host counts as unreachable until its path MTU is known, and knet tries
again only every 30 s.
"""


def pid() -> int:
    """The process id of corosync."""
    return int(subprocess.run(["pidof", "corosync"], check=True, capture_output=True, text=True).stdout)


@contextmanager
def frozen() -> Iterator[None]:
    """corosync stopped by SIGSTOP for the time of the block, which may kill it."""
    number = pid()
    descriptor = os.pidfd_open(number)
    signal.pidfd_send_signal(descriptor, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGCONT)
        os.close(descriptor)


def kill() -> None:
    """SIGKILL; returns when the process is gone."""
    descriptor = os.pidfd_open(pid())
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        assert select.select([descriptor], [], [], DEADLINE)[0], "corosync survived SIGKILL"
    finally:
        os.close(descriptor)


def restart() -> None:
    """Start corosync, whatever became of the last one; returns when it serves."""
    subprocess.run(["systemctl", "reset-failed", "corosync"], check=False, capture_output=True)
    subprocess.run(["systemctl", "restart", "corosync"], check=True)


def await_whole(nodes: int = 3) -> None:
    """Wait until this node is quorate among ``nodes``."""
    with Quorum.initialize() as quorum:
        quorum.trackstart(Track.CURRENT | Track.CHANGES)
        events(quorum, lambda seen: any(is_whole(event, nodes) for event in seen), REJOIN)


def is_whole(event: object, nodes: int = 3) -> bool:
    """Whether an event says: quorate, and so many members."""
    return isinstance(event, QuorumNotification) and event.quorate and len(event.members) == nodes


def events(connection: Connection[E], enough: Callable[[list[E]], bool], seconds: float = DEADLINE) -> list[E]:
    """Dispatch until ``enough`` of all events seen; they are returned. Fails after ``seconds``."""
    seen: list[E] = []
    end = time.monotonic() + seconds
    while not enough(seen):
        readable(connection, end - time.monotonic(), f"after {seen[-5:]}")
        seen += connection.dispatch()
    return seen


def until(condition: Callable[[], bool]) -> None:
    """Ask until it is so: for what corosync sends no event."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not become so"


def some(connection: Connection[E], count: int = 1) -> list[E]:
    """Dispatch until there are ``count`` events."""
    return events(connection, lambda seen: len(seen) >= count)


def readable(connection: Connection[E], seconds: float = DEADLINE, why: str = "") -> None:
    """Wait until the connection's file descriptor is readable."""
    ready = select.select([connection.fd_get()], [], [], max(seconds, 0))[0]
    assert ready, f"{type(connection).__name__}: nothing came in time {why}"
