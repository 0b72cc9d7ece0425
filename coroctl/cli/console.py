"""``coroctl`` on a terminal: the live console. Elsewhere the node list takes its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Options for demos and wrappers."""
    parser.add_argument("--read-only", action="store_true", help="offer nothing that changes the cluster")
    parser.add_argument("--notice", action="append", default=[], metavar="TEXT", help="a line to begin the events with")


def run(args: argparse.Namespace) -> int:
    """Open the console, or print the list if nobody could see it."""
    from coroctl.tui.terminal import is_terminal

    if not is_terminal():
        from coroctl.cli.listing import print_listing

        return print_listing()
    from coroctl.cli import preferences

    read_only = args.read_only or preferences.load(preferences.path()).read_only
    return open_console(args.notice, read_only=read_only)


def open_console(notices: list[str], *, read_only: bool) -> int:
    """The console on this node's corosync, until the user leaves it."""
    from coroctl.client import Client
    from coroctl.conduct import Operator
    from coroctl.sources.logs import LogFollower, choose_log
    from coroctl.sources.watch import Watch
    from coroctl.tui.app import Console

    operator = None if read_only else Operator(Client())
    console = Console(Watch(), LogFollower(choose_log()), notices, operator=operator)
    console.run()
    return console.return_code or 0
