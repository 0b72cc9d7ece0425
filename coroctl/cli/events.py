"""``coroctl events``: what corolistener noted on this node, the newest last, and what it notes from now on."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from coroctl.cli.text import plain
from coroctl.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.client import Json

PAGE = 200
"""The most that corolistener gives at a time."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Where to begin, and whether to go on."""
    parser.add_argument("--since", type=_id, metavar="ID", help="only events after that one (its id is in --json)")
    parser.add_argument("-n", type=_count, default=50, metavar="N", help="without --since: the last N (default: 50)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as they come, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, as in docs/control-sockets.md")


def run(args: argparse.Namespace) -> int:
    """Print them. Without a corolistener on this node an error, and 1."""
    client = Client()
    for page in _followed(client, args.since, args.n) if args.follow else _pages(client, args.since, args.n):
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


def _id(word: str) -> int:
    if not (word.isascii() and word.isdigit()):
        raise argparse.ArgumentTypeError(f"an event's id is a number, not {word!r}")
    return int(word)


def _count(word: str) -> int:
    if not (word.isascii() and word.isdigit() and 1 <= int(word) <= PAGE):
        raise argparse.ArgumentTypeError(f"a number from 1 to {PAGE}, not {word!r}")
    return int(word)
