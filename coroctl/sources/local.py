"""The snapshot from this node, always within its time: from corosync, else from the configuration file.

The one place that calls corosync on a thread: a call blocks for as long as corosync is frozen, and
cannot be interrupted. A thread left behind in such a call ends with the process.
"""

from __future__ import annotations

import threading
import time

from coroctl.errors import (
    ConfigError,
    CoroctlError,
    CorosyncBusy,
    CorosyncDenied,
    CorosyncLost,
    LibraryMissing,
)
from coroctl.model import Availability, Node, NodeStatus, Snapshot, Source

CONF = "/etc/corosync/corosync.conf"
ANSWER_S = 1.3
"""How long corosync may take; the command as a whole has 2 s."""
_RETRY_S = 0.05

_DENIED = (
    "corosync lets only root ask it: run this with sudo"
    " (not by way of uidgid{}: who may ask corosync may also change it)"
)


def look(conf: str = CONF, timeout_s: float = ANSWER_S) -> Snapshot:
    """A snapshot of the cluster within ``timeout_s``; without corosync's answer, what the file says and why."""
    answer = _ask_within(timeout_s)
    if isinstance(answer, Snapshot):
        return answer
    availability, reason = _explain(answer)
    return from_file(conf, availability, reason)


def _ask_within(timeout_s: float) -> Snapshot | Exception | None:
    """The answer or the error; None if there is neither in time."""
    answers: list[Snapshot | Exception] = []
    deadline = time.monotonic() + timeout_s

    def ask() -> None:
        try:
            answers.append(_ask_patiently(deadline))
        except Exception as error:  # noqa: BLE001 - carried to the caller's thread
            answers.append(error)

    thread = threading.Thread(target=ask, name="asks corosync", daemon=True)
    thread.start()
    thread.join(timeout_s)
    return answers[0] if answers else None


def _ask_patiently(deadline: float) -> Snapshot:
    """Ask until corosync does not say "try again" any more: while it starts, and while a ring forms."""
    from coroctl.sources.native import ask_list as ask

    pause = threading.Event()
    while True:
        try:
            return ask()
        except CorosyncBusy:
            if time.monotonic() >= deadline:
                raise
            pause.wait(_RETRY_S)


def _explain(error: Exception | None) -> tuple[Availability, str]:
    match error:
        case None | CorosyncBusy():
            return Availability.SILENT, f"corosync does not answer (waited {ANSWER_S:g} s): frozen or starved"
        case CorosyncLost():
            return Availability.DOWN, "corosync is not running on this node (systemctl status corosync)"
        case CorosyncDenied():
            return Availability.DENIED, _DENIED
        case LibraryMissing() | CoroctlError():
            return Availability.UNUSABLE, str(error)
        case _:
            raise error


def from_file(conf: str, availability: Availability, reason: str) -> Snapshot:
    """What the configuration file says, every status unknown; an unreadable file adds its own reason."""
    from coroctl.conf.cluster import read_cluster
    from coroctl.conf.document import Document
    from coroctl.conf.files import load

    try:
        document, problems = Document.survey(load(conf), conf)
    except ConfigError as error:
        return Snapshot(Source.FILE, availability, "", (), None, f"{reason}; {error}")
    if problems:
        reason = f"{reason}; {conf}:{problems[0].line}: {problems[0].reason}"
    cluster = read_cluster(document)
    nodes = (
        Node(node.nodeid, node.name, (node.addresses or ("",))[0], NodeStatus.UNKNOWN, prio=node.prio)
        for node in cluster.nodes
        if node.nodeid
    )
    by_id = tuple(sorted(nodes, key=lambda node: node.nodeid))
    return Snapshot(Source.FILE, availability, cluster.cluster_name, by_id, None, reason)
