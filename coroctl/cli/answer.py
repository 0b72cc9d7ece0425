"""What the commands that show a snapshot have in common: ``--json``, the reason on stderr, the exit code."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from coroctl.cli.exits import EXIT_CODES
from coroctl.cli.listing import exit_code
from coroctl.sources.once import everything

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from coroctl.model import Snapshot
    from coroctl.sources.schema import Json


def configure(parser: argparse.ArgumentParser) -> None:
    """The one option, and what the exit code means."""
    parser.add_argument("--json", action="store_true", help="as documented in docs/status-json.md")
    parser.epilog = EXIT_CODES


def answer(args: argparse.Namespace, lines: Callable[[Snapshot], list[str]], data: Callable[[Snapshot], Json]) -> int:
    """Print a snapshot of now, never longer than 2 s; the exit code."""
    snapshot = everything()
    print(json.dumps(data(snapshot), indent=2) if args.json else "\n".join(lines(snapshot)))
    if snapshot.reason:
        print(f"coroctl: {snapshot.reason}", file=sys.stderr)
    return exit_code(snapshot)
