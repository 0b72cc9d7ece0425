"""Changes of a lab's configuration, asked for from the host at any node's own socket, and what became of the files."""

from __future__ import annotations

import json
import threading
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from coroctl.actions import Seen
from coroctl.client import Client, Rejected
from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from coroctl.daemon.history import FOUND
from coroctl.errors import LabError
from coroctl.lab.checker.register import Change, Verdict
from coroctl.lab.run import until

if TYPE_CHECKING:
    from pathlib import Path

    from coroctl.client import Json
    from tests.lab.rows.cluster import Cluster

CHANGE_S = 40.0


class Files:
    """What the nodes have on their disks, whether they are on or off."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def disk(self, name: str) -> Path:
        plan = self.cluster.lab.plan
        return plan.node_folder(plan.node(name)) / "upper"

    def file(self, name: str) -> bytes:
        """corosync.conf."""
        return (self.disk(name) / "etc/corosync/corosync.conf").read_bytes()

    def version(self, name: str) -> int:
        return read_cluster(Document.parse(self.file(name))).config_version

    def priorities(self, name: str) -> dict[str, str]:
        """By the file of that node: nodeid to priority."""
        nodes = read_cluster(Document.parse(self.file(name))).nodes
        return {str(node.nodeid): str(node.prio) for node in nodes}

    def digests(self) -> dict[str, str]:
        return {name: sha256(self.file(name)).hexdigest() for name in self.cluster.lab.names}

    def wait_same(self, *names: str, beyond: int = 0, timeout_s: float = 20) -> None:
        """Until these nodes (all by default) have one file, of a version beyond that one."""
        wanted = names or self.cluster.lab.names

        def same() -> bool:
            return len({self.file(name) for name in wanted}) == 1 and self.version(wanted[0]) > beyond

        until(same, timeout_s, f"one file on {', '.join(wanted)}")

    def versions(self) -> dict[int, set[str]]:
        """Every version that any node has had from the cluster, or has now, with the files of that number.

        Not what was found on a node: it was made by hand.
        """
        found: dict[int, set[str]] = {}
        for name in self.cluster.lab.names:
            found.setdefault(self.version(name), set()).add(sha256(self.file(name)).hexdigest())
            for entry in (self.disk(name) / "var/lib/corolistener/conf").glob("*.json"):
                row = json.loads(entry.read_text())
                if row["actor"] != FOUND:
                    found.setdefault(row["version"], set()).add(row["sha256"])
        return found

    def insist_one_file_a_version(self) -> None:
        """Row 30."""
        double = {version: files for version, files in self.versions().items() if len(files) > 1}
        assert double == {}


class Asking:
    """An operator at a node. Client calls go to the node's own socket, through the folder of its first process."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        init = cluster.lab.init_pid(name)
        if init is None:
            raise LabError(f"{name} is off")
        self.client = Client(f"/proc/{init}/root/run/corolistener")

    def told(self) -> Json:
        return self.client.snapshot()

    def wait_loaded(self, version: int) -> None:
        """Until this node has loaded that version, or a later one."""
        until(lambda: self.told()["configuration"]["loaded"]["version"] >= version, 10, f"version {version}")

    def seen(self) -> Seen:
        """What a person sees who looks now; LabError while nobody holds the lease."""
        told = self.told()
        lease, loaded = told["mastership"]["lease"], told["configuration"]["loaded"]
        if lease is None:
            raise LabError("nobody holds the lease")
        return Seen(lease["term"], loaded["version"], loaded["digest"])

    def set_priority(self, name: str, node: int, prio: int) -> Change:
        """Ask for it as somebody who has just looked, and wait for the end. `name` is the request's.

        LabError or CoroctlError: it could not be asked for, so it never was.
        """
        seen, began = self.seen(), _now_us()
        try:
            outcome = self.client.change("set-priority", node, seen, {"value": prio}, request=name, timeout_s=CHANGE_S)
        except Rejected:
            return Change(name, str(node), str(prio), Verdict.REFUSED, began, _now_us())
        return Change(name, str(node), str(prio), Verdict(outcome.verdict), began, _now_us())


class Later:
    """The same beside the test."""

    def __init__(self, asking: Asking, name: str, node: int, prio: int) -> None:
        self._asking = asking
        self._what = (name, node, prio)
        self._change: Change | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._change = self._asking.set_priority(*self._what)

    def end(self) -> Change:
        self._thread.join(CHANGE_S + 10)
        assert self._change is not None, "no answer in time"
        return self._change


def _now_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
