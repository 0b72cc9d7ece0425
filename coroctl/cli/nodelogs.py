"""``coroctl log --node NODE`` and ``--all-nodes``: other nodes' logs, as one by time where there are several."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, TextIO

from coroctl.actions import find_node
from coroctl.cli.text import plain
from coroctl.client import Client
from coroctl.sources.daemon import snapshot_of
from coroctl.sources.gathering import Gathering
from coroctl.sources.logs import LogUnreadable
from coroctl.sources.merging import Merger
from coroctl_widgets.logfile import times
from coroctl_widgets.logfile.levels import Weight, weigh

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from coroctl.client import Json
    from coroctl.model import NodeId, Snapshot
    from coroctl.sources.gathering import Piece
    from coroctl.sources.merging import Told

LAST = 50
MOST = 10_000
"""Lines that a corolistener tells of a log."""
HOLD_S = 0.5
"""A line that has just come waits so long for an earlier one of another node."""
SKEW_MS = 500
NAMES = ("corolistener", "corosync")
_COLOURS = {Weight.BAD: "\x1b[31m", Weight.WARN: "\x1b[33m", Weight.NORMAL: ""}


class Look(NamedTuple):
    """How lines are printed."""

    colours: bool = False

    @classmethod
    def of(cls, out: TextIO) -> Look:
        """Colours only on a terminal that has them, and for who wants them."""
        return cls(out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb")

    def line(self, text: str | None, label: str = "") -> str:
        """One line of a log; None: lines are left out. Nothing in it is obeyed by a terminal."""
        shown = "--" if text is None else text.expandtabs()
        shown = shown if shown.isprintable() else plain(shown)
        colour = _COLOURS[weigh(shown)] if self.colours else ""
        body = f"{colour}{shown}\x1b[0m" if colour else shown
        if not label:
            return body
        return f"\x1b[1m{label}\x1b[0m {body}" if self.colours else f"{label} {body}"


def run(args: argparse.Namespace) -> int:
    """Print them. 1 if one of the nodes does not tell its log."""
    client = Client()
    snapshot = snapshot_of(client.snapshot())
    nodes = _nodes(args, snapshot)
    _say_skews(snapshot, nodes)
    with Gathering(client, nodes, _wanted(args)) as gathering:
        printing = _Printing(snapshot, nodes, Look.of(sys.stdout))
        _whole(gathering, printing)
        printing.print_last(args.n if args.n is not None else None if args.grep or args.since else LAST)
        while not gathering.over:
            for piece in gathering.wait(HOLD_S / 2):
                printing.take(piece)
            printing.print_settled()
    return 1 if printing.failed else 0


def _whole(gathering: Gathering, printing: _Printing) -> None:
    """Until each node has told what its log has, or that it does not."""
    waited = set(printing.labels)
    while waited and not gathering.over:
        for piece in gathering.wait(1.0):
            printing.take(piece)
            if piece.whole:
                waited.discard(piece.node)


class _Printing:
    """Of the lines of some nodes; those of one alone need no names."""

    def __init__(self, snapshot: Snapshot, nodes: list[NodeId], look: Look) -> None:
        known = {node.nodeid: node.name or f"node {node.nodeid}" for node in snapshot.nodes}
        width = max(len(known[node]) for node in nodes)
        self.labels = {node: f"{plain(known[node]):<{width}} |" if len(nodes) > 1 else "" for node in nodes}
        self.failed: set[NodeId] = set()
        self._names = known
        self._merger = Merger(nodes)
        self._look = look
        self._cut: set[NodeId] = set()

    def take(self, piece: Piece) -> None:
        self._merger.take(piece.node, piece.lines, time.monotonic())
        if piece.cut:
            self._cut.add(piece.node)
        if piece.why and piece.node not in self.failed:
            self.failed.add(piece.node)
            print(f"coroctl: {self._about(piece)}", file=sys.stderr)
        elif not piece.why:
            self.failed.discard(piece.node)

    def _about(self, piece: Piece) -> str:
        why = piece.why.removeprefix(f"node {piece.node}: ")
        return plain(f"{self._names[piece.node]} does not tell its log: {why}")

    def print_last(self, count: int | None) -> None:
        """The last so many of all lines; None: all that have come."""
        lines = list(self._merger.ready(float("inf")))
        self._print(lines if count is None else lines[max(len(lines) - count, 0) :])
        if count is None or count > MOST:
            for node in sorted(self._cut):
                print(f"coroctl: {self._names[node]} tells only the newest {MOST} lines", file=sys.stderr)

    def print_settled(self) -> None:
        """Those that no earlier line is waited for."""
        self._print(self._merger.ready(time.monotonic() - HOLD_S))

    def _print(self, lines: Iterable[Told]) -> None:
        for line in lines:
            print(self._look.line(line.text, self.labels[line.node]))
        sys.stdout.flush()


def _nodes(args: argparse.Namespace, snapshot: Snapshot) -> list[NodeId]:
    if args.all_nodes:
        return [node.nodeid for node in snapshot.nodes]
    words = [word for words in args.node for word in words.split(",")]
    return list(dict.fromkeys(find_node(snapshot, word) for word in words))


def _wanted(args: argparse.Namespace) -> Json:
    """As the daemons are asked."""
    name = args.file or NAMES[0]
    if name not in NAMES:
        raise LogUnreadable(name, f"of other nodes only these logs are told: {', '.join(NAMES)}")
    since = None
    if args.since is not None:
        since = times.typed(args.since, time.time(), time.time())
        if since is None:
            raise LogUnreadable(args.since, f"not a time; for example {times.FORMS}")
    lines = args.n if args.n is not None else MOST if args.grep or since is not None else LAST
    return {
        "name": f"{name}.log",
        "lines": min(lines, MOST),
        "since": since,
        "grep": args.grep,
        "invert": args.invert,
        "context": min(args.context, 100),
        "follow": args.follow,
    }


def _say_skews(snapshot: Snapshot, nodes: list[NodeId]) -> None:
    """Lines keep their own clock's times: nobody knows whose is right."""
    wrong = [
        f"{plain(node.name or str(node.nodeid))} {node.skew_ms / 1000:+.1f} s"
        for node in snapshot.nodes
        if node.nodeid in nodes and node.skew_ms is not None and abs(node.skew_ms) > SKEW_MS
    ]
    if wrong and len(nodes) > 1:
        print(f"coroctl: clocks differ from this node's: {', '.join(wrong)}; lines keep their times", file=sys.stderr)
