"""The parser of every command: argparse, but for the exit code of a wrong call."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from coroctl.cli.exits import EXIT_ERROR


class Parser(argparse.ArgumentParser):
    """A call that makes no sense is an error (1); argparse's own 2 means "not quorate" here."""

    wrong_call = EXIT_ERROR
    """The exit code of one, where a command has its own."""

    def error(self, message: str) -> NoReturn:
        """Print usage and the reason, and leave."""
        self.print_usage(sys.stderr)
        self.exit(self.wrong_call, f"{self.prog}: {message}\n")
