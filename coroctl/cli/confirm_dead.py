"""``coroctl confirm-dead``: see change.py, which does it, and actions.py, which says what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.actions import CONFIRM_DEAD
from coroctl.cli import change

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    change.configure(parser, CONFIRM_DEAD)


def run(args: argparse.Namespace) -> int:
    """Carry it out."""
    return change.run(args, CONFIRM_DEAD)
