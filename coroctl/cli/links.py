"""``coroctl links``: every link from this node, one a line, with its latency."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from coroctl.cli.listing import exit_code
from coroctl.cli.text import latency, optional, plain, table
from coroctl.sources.once import everything
from coroctl.sources.schema import to_json

if TYPE_CHECKING:
    import argparse

    from coroctl.model import Link, Node, Snapshot

_HEADER = ("ID", "NAME", "LINK", "FROM", "TO", "STATE", "LATENCY", "MTU", "UPS", "DOWNS")


def configure(parser: argparse.ArgumentParser) -> None:
    """One option."""
    parser.add_argument("--json", action="store_true", help="the nodes of status --json with their links")
    parser.epilog = "exit codes: 0 quorate, 2 not quorate, 1 error or no answer, 3 corosync not running"


def run(args: argparse.Namespace) -> int:
    """Print them, never longer than 2 s; the reason for what is missing on stderr."""
    snapshot = everything()
    if args.json:
        whole = to_json(snapshot)
        print(json.dumps({key: whole[key] for key in ("schema", "transport", "nodes", "unknown")}, indent=2))
    else:
        print("\n".join(lines(snapshot)))
    if snapshot.reason:
        print(f"coroctl: {snapshot.reason}", file=sys.stderr)
    return exit_code(snapshot)


def lines(snapshot: Snapshot) -> list[str]:
    """A table, or the reason why there is none."""
    rows = [_row(node, link) for node in snapshot.nodes for link in node.links]
    if rows:
        return table(_HEADER, rows, right=(0, 2, 6, 7, 8, 9))
    reasons = [gap.reason for gap in snapshot.gaps if gap.what == "links"]
    return [f"no links: {plain(reasons[0] if reasons else snapshot.reason or 'this node has no peers')}"]


def _row(node: Node, link: Link) -> tuple[str, ...]:
    return (
        str(node.nodeid),
        plain(node.name) or "-",
        str(link.number),
        link.local or "-",
        link.remote or "-",
        "connected" if link.connected else "DOWN",
        latency(link.latency_us),
        optional(link.mtu),
        optional(link.ups),
        optional(link.downs),
    )
