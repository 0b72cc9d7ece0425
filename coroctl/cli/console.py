"""``coroctl`` on a terminal: the live console. Elsewhere the node list takes its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from coroctl.cli.preferences import Preferences
    from coroctl.tui.profile import Profile


def configure(parser: argparse.ArgumentParser) -> None:
    """Options for demos and wrappers."""
    parser.add_argument("--read-only", action="store_true", help="offer nothing that changes the cluster")
    parser.add_argument("--notice", action="append", default=[], metavar="TEXT", help="a line to begin the events with")


def run(args: argparse.Namespace) -> int:
    """Open the console, or print the list if nobody could see it."""
    from coroctl.tui.terminal import is_terminal, suit_the_line

    suit_the_line()
    if not is_terminal():
        from coroctl.cli.listing import print_listing

        return print_listing()
    return open_console(args.notice, read_only=args.read_only)


def open_console(notices: list[str], *, read_only: bool) -> int:
    """The console on this node's corosync, until the user leaves it."""
    from coroctl.cli import preferences
    from coroctl.client import Client
    from coroctl.conduct import Operator
    from coroctl.sources.logs import LogFollower, choose_log
    from coroctl.sources.watch import Watch
    from coroctl.tui.app import Console

    liked = preferences.load(preferences.path())
    operator = None if read_only or liked.read_only else Operator(Client())
    console = Console(Watch(), LogFollower(choose_log()), notices, operator=operator, profile=profile(liked))
    console.run()
    return console.return_code or 0


def profile(liked: Preferences) -> Profile:
    """What the console is told of the user's file; wishes for keys are judged here, where they have a line."""
    from coroctl.cli import preferences
    from coroctl.tui.profile import Profile

    keys, problems = dict(liked.keys), list(liked.problems)
    if keys:
        from coroctl.tui.keys import granted

        keys, refused = granted(keys)
        problems += [preferences.problem(preferences.path(), name, why) for name, why in refused.items()]
    return Profile(liked.name, liked.colour, liked.bell, liked.theme, keys, tuple(problems))
