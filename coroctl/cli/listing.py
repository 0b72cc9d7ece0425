"""``coroctl -l`` and ``corolistener -l``: the node list in the original tool's columns.

On the path of every shell prompt and monitoring check: imports nothing that it can do without.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from coroctl.cli.exits import EXIT_DOWN, EXIT_ERROR, EXIT_NOT_QUORATE, EXIT_QUORATE
from coroctl.cli.text import plain
from coroctl.model import Availability, Role

if TYPE_CHECKING:
    from coroctl.model import Node, Snapshot

_WIDTHS = (11, 17, 10, 14, 10)
_HEADER = ("Id", "Ip", "Status", "Master/Slave", "Priority")


def print_listing() -> int:
    """Print the list for this node, the reason for what is missing on stderr; the exit code."""
    from coroctl.sources.once import node_list

    snapshot = node_list()
    print("\n".join(lines(snapshot)), flush=True)
    for reason in (snapshot.reason, *(gap.reason for gap in snapshot.gaps if gap.what == "corolistener")):
        if reason:
            print(f"coroctl: {reason}", file=sys.stderr)
    return exit_code(snapshot)


def lines(snapshot: Snapshot) -> list[str]:
    """The list's lines: a title, a header, and a row for each node."""
    return [
        f" {plain(snapshot.cluster_name)}-cloud node list",
        _row(_HEADER),
        *(_row(_cells(node)) for node in snapshot.nodes),
    ]


def exit_code(snapshot: Snapshot) -> int:
    """0 quorate, 2 not quorate, 1 error or no answer, 3 corosync not running."""
    if snapshot.availability is Availability.DOWN:
        return EXIT_DOWN
    if snapshot.quorate is None:
        return EXIT_ERROR
    return EXIT_QUORATE if snapshot.quorate else EXIT_NOT_QUORATE


def _cells(node: Node) -> tuple[str, ...]:
    prio = "-" if node.prio is None else str(node.prio)
    return (str(node.nodeid), plain(node.address) or "-", node.status.value, role_word(node.role), prio)


def role_word(role: Role | None) -> str:
    """The Master/Slave column: ``M``, ``S``, ``suspended``, or ``-`` where there is no role or nobody to tell it."""
    match role:
        case None:
            return "-"
        case Role.MASTER:
            return "M"
        case Role.SLAVE:
            return "S"
        case Role.SUSPENDED:
            return "suspended"


def _row(cells: tuple[str, ...]) -> str:
    """Right-aligned columns; a cell too wide for its own takes what it needs, and stays apart from the one before."""
    row = cells[0].rjust(_WIDTHS[0])
    edge = _WIDTHS[0]
    for cell, width in zip(cells[1:], _WIDTHS[1:], strict=True):
        edge += width
        row += " " + cell.rjust(max(edge - len(row) - 1, 0))
    return row
