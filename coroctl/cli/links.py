"""``coroctl links``: every link from this node, one a line, with its latency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.cli import answer
from coroctl.cli.text import latency, optional, plain, table
from coroctl.sources.schema import to_json

if TYPE_CHECKING:
    import argparse

    from coroctl.model import Link, Node, Snapshot

_HEADER = ("ID", "NAME", "LINK", "FROM", "TO", "STATE", "LATENCY", "MTU", "UPS", "DOWNS")


_KEYS = ("schema", "transport", "nodes", "unknown")

configure = answer.configure


def run(args: argparse.Namespace) -> int:
    """Print the links; as JSON the part of ``status --json`` that has them."""
    return answer.answer(args, lines, lambda snapshot: {key: to_json(snapshot)[key] for key in _KEYS})


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
