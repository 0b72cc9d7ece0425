"""``coroctl demo``: a real three-node cluster on this machine, and its node list as nodes come and go."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from coroctl.cli.signals import end_on_signals
from coroctl.errors import LabError
from coroctl.lab import lab
from coroctl.lab.handle import Lab
from coroctl.lab.processes import this_process
from coroctl.lab.run import until

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_CLEAR = "\x1b[H\x1b[2J"
_NAME = "demo"


def configure(parser: argparse.ArgumentParser) -> None:
    """No options but the length of the show."""
    parser.add_argument("--seconds", type=float, metavar="S", help="end after S seconds (default: at Ctrl-C)")


def run(args: argparse.Namespace) -> int:
    """Bring the lab up, show it until Ctrl-C, take it down."""
    end_on_signals()
    print("Booting three machines with corosync on this one ...", file=sys.stderr, flush=True)
    shown = Lab(lab.up(lab.Wanted(name=_NAME, token_ms=1000), owner=this_process()))
    try:
        _show(shown, args.seconds)
    except KeyboardInterrupt:
        pass
    finally:
        lab.down(_NAME)
        print("The demo lab is gone.", file=sys.stderr)
    return 0


def _show(shown: Lab, seconds: float | None) -> None:
    """Print the list whenever it has changed: in place on a terminal, else one below the other."""
    end = time.monotonic() + seconds if seconds is not None else None
    last = ""
    while end is None or time.monotonic() < end:
        remaining = 3600.0 if end is None else max(end - time.monotonic(), 0)
        try:
            last = until(_changed(shown, last), remaining, "a change", every_s=0.3)
        except LabError:
            continue  # nothing changed for an hour, or the time is up
        print((_CLEAR if sys.stdout.isatty() else "") + last + _hints(), flush=True)


def _changed(shown: Lab, last: str) -> Callable[[], str | None]:
    """The list as the first node that runs sees it; None while it is the one that we have."""

    def look() -> str | None:
        for name in shown.names:
            if shown.is_on(name):
                answer = shown.ask(name, "coroctl", "-l")
                text = f"As {name} sees it, {time.strftime('%H:%M:%S')}\n\n{answer.stdout}{answer.stderr}"
                return text if text.partition("\n")[2] != last.partition("\n")[2] else None
        return None

    return look


def _hints() -> str:
    lab_command = f"{sys.argv[0]} lab"
    return f"""
Break it from a second terminal (as root), and watch:
  {lab_command} kill --name {_NAME} node3          power node3 off;  start brings it back
  {lab_command} cut --name {_NAME} node2           pull its cable;   heal plugs it in again
  {lab_command} freeze --name {_NAME} node3 corosync
  {lab_command} shell --name {_NAME} node1         look around;      exit leaves
Ctrl-C here ends the demo and removes the lab.
"""
