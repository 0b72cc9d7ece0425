"""``coroctl machines``: the managed machines, where each belongs and what it does, as corolistener here knows."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from coroctl.cli.text import plain, table
from coroctl.client import Client

if TYPE_CHECKING:
    import argparse

    from coroctl.client import Json

_HEADER = ("NAME", "NODE", "STATE", "WANTED", "PRIO", "MEMORY", "LAST MOVE")


def configure(parser: argparse.ArgumentParser) -> None:
    """Text or JSON."""
    parser.add_argument(
        "--json", action="store_true", help='{"machines": [...], "recovery": [...]}, as in docs/control-sockets.md'
    )


def run(args: argparse.Namespace) -> int:
    """Print them. Without a corolistener on this node an error, and 1."""
    found = Client().machines()
    machines = found["machines"]
    if args.json:
        print(json.dumps({"machines": machines, "recovery": found["recovery"]}))
        return 0
    for one in found["recovery"]:
        print(_wait(one, time.time()))
    if not machines:
        print("no machines are managed")
    else:
        print("\n".join(table(_HEADER, [_row(one) for one in machines], right=(1, 4, 5))))
    return 0


def _wait(one: Json, now: float) -> str:
    """A lost node, what its machines wait for, and for how long."""
    left = f", {max(one['until_s'] - now, 0):.0f} s from now" if one["until_s"] else ""
    why = f" ({plain(str(one['why']))})" if one["why"] else ""
    return f"node {one['node']} is lost, and its machines wait for {one['waits_for']}{left}{why}"


def _row(one: Json) -> tuple[str, ...]:
    node = str(one["node"] or "-") if not one["moving_to"] else f"{one['node'] or '-'} > {one['moving_to']}"
    elsewhere = one["seen_on"] not in (None, one["node"])
    state = f"{one['seen']} on {one['seen_on']}" if elsewhere else str(one["seen"])
    if one["failed_on"]:
        state += f", failed on {' '.join(map(str, one['failed_on']))}"
    last = one["last_move"]
    if one["live"]:
        state += ", moves live" if one["node"] else ""
    if one["stayed"]:
        state += f", stays: {plain(str(one['stayed']))}"
    moved = f"{_route(last['from'], last['to'])}: {plain(str(last['why']))}" if last else "-"
    return (
        plain(str(one["name"])),
        node,
        state,
        str(one["wanted"]),
        str(one["priority"]),
        f"{one['memory_mib']} MiB",
        moved,
    )


def _route(source: int | None, target: int | None) -> str:
    """``3 > 2``, where it came from somewhere and went somewhere."""
    if not source:
        return f"to {target or '-'}"
    return f"{source} > {target}" if target else f"from {source}"
