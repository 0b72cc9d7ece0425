"""``coroctl conf history``, ``show``, ``restore``, ``adopt``: the files that were in force, and whose file counts."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.actions import ADOPT, RESTORE, Ask, find_node
from coroctl.cli import change
from coroctl.cli.text import plain, table
from coroctl.conf.files import DEFAULT_FILE, load
from coroctl.errors import CoroctlError
from coroctl.model import NodeId
from coroctl.sources.daemon import snapshot_of

if TYPE_CHECKING:
    import argparse

    from coroctl.client import Json
    from coroctl.daemon.history import Entry, History

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

STATE = "/var/lib/corolistener"
ADOPTING = """\
A node never takes the cluster's file by itself where something of its own would be lost: where it has another file of
the same version, a higher version than the cluster's, or one that never was the cluster's. This shows the difference,
and takes the cluster's file. Run it on the node whose file is to be replaced; what it had goes into its history.
"""


def configure(commands: Verbs) -> None:
    """The four commands."""
    history = commands.add_parser("history", help="the last 20 files of this node, with time and author")
    history.add_argument("--json", action="store_true", help="print one JSON object")
    show = commands.add_parser("show", help="print a file of the history")
    restore = commands.add_parser("restore", help=RESTORE.help)
    for command in (show, restore):
        command.add_argument("number", metavar="N", type=int, help="its number in the history")
    adopt = commands.add_parser("adopt", help=ADOPT.help, description=ADOPTING)
    adopt.add_argument("--from", dest="source", metavar="NODE", help="whose file, where no majority has one")
    change.configure_options(restore, RESTORE)
    change.configure_options(adopt, ADOPT)
    restore.epilog = f"{restore.epilog} The history is root's."


def run(args: argparse.Namespace) -> int:
    """Run one of them; its exit code."""
    history = _history()
    try:
        match args.verb:
            case "history":
                _print_history(history, as_json=args.json)
            case "show":
                sys.stdout.buffer.write(history.read(args.number))
            case "restore":
                return _restore(args, history)
            case _:
                return change.perform(args, partial(_adoption, args.source))
    except PermissionError:
        raise CoroctlError(f"{STATE} is root's: run this as root") from None
    return change.EXIT_OK


def _history() -> History:
    from coroctl.daemon.history import History

    return History(Path(STATE) / "conf")


def _print_history(history: History, *, as_json: bool) -> None:
    entries = history.entries()
    own = _own_digest()
    if as_json:
        rows = [
            {"number": one.number, "time": one.time, **one.identity._asdict(), "actor": one.actor} for one in entries
        ]
        print(json.dumps({"version": 1, "in_place": own, "entries": rows}, indent=2))
        return
    lines = [(str(one.number), _when(one), _name(one, own), plain(one.actor)) for one in entries]
    print("\n".join(table(("number", "in force since", "file", "by"), lines, right=(0,))))


def _own_digest() -> str:
    from hashlib import sha256

    return sha256(load(DEFAULT_FILE)).hexdigest()


def _when(entry: Entry) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.time))


def _name(entry: Entry, own: str) -> str:
    mark = " *" if entry.identity.digest == own else ""
    return f"{entry.identity}{mark}"


def _restore(args: argparse.Namespace, history: History) -> int:
    history.read(args.number)
    found = next(one.identity for one in history.entries() if one.number == args.number)
    ask = Ask(RESTORE, NodeId(0), words=(str(args.number),), former=found)
    return change.perform(args, lambda _told: ask)


def _adoption(source: str | None, told: Json) -> Ask:
    if source is None:
        return Ask(ADOPT, NodeId(0), words=())
    return Ask(ADOPT, find_node(snapshot_of(told), source), words=("--from", source))
