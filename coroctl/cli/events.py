"""``coroctl events``: what corolistener noted on this node, the newest last, and what it notes from now on."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

from coroctl.cli.text import plain
from coroctl.client import Client
from coroctl_widgets.logfile import times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.client import Json

PAGE = 200
"""The most that corolistener gives at a time."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Where to begin, and whether to go on."""
    since = f"only events after the one with that id (--json tells ids), or from a time on: {times.FORMS}"
    parser.add_argument("--since", type=_since, metavar="ID|TIME", help=since)
    parser.add_argument("-n", type=_count, default=50, metavar="N", help="without --since: the last N (default: 50)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as they come, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, as in docs/control-sockets.md")


def run(args: argparse.Namespace) -> int:
    """Print them. Without a corolistener on this node an error, and 1."""
    client = Client()
    since = _before(client, args.since) if isinstance(args.since, float) else args.since
    for page in _followed(client, since, args.n) if args.follow else _pages(client, since, args.n):
        for event in page:
            print(json.dumps(event) if args.json else plain(str(event["line"])), flush=args.follow)
    return 0


def _pages(client: Client, since: int | None, count: int) -> Iterator[list[Json]]:
    """The newest, or page after page until there is none."""
    if since is None:
        yield client.events(limit=count)
        return
    while page := client.events(since, PAGE):
        yield page
        since = int(page[-1]["id"])


def _followed(client: Client, since: int | None, count: int) -> Iterator[list[Json]]:
    with client.follow(since, count if since is None else PAGE) as stream:
        for page in stream:
            yield page["events"]


def _before(client: Client, moment: float) -> int:
    """The id of the last event before that time. Events are searched by halves, as if clocks never jumped."""
    oldest, newest = client.events(0, 1), client.events(limit=1)
    if not oldest or not newest:
        return 0
    low, high = int(oldest[0]["id"]) - 1, int(newest[0]["id"])
    while low < high:
        middle = (low + high) // 2
        (event, *_) = client.events(middle, 1)
        if event["time_us"] < round(moment * 1e6):
            low = int(event["id"])
        else:
            high = middle
    return low


def _since(word: str) -> int | float:
    """An id, or a time in seconds since 1970."""
    if word.isascii() and word.isdigit():
        return int(word)
    now = time.time()
    moment = times.typed(word, now, now)
    if moment is None:
        raise argparse.ArgumentTypeError(f"neither an event's id nor a time: {word!r} (for example {times.FORMS})")
    return moment


def _count(word: str) -> int:
    if not (word.isascii() and word.isdigit() and 1 <= int(word) <= PAGE):
        raise argparse.ArgumentTypeError(f"a number from 1 to {PAGE}, not {word!r}")
    return int(word)
