"""``coroctl log``: the end of a log, or what matches in all of it, and what comes from now on. Plain text.

This node's are read as files, by whoever asks; other nodes' (`nodelogs`) are told by their corolisteners.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from typing import TYPE_CHECKING

from coroctl.cli import nodelogs
from coroctl.cli.nodelogs import LAST, Look
from coroctl.sources.logs import LogUnreadable, choose_log, known_logs
from coroctl_widgets.logfile import times
from coroctl_widgets.logfile.excerpt import Excerpt, Wanted
from coroctl_widgets.logfile.file import LogFile
from coroctl_widgets.logfile.matching import Matcher, Pattern, PatternError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coroctl_widgets.logfile.lines import Line

LOOK_S = 0.25


def configure(parser: argparse.ArgumentParser) -> None:
    """Which log, and what of it."""
    parser.add_argument("file", nargs="?", metavar="LOG", help="corolistener, corosync or a file; default: the first")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as lines come, until Ctrl-C")
    parser.add_argument("-n", type=_count, metavar="N", help=f"the last N ({LAST}; all with --grep or --since)")
    parser.add_argument("--grep", type=_pattern, metavar="RE", help="lines with this; small letters match large ones")
    parser.add_argument("-v", "--invert", action="store_true", help="lines without it")
    parser.add_argument("-C", "--context", type=_count, default=0, metavar="N", help="and N lines around each")
    parser.add_argument("--since", metavar="TIME", help=f"from then on: {times.FORMS}")
    parser.add_argument("--node", action="append", metavar="NODE", help="that node's log; again for more: by time")
    parser.add_argument("--all-nodes", action="store_true", help="the logs of all nodes as one, by time")
    parser.epilog = (
        "Of other nodes corolistener's and corosync's log, at most the newest 10000 lines of each. "
        "Exit code 1 if one of them does not tell its log."
    )


def run(args: argparse.Namespace) -> int:
    """Print them. 1 if a log cannot be read."""
    if args.node or args.all_nodes:
        return nodelogs.run(args)
    path = _path(args.file)
    look = Look.of(sys.stdout)
    try:
        file = LogFile(path)
        with Excerpt(file, _wanted(args, file), follow=args.follow) as excerpt:
            _print(excerpt.now(), look)
            if args.follow:
                _follow(excerpt, look)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise LogUnreadable(path, error.strerror or str(error)) from None
    return 0


def _wanted(args: argparse.Namespace, file: LogFile) -> Wanted:
    matcher = None if args.grep is None else Matcher(Pattern(args.grep, args.invert))
    since = None
    if args.since is not None:
        since = times.typed(args.since, time.time(), file.changed_s)
        if since is None:
            file.close()
            raise LogUnreadable(args.since, f"not a time; for example {times.FORMS}")
    count = args.n if args.n is not None else LAST if since is None and matcher is None else None
    return Wanted(count, since, matcher, args.context)


def _follow(excerpt: Excerpt, look: Look) -> None:
    never = threading.Event()
    while True:
        _print(excerpt.more(), look)
        sys.stdout.flush()
        never.wait(LOOK_S)


def _print(found: Iterable[Line | None], look: Look) -> None:
    for line in found:
        print(look.line(None if line is None else line.data.decode("utf-8", "replace")))


def _path(word: str | None) -> str:
    if word is None:
        return choose_log()
    return next((log.path for log in known_logs() if log.name == word), word)


def _pattern(word: str) -> str:
    try:
        Matcher(Pattern(word))
    except PatternError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return word


def _count(word: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"a number up to 1000000, not {word!r}")
    return int(word)
