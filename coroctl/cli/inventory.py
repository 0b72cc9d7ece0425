"""``coroctl inventory``: how old the inventory is and where its replicas are; and all of it, to keep elsewhere."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.cli.text import plain, table
from coroctl.client import Client

if TYPE_CHECKING:
    import argparse

    from coroctl.client import Json

STATE = Path("/var/lib/corolistener")


def configure(parser: argparse.ArgumentParser) -> None:
    """What to do with it."""
    what = parser.add_subparsers(dest="what", required=True, metavar="status|export")
    status = what.add_parser("status", help="its age, and what every node has of it")
    status.add_argument("--json", action="store_true", help='{"inventory": {...}}, as in docs/control-sockets.md')
    what.add_parser("export", help="this node's replica: one JSON object a line, definitions included (root)")


def run(args: argparse.Namespace) -> int:
    """0; without a corolistener, or without a replica to export, an error, and 1."""
    if args.what == "export":
        return _export()
    inventory = Client().machines()["inventory"]
    print(json.dumps({"inventory": inventory}) if args.json else "\n".join(_lines(inventory)))
    return 0


def _lines(inventory: Json) -> list[str]:
    if inventory["position"] is None:
        return ["no inventory: no machine was ever managed, or none of it is known here"]
    age = max(0, int(time.time()) - int(inventory["changed_s"] or 0))
    caught_up = "" if inventory["caught_up"] else ", not caught up with the master yet"
    rows = [(str(one["node"]), str(one["state"]), str(one["position"] or "-")) for one in inventory["replicas"]]
    alarms = [f"alarm: {plain(one['what'])} {plain(one['about'])}".rstrip() for one in inventory["alarms"]]
    head = f"inventory at {inventory['position']}, changed {age} s ago{caught_up}"
    acknowledged = f"acknowledged up to {inventory['acknowledged'] or '-'}, master: node {inventory['master'] or '-'}"
    return [head, acknowledged, *alarms, "", *table(("NODE", "REPLICA", "POSITION"), rows, right=(0,))]


def _export() -> int:
    """From the file: it is there also when no daemon runs."""
    from coroctl.daemon.inventory import rows
    from coroctl.daemon.inventory.keeper import REPLICA, Keeper

    kept = Keeper(STATE, lambda _: None).load()
    if kept.problem or not kept.inventory.position.epoch:
        print(f"coroctl: {kept.problem or f'{STATE / REPLICA}: this node has no replica'}", file=sys.stderr)
        return 1
    for line in rows.lines(kept.inventory):
        print(line)
    return 0
