"""``coroctl demo``: a real three-node cluster on this machine, seen from its first node, to be broken.

Without root or systemd-nspawn it says so and shows a simulated cluster instead.
"""

from __future__ import annotations

import shlex
import sys
import time
from typing import TYPE_CHECKING

from coroctl.cli.signals import end_on_signals
from coroctl.errors import LabError
from coroctl.lab import lab, node
from coroctl.lab.handle import Lab
from coroctl.lab.processes import this_process
from coroctl.lab.run import until
from coroctl.tui.terminal import is_terminal, suit_the_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

NAME = "demo"


def configure(parser: argparse.ArgumentParser) -> None:
    """Which cluster, and for how long where there is nobody to end it."""
    parser.add_argument("--simulated", action="store_true", help="a simulated cluster; needs nothing but Python")
    parser.add_argument("--seconds", type=float, metavar="S", help="without a terminal: end after S seconds")


def run(args: argparse.Namespace) -> int:
    """Show it until the user leaves, and leave nothing behind."""
    suit_the_line()
    if not args.simulated:
        try:
            lab.check_host()
        except LabError as error:
            print(f"coroctl: {error}\nShowing a simulated cluster instead.", file=sys.stderr)
        else:
            return _real(args.seconds)
    return _simulated()


def _simulated() -> int:
    from coroctl.cli import preferences
    from coroctl.cli.console import profile
    from coroctl.cli.listing import lines
    from coroctl.sources.logs import LogFollower, choose_log
    from coroctl.sources.simulated import Simulated, still
    from coroctl.tui.app import Console

    if not is_terminal():
        print("\n".join(lines(still())))
        return 0
    notice = "a simulated cluster, run by the daemons' own decision code; the log below is this machine's"
    told = profile(preferences.load(preferences.path()))
    simulated = Simulated()
    console = Console(simulated, LogFollower(choose_log()), [notice], profile=told, fleet=simulated.fleet)
    console.run()
    return console.return_code or 0


def _real(seconds: float | None) -> int:
    end_on_signals()
    print("Booting three machines with corosync and corolistener on this one ...", file=sys.stderr, flush=True)
    shown = Lab(lab.up(lab.Wanted(name=NAME, token_ms=1000, listener=True), owner=this_process()))
    try:
        if is_terminal():
            notices = (word for hint in hints(shown) for word in ("--notice", hint))
            command = shlex.join(["coroctl", "console", *notices])
            # From the node that is the last to be broken: the first becomes master.
            return node.open_terminal(shown.plan, shown.plan.nodes[-1], command)
        _print_changes(shown, seconds)
    except KeyboardInterrupt:
        pass
    finally:
        lab.down(NAME)
        print("The demo lab is gone.", file=sys.stderr)
    return 0


def hints(shown: Lab) -> list[str]:
    """How to break it, for somebody with a second terminal."""
    command = f"{sys.argv[0]} lab"
    web = f"http://{shown.plan.cloud_ip}:1500"
    return [
        f"node1 becomes master: it takes {shown.plan.cloud_ip} and starts the manager, a web page that names its node",
        "break it from a second terminal, as root, and watch the role move:",
        f"{command} kill --name {NAME} node1      (power off; start brings it back)",
        f"{command} cut --name {NAME} node2       (pull its cable; heal plugs it in)",
        f"{command} freeze --name {NAME} node1    (every process; thaw)",
        (
            f"{command} exec --name {NAME} node3 -- python3 -c "
            f"'import urllib.request as u; print(u.urlopen(\"{web}\").read().decode())'"
        ),
    ]


def _print_changes(shown: Lab, seconds: float | None) -> None:
    """Where there is no terminal: the list, whenever it has changed."""
    print("\n".join(hints(shown)), end="\n\n")
    end = time.monotonic() + (seconds if seconds is not None else float("inf"))
    last = ""
    while time.monotonic() < end:
        try:
            last = until(_changed(shown, last), min(end - time.monotonic(), 3600), "a change", every_s=0.3)
        except LabError:
            continue  # nothing has changed for so long, or the time is up
        print(f"{time.strftime('%H:%M:%S')}\n{last}", flush=True)


def _changed(shown: Lab, last: str) -> Callable[[], str | None]:
    """The list as the first node that runs sees it; None while it is the one that we have."""

    def look() -> str | None:
        for name in shown.names:
            if shown.is_on(name):
                answer = shown.ask(name, "coroctl", "-l")
                text = answer.stdout + answer.stderr
                return text if text != last else None
        return None

    return look
