"""Machines that never run, and whose definitions carry a number: what operators hand over anew again and again.

Each adoption takes in the definition as it is then, so the number in a replica tells which adoption put it there.
"""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING, Any

from coroctl.daemon.machines.session import library
from coroctl.errors import LabError
from coroctl.lab.machines import xml

if TYPE_CHECKING:
    from tests.lab.rows.cluster import Cluster

SOCKET = "run/libvirt/libvirt-sock"
_NUMBER = re.compile(r"<description>(\d+)</description>")


class Definitions:
    """In the nodes' libvirtds, which are spoken to from the host. LabError: that node's does not answer."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._links: dict[str, tuple[int, Any]] = {}
        """By node: its life, and the connection to that one's libvirtd."""
        self._lock = threading.Lock()

    def make(self, node: str, name: str) -> None:
        """Define a machine; again, if it is there."""
        self._do(node, lambda link: link.defineXML(xml(name)))

    def number(self, node: str, name: str, value: int) -> None:
        """Another definition of the same machine."""
        virt = library()
        what, where = virt.VIR_DOMAIN_METADATA_DESCRIPTION, virt.VIR_DOMAIN_AFFECT_CONFIG
        self._do(node, lambda link: link.lookupByName(name).setMetadata(what, str(value), None, None, where))

    def close(self) -> None:
        """End the connections."""
        for _, link in self._links.values():
            _end(link)

    def _do(self, node: str, work: Any) -> None:
        virt = library()
        try:
            work(self._link(node))
        except virt.libvirtError as error:
            with self._lock:
                self._links.pop(node, None)
            raise LabError(f"libvirtd of {node}: {error}") from None

    def _link(self, node: str) -> Any:
        with self._lock:
            pid = self._cluster.lab.init_pid(node)
            if pid is None:
                raise LabError(f"{node} is off")
            life, link = self._links.get(node, (0, None))
            if life != pid:
                link = library().open(f"qemu+unix:///system?socket=/proc/{pid}/root/{SOCKET}")
                self._links[node] = (pid, link)
            return link


def _end(link: Any) -> None:
    """It may have ended by itself."""
    try:
        link.close()
    except library().libvirtError:
        return


def numbers(exported: str) -> dict[str, str]:
    """Machine -> number, of what ``coroctl inventory export`` prints."""
    rows = [json.loads(line) for line in exported.splitlines()[1:]]
    found = {row["name"]: _NUMBER.search(row["xml"]) for row in rows if "xml" in row}
    return {name: one[1] for name, one in found.items() if one is not None}
