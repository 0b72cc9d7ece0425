"""One snapshot from this node, always within its time: from corosync, its tools, corolistener, or the file.

The one place that calls corosync on a thread for a single answer: a call blocks for as long as
corosync is frozen, and cannot be interrupted. A thread left behind in such a call ends with the process.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from coroctl.errors import CoroctlError, CorosyncBusy, CorosyncDenied, CorosyncLost, LibraryMissing
from coroctl.model import Availability, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

CONF = "/etc/corosync/corosync.conf"
ANSWER_S = 1.3
"""How long corosync may take; the command as a whole has 2 s."""
_RETRY_S = 0.05

DENIED = (
    "corosync lets only root ask it: run this with sudo, or where corolistener runs as a member of group coroctl"
    " (not by way of uidgid{}: who may ask corosync may also change it)"
)


def node_list(conf: str = CONF) -> Snapshot:
    """What ``coroctl -l`` shows, within 2 s whatever state corosync is in."""
    from coroctl.sources.daemon import with_roles
    from coroctl.sources.native import ask_list

    return with_roles(_within(ask_list, conf))


def everything(conf: str = CONF) -> Snapshot:
    """All that can be known on this node, within 2 s whatever state corosync is in."""
    from coroctl.sources.configuration import with_configuration
    from coroctl.sources.daemon import with_daemon
    from coroctl.sources.native import ask

    return with_configuration(with_daemon(_within(ask, conf)), conf)


def _within(ask: Callable[[], Snapshot], conf: str) -> Snapshot:
    """The answer; without one, what the tools say, or what the file says and why."""
    deadline = time.monotonic() + ANSWER_S
    answer = _on_a_thread(ask, deadline)
    if isinstance(answer, LibraryMissing):
        answer = from_commands(deadline, answer)
    if isinstance(answer, Snapshot):
        return answer
    from coroctl.sources.configuration import from_file  # costs the list 7 ms, so only if it is needed

    availability, reason = explain(answer)
    return from_file(conf, availability, reason)


def from_commands(deadline: float, missing: LibraryMissing) -> Snapshot | CoroctlError:
    """The tools need no library of ours; the snapshot still says which one is missing."""
    from coroctl.model import Gap
    from coroctl.sources import commands

    try:
        snapshot = commands.ask(deadline - time.monotonic())
    except CorosyncLost as error:
        return error
    except CoroctlError as error:
        return CoroctlError(f"{missing}; {error}")
    return snapshot._replace(gaps=(*snapshot.gaps, Gap("libraries", str(missing))))


def _on_a_thread(ask: Callable[[], Snapshot], deadline: float) -> Snapshot | Exception | None:
    """The answer or the error; None if there is neither in time."""
    answers: list[Snapshot | Exception] = []

    def run() -> None:
        try:
            answers.append(_patiently(ask, deadline))
        except Exception as error:  # noqa: BLE001 - carried to the caller's thread
            answers.append(error)

    thread = threading.Thread(target=run, name="asks corosync", daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0))
    return answers[0] if answers else None


def _patiently(ask: Callable[[], Snapshot], deadline: float) -> Snapshot:
    """Ask until corosync does not say "try again" any more: while it starts, and while a ring forms."""
    pause = threading.Event()
    while True:
        try:
            return ask()
        except CorosyncBusy:
            if time.monotonic() >= deadline:
                raise
            pause.wait(_RETRY_S)


def explain(error: Exception | None) -> tuple[Availability, str]:
    """What to say of an answer that did not come. An error that is not ours is a bug, and is raised."""
    match error:
        case None | CorosyncBusy():
            return Availability.SILENT, f"corosync does not answer (waited {ANSWER_S:g} s): frozen or starved"
        case CorosyncLost():
            return Availability.DOWN, "corosync is not running on this node (systemctl status corosync)"
        case CorosyncDenied():
            return Availability.DENIED, DENIED
        case CoroctlError():
            return Availability.UNUSABLE, str(error)
        case _:
            raise error
