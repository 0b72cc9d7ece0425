"""What the configuration file of this node says: beside corosync's answer, and instead of one."""

from __future__ import annotations

from coroctl.conf.cluster import read_cluster
from coroctl.conf.document import Document
from coroctl.conf.files import load
from coroctl.errors import ConfigError
from coroctl.model import Availability, Configuration, Gap, Node, NodeStatus, Snapshot, Source

CONF = "/etc/corosync/corosync.conf"


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


def with_configuration(snapshot: Snapshot, conf: str = CONF) -> Snapshot:
    """The snapshot with the file's identity beside the version that this node's corosync has loaded."""
    from coroctl.conf.identity import identity

    own = snapshot.node(snapshot.local)
    loaded = own.config_version if own else None
    try:
        now = identity(load(conf))
    except ConfigError as error:
        gaps = (*snapshot.gaps, Gap("configuration", str(error)))
        return snapshot._replace(configuration=Configuration(conf, loaded, None, ""), gaps=gaps)
    return snapshot._replace(configuration=Configuration(conf, loaded, now.config_version, now.sha256))
