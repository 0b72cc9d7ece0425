"""The roles as an original corolistener tells them, where one is installed. Its ``-l`` is all that it offers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from coroctl.model import Gap, NodeId, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.model import Snapshot

PROGRAM = "/usr/local/mgr5/sbin/corolistener"
ANSWER_S = 0.4

_ROLES = {"M": Role.MASTER, "S": Role.SLAVE}


def with_roles(snapshot: Snapshot) -> Snapshot:
    """The snapshot with the original's roles; without one, a gap that says so."""
    if not os.access(PROGRAM, os.X_OK):
        return snapshot._replace(gaps=(*snapshot.gaps, Gap("roles", "no corolistener runs on this node")))
    from coroctl.sources.programs import ProgramFailed, output

    try:
        told = read_roles(output([PROGRAM, "-l"], ANSWER_S))
    except ProgramFailed as error:
        return snapshot._replace(gaps=(*snapshot.gaps, Gap("roles", str(error))))
    return snapshot._replace(nodes=tuple(node._replace(role=told.get(node.nodeid)) for node in snapshot.nodes))


def read_roles(listing: str) -> Mapping[NodeId, Role]:
    """nodeid -> role from ``corolistener -l``: the id comes first, M or S last but one; the address may be missing."""
    rows = (line.split() for line in listing.splitlines())
    return {
        NodeId(int(row[0])): _ROLES[row[-2]] for row in rows if len(row) >= 4 and row[0].isdigit() and row[-2] in _ROLES
    }
