"""``coroctl fetch``: what corolistener-fetch.service runs before corosync starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

CONF = "/etc/corosync/corosync.conf"
STATE = "/var/lib/corolistener"
LOCK = "/run/corolistener/daemon.lock"
EXIT_OK = 0

_EPILOG = """\
corolistener-fetch.service runs it before corosync starts: a corosync that starts with an older version than the others
have exits. It asks the other nodes' corolisteners which file they have loaded, takes what a majority has if that is
newer, and gives up after 10 s: then corosync starts with the file that is here. Nothing is done while corolistener
runs, which keeps the file current itself, or where the file has no corolistener section.
exit codes: 0 done, whatever was found; 1 this node's own file or key cannot be used
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments: it has to do the same at every boot."""
    import argparse

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def run(_args: argparse.Namespace) -> int:
    """Say what was found; the exit code."""
    from coroctl.conf.files import load_document

    if not load_document(CONF).sections("corolistener"):
        print(f"{CONF} has no corolistener section: nothing to do")
        return EXIT_OK
    if _daemon_runs():
        print("corolistener runs here and keeps the file current: nothing to do")
        return EXIT_OK
    import asyncio

    from coroctl.cli.text import plain
    from coroctl.daemon.fetching import fetch

    replaced = asyncio.run(fetch(Path(CONF), Path(STATE), lambda line: print(plain(line), flush=True)))
    if replaced:
        print(f"{CONF} is replaced; the former one is in the history (coroctl conf history)")
    return EXIT_OK


def _daemon_runs() -> bool:
    """Whether somebody holds the lock that the one daemon of a node holds."""
    import fcntl

    try:
        with Path(LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
