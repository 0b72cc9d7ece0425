"""``coroctl conf history``, ``show``, ``restore``, ``adopt``: the files that were in force, and whose file counts."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.cli import asking
from coroctl.cli.change import EXIT_CODES, EXIT_OK
from coroctl.cli.text import plain, table
from coroctl.conf.files import DEFAULT_FILE, load
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    import argparse

    from coroctl.actions import Seen
    from coroctl.client import Json
    from coroctl.daemon.history import Entry, History

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

STATE = "/var/lib/corolistener"
ADOPT = """\
A node never takes the cluster's file by itself where something of its own would be lost: where it has another file of
the same version, a higher version than the cluster's, or one that never was the cluster's. This shows the difference,
and takes the cluster's file. Run it on the node whose file is to be replaced; what it had goes into its history.
"""


def configure(commands: Verbs) -> None:
    """The four commands."""
    history = commands.add_parser("history", help="the last 20 files of this node, with time and author")
    history.add_argument("--json", action="store_true", help="print one JSON object")
    show = commands.add_parser("show", help="print a file of the history")
    restore = commands.add_parser("restore", help="make a former file the next version, on every node")
    for command in (show, restore):
        command.add_argument("number", metavar="N", type=int, help="its number in the history")
    adopt = commands.add_parser("adopt", help="let this node take the cluster's file over its own", description=ADOPT)
    adopt.add_argument("--from", dest="source", metavar="NODE", help="whose file, where no majority has one")
    for command in (restore, adopt):
        command.add_argument("--yes", action="store_true", help="answer every question with yes")
        command.epilog = f"It takes root. {EXIT_CODES}."


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
                return _restore(history, args.number, yes=args.yes)
            case _:
                return _adopt(args.source, yes=args.yes)
    except asking.Refused as refused:
        return asking.refuse(str(refused))
    except PermissionError:
        raise CoroctlError(f"{STATE} is root's: run this as root") from None
    return EXIT_OK


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


def _restore(history: History, number: int, *, yes: bool) -> int:
    from coroctl.client import Client
    from coroctl.daemon.editing import restored

    former = history.read(number)
    client = Client()
    seen = asking.seen_in(client.snapshot())
    after = restored(load(DEFAULT_FILE), former, f"file {number} of the history, as version {seen.version + 1}")
    show_difference(load(DEFAULT_FILE), after, f"file {number} of the history")
    if not asking.confirmed(f"Make it version {seen.version + 1} on every node?", yes=yes):
        raise asking.Refused("nothing is changed")
    digest = next(one.identity.digest for one in history.entries() if one.number == number)
    return asking.change(client, "conf-restore", 0, seen, {"sha256": digest})


def _adopt(source: str | None, *, yes: bool) -> int:
    from coroctl.client import Client

    client = Client()
    told = client.snapshot()
    node, seen, holders = _wanted(told, source)
    theirs = _their_file(seen, holders)
    if theirs:
        show_difference(load(DEFAULT_FILE), theirs, f"version {seen.version} of node {holders[0]}")
    else:
        print("no node hands that file out at the moment, so the difference cannot be shown", file=sys.stderr)
    if not asking.confirmed(f"Replace this node's file by version {seen.version}?", yes=yes):
        raise asking.Refused("nothing is changed")
    return asking.change(client, "conf-adopt", node, seen, everywhere=False)


def _wanted(told: Json, source: str | None) -> tuple[int, Seen, list[int]]:
    """The node to name (0: the majority's file), the file, and who has it."""
    from coroctl.actions import Seen, find_node
    from coroctl.sources.daemon import snapshot_of

    rows = {row["nodeid"]: row for row in told["nodes"] if row["configuration"]}
    if source is None:
        node, wanted = 0, told["configuration"]["current"]
        if wanted is None:
            raise asking.Refused("no file is loaded by a majority of the nodes: say whose file is meant (--from NODE)")
    else:
        node = find_node(snapshot_of(told), source)
        if node not in rows:
            raise asking.Refused(f"{source} is not heard")
        wanted = rows[node]["configuration"]
    holders = [one for one, row in rows.items() if row["configuration"] == wanted and one != told["node"]]
    return node, Seen(told["term"], wanted["version"], wanted["digest"]), holders


def _their_file(seen: Seen, holders: list[int]) -> bytes:
    """From one of those who have it; empty if nobody hands it out."""
    import asyncio

    from coroctl.daemon.fetching import peers_of
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

    identity = Identity(seen.version, seen.digest)
    peers = peers_of(Path(DEFAULT_FILE))
    for holder in holders:
        try:
            return asyncio.run(peers.client.pull(NodeId(holder), identity, peers.loaded.identity)).data
        except CoroctlError as error:
            print(f"coroctl: {plain(str(error))}", file=sys.stderr)
    return b""


def show_difference(before: bytes, after: bytes, name: str) -> None:
    """What would change in this node's file, as `coroctl conf diff` shows it."""
    from coroctl.cli.conf import print_difference
    from coroctl.conf.diff import diff
    from coroctl.conf.document import Document

    found = diff(Document.parse(before, DEFAULT_FILE), Document.parse(after, name))
    if found.identical:
        print("the files are the same")
    else:
        print_difference(found)
