"""``coroctl`` on a terminal: the live console. Elsewhere the node list takes its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Options for demos and wrappers."""
    parser.add_argument("--notice", action="append", default=[], metavar="TEXT", help="a line to begin the events with")


def run(args: argparse.Namespace) -> int:
    """Open the console, or print the list if nobody could see it."""
    from coroctl.tui.terminal import is_terminal

    if not is_terminal():
        from coroctl.cli.listing import print_listing

        return print_listing()
    return open_console(args.notice)


def open_console(notices: list[str]) -> int:
    """The console on this node's corosync, until the user leaves it."""
    from coroctl.sources.logs import LogFollower, choose_log
    from coroctl.sources.watch import Watch
    from coroctl.tui.app import Console

    console = Console(Watch(), LogFollower(choose_log()), notices)
    console.run()
    return console.return_code or 0
