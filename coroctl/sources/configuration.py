"""What the configuration file of this node says: beside corosync's answer, and instead of one."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from coroctl.conf.files import load
from coroctl.errors import ConfigError
from coroctl.model import Availability, Configuration, Gap, Node, NodeStatus, Snapshot, Source

if TYPE_CHECKING:
    from coroctl.conf.identity import Identity


def from_file(conf: str, availability: Availability, reason: str) -> Snapshot:
    """A snapshot of the file alone, every status unknown; what is wrong with the file is added to the reason."""
    nothing = Snapshot(Source.FILE, availability, "", (), None, reason)
    try:
        document, problems = Document.survey(load(conf), conf)
    except ConfigError as error:
        return nothing._replace(reason=f"{reason}; {error}")
    if problems:
        reason = f"{reason}; {conf}:{problems[0].line}: {problems[0].reason}"
    cluster = read_cluster(document)
    nodes = (
        Node(
            nodeid=node.nodeid,
            name=node.name,
            address=node.address,
            status=NodeStatus.UNKNOWN,
            prio=node.prio,
            votes=node.votes,
            addresses=node.addresses,
        )
        for node in cluster.nodes
        if node.nodeid
    )
    return nothing._replace(
        cluster_name=cluster.cluster_name,
        nodes=tuple(sorted(nodes, key=lambda node: node.nodeid)),
        reason=reason,
        transport=cluster.transport,
    )


def with_configuration(snapshot: Snapshot, conf: str) -> Snapshot:
    """The snapshot with the file's identity beside the version that this node's corosync has loaded."""
    own = snapshot.node(snapshot.local)
    loaded = own.config_version if own else None
    others = tuple(gap for gap in snapshot.gaps if gap.what != "configuration")
    try:
        now = _identity(conf, _signature(conf))
    except ConfigError as error:
        gaps = (*others, Gap("configuration", str(error)))
        return snapshot._replace(configuration=Configuration(conf, loaded, None, ""), gaps=gaps)
    found = Configuration(conf, loaded, now.config_version, now.sha256)
    return snapshot._replace(configuration=found, gaps=others)


def _signature(conf: str) -> tuple[int, ...]:
    """Changes when the file does, so that an unchanged one is not read again every second."""
    try:
        status = os.stat(conf)  # noqa: PTH116 - pathlib costs `coroctl -l` 4 ms
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@lru_cache(maxsize=2)
def _identity(conf: str, _signature: tuple[int, ...]) -> Identity:
    from coroctl.conf.identity import identity

    return identity(load(conf))
