"""The ``corolistener`` command: the daemon itself, its check, and the node list that the original tool printed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from coroctl.cli.exits import EXIT_CODES, EXIT_ERROR
from coroctl.cli.listing import print_listing
from coroctl.cli.parser import Parser

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

EPILOG = f"""\
Without an option it runs in the foreground, as systemd wants it (systemctl start corolistener).

{EXIT_CODES} (of -l)
"""


def main() -> int:
    """Run the daemon, or what an option asks for instead."""
    if sys.argv[1:] in (["-l"], ["--list"]):
        return print_listing()
    args = _parse()
    if args.list:
        return print_listing()
    return _check(args.config) if args.check_config else _run(args.config)


def _parse() -> argparse.Namespace:
    from argparse import RawDescriptionHelpFormatter
    from pathlib import Path

    parser = Parser(
        prog="corolistener",
        description="Decides on this node who is master of the cluster, and acts as it.",
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("-l", "--list", action="store_true", help="print the node list and exit")
    what.add_argument("--check-config", action="store_true", help="say whether the daemon would start here, and exit")
    conf = "/etc/corosync/corosync.conf"
    parser.add_argument("--config", type=Path, metavar="FILE", default=Path(conf), help=f"default: {conf}")
    return parser.parse_args()


def _check(conf: Path) -> int:
    """0: it would start; 1: it would not, and every reason is printed."""
    from coroctl.daemon.preflight import StartRefused, check

    try:
        ready = check(conf)
    except StartRefused as refused:
        _complain(refused.reasons)
        return EXIT_ERROR
    _complain(ready.warnings)
    keys = ", ".join(key.fingerprint for key in ready.keys)
    print(f"{conf}: in order; this is node {ready.name} ({ready.node}), key {keys}")
    return 0


def _run(conf: Path) -> int:
    """Until a signal ends it."""
    from coroctl.daemon.main import run
    from coroctl.daemon.paths import Paths
    from coroctl.daemon.preflight import StartRefused
    from coroctl.errors import CoroctlError

    try:
        run(Paths(conf=conf))
    except StartRefused as refused:
        _complain(refused.reasons)
        return os.EX_CONFIG  # the unit does not start it again: somebody has to change something first
    except CoroctlError as error:
        _complain((str(error),))
        return EXIT_ERROR
    return 0


def _complain(lines: tuple[str, ...]) -> None:
    for line in lines:
        print(f"corolistener: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
