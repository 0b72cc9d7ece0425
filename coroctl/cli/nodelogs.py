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
from coroctl.sources.together import HOLD_S, MOST, Together
from coroctl_widgets.logfile import times
from coroctl_widgets.logfile.levels import Weight, weigh

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterable

    from coroctl.client import Json
    from coroctl.model import Node, NodeId, Snapshot
    from coroctl.sources.together import Line

LAST = 50
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
    names = {node.nodeid: plain(node.name or f"node {node.nodeid}") for node in _nodes(args, snapshot)}
    _say_skews(snapshot, names)
    together, look = Together(names), Look.of(sys.stdout)
    with Gathering(client, list(names), _wanted(args)) as source:
        while together.waited:
            _listen(together, source)
        _print_last(together, look, args.n if args.n is not None else None if args.grep or args.since else LAST)
        while not source.over:
            _listen(together, source)
            _print(together.settled(), look)
    return 1 if together.silent else 0


def _listen(together: Together, source: Gathering) -> None:
    for complaint in together.listen(source, HOLD_S / 2):
        print(f"coroctl: {plain(complaint)}", file=sys.stderr)


def _print_last(together: Together, look: Look, count: int | None) -> None:
    """The last so many of all lines; None: all that have come."""
    lines = list(together.all())
    _print(lines if count is None else lines[max(len(lines) - count, 0) :], look)
    if count is None or count > MOST:
        for node in sorted(together.cut):
            print(f"coroctl: {together.name(node)} tells only the newest {MOST} lines", file=sys.stderr)


def _print(lines: Iterable[Line], look: Look) -> None:
    for line in lines:
        print(look.line(line.text, line.label))
    sys.stdout.flush()


def _nodes(args: argparse.Namespace, snapshot: Snapshot) -> list[Node]:
    if args.all_nodes:
        return list(snapshot.nodes)
    chosen = {find_node(snapshot, word) for words in args.node for word in words.split(",")}
    return [node for node in snapshot.nodes if node.nodeid in chosen]


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


def _say_skews(snapshot: Snapshot, nodes: Collection[NodeId]) -> None:
    """Lines keep their own clock's times: nobody knows whose is right."""
    wrong = [
        f"{plain(node.name or str(node.nodeid))} {node.skew_ms / 1000:+.1f} s"
        for node in snapshot.nodes
        if node.nodeid in nodes and node.skew_ms is not None and abs(node.skew_ms) > SKEW_MS
    ]
    if wrong and len(nodes) > 1:
        print(f"coroctl: clocks differ from this node's: {', '.join(wrong)}; lines keep their times", file=sys.stderr)
