"""The parser of every command: argparse, but for the exit code of a wrong call."""

from __future__ import annotations

import argparse
from typing import NoReturn

from coroctl.cli.exits import EXIT_ERROR


class Parser(argparse.ArgumentParser):
    """A call that makes no sense is an error (1); argparse's own 2 means "not quorate" here."""

    def error(self, message: str) -> NoReturn:
        """Print usage and the reason, and leave."""
        self.print_usage()
        self.exit(EXIT_ERROR, f"{self.prog}: {message}\n")
