"""``coroctl log``: the end of a log, or what matches in all of it, and what comes from now on. Plain text."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from typing import TYPE_CHECKING

from coroctl.cli.text import plain
from coroctl.sources.logs import LogUnreadable, choose_log, known_logs
from coroctl_widgets.logfile import lines, seeker, times
from coroctl_widgets.logfile.file import LogFile
from coroctl_widgets.logfile.grep import Sieve
from coroctl_widgets.logfile.growth import Growth
from coroctl_widgets.logfile.matching import Matcher, Pattern, PatternError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coroctl_widgets.logfile.lines import Line

LAST = 50
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


def run(args: argparse.Namespace) -> int:
    """Print them. 1 if the log cannot be read."""
    path = _path(args.file)
    matcher = None if args.grep is None else Matcher(Pattern(args.grep, args.invert))
    sieve = Sieve(matcher, args.context)
    try:
        with LogFile(path) as file:
            end = lines.start_of(file, file.size) if args.follow else file.size
            start = _start(file, args, matcher)
            if start < end:
                _print(sieve.sift(_Until(file, end), start))
            if args.follow:
                _follow(file, end, sieve)
    except OSError as error:
        raise LogUnreadable(path, error.strerror or str(error)) from None
    return 0


class _Until:
    """A file up to a place: what comes after it is told later."""

    def __init__(self, file: LogFile, size: int) -> None:
        self._file = file
        self.size = size

    def read(self, offset: int, count: int) -> bytes:
        return self._file.read(offset, max(0, min(count, self.size - offset)))


def _follow(file: LogFile, start: int, sieve: Sieve) -> None:
    growth = Growth(file, start)
    never = threading.Event()
    try:
        while True:
            for line in growth.read():
                _print(sieve.take(line))
            sys.stdout.flush()
            never.wait(LOOK_S)
    finally:
        growth.close()


def _start(file: LogFile, args: argparse.Namespace, matcher: Matcher | None) -> int:
    """Where to begin."""
    start = 0
    if args.since is not None:
        moment = times.typed(args.since, time.time(), file.changed_s)
        if moment is None:
            raise LogUnreadable(args.since, f"not a time; for example {times.FORMS}")
        start = times.place_of(file, moment, file.changed_s)
    count = args.n if args.n is not None else LAST if args.since is None and matcher is None else None
    if count is None:
        return start
    return max(start, _last(file, count, matcher, args.context))


def _last(file: LogFile, count: int, matcher: Matcher | None, context: int) -> int:
    """Where the last so many lines begin that are wanted, with their context."""
    if count == 0:
        return file.size
    if matcher is None:
        found = lines.before(file, file.size, count)
        return found[0].start if found else 0
    hits = seeker.hits(file, [matcher], seeker.Order(0, 0, file.size, count, up=True))
    first = min(hits, default=file.size)
    around = lines.before(file, first, context)
    return around[0].start if around else first


def _print(found: Iterable[Line | None]) -> None:
    for line in found:
        text = "--" if line is None else line.data.decode("utf-8", "replace").expandtabs()
        print(text if text.isprintable() else plain(text))


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
