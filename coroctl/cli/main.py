"""The ``coroctl`` command: picks the one command module that is asked for, and imports no other.

A command module has ``HELP``, ``configure(parser)`` and ``run(args) -> exit code``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "conf": "check and compare corosync.conf files",
    "demo": "a real three-node cluster on this machine, watched live",
    "lab": "real corosync clusters on this machine",
}
"""Name of a command (its module is ``coroctl.cli.NAME``) and what ``--help`` says of it."""

EXIT_ERROR = 1
EXIT_USAGE = 64


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors become one line on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words and words[0] in COMMANDS:
            return _run_command(words[0], words[1:])
        return _run_list(words)
    except CoroctlError as error:
        print(f"coroctl: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`coroctl ... | head`): nobody is left to tell.
        sys.stderr.close()
        return EXIT_ERROR


def _run_command(name: str, words: list[str]) -> int:
    import argparse
    from importlib import import_module

    module = import_module(f"coroctl.cli.{name}")
    parser = argparse.ArgumentParser(prog=f"coroctl {name}", description=COMMANDS[name])
    module.configure(parser)
    args = parser.parse_args(words)
    code: int = module.run(args)
    return code


def _run_list(words: list[str]) -> int:
    return 0
