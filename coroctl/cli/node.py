"""``coroctl node add`` and ``coroctl node remove``: one node of the cluster more, or one less."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.actions import LARGEST_PRIO, find_node
from coroctl.cli import asking
from coroctl.cli.change import EXIT_CODES, EXIT_OK
from coroctl.cli.keygen import DEFAULT_FILE as DEFAULT_KEY
from coroctl.cli.text import plain, plural
from coroctl.client import Client
from coroctl.conf.files import DEFAULT_FILE, load_document

if TYPE_CHECKING:
    import argparse

    from coroctl.client import Json

COROSYNC_KEY = "/etc/corosync/authkey"


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.epilog = f"One node a change. It takes root, or group coroctl-admin. {EXIT_CODES}."
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    add = verbs.add_parser("add", help="make every node know another one, and say what to run there")
    add.add_argument("name", metavar="NAME", help="as the machine calls itself (uname -n)")
    add.add_argument("addresses", metavar="ADDRESS", help="of each link, parted by commas")
    add.add_argument("--nodeid", type=int, metavar="N", help="default: the next free one")
    add.add_argument("--prio", type=int, metavar="N", default=1, help="0: it never becomes master; default 1")
    remove = verbs.add_parser("remove", help="make every node forget one")
    remove.add_argument("node", metavar="NODE", help="its name, else its nodeid")
    for verb in (add, remove):
        verb.add_argument("--yes", action="store_true", help="answer every question with yes")


def run(args: argparse.Namespace) -> int:
    """Carry it out; the exit code."""
    client = Client()
    told = client.snapshot()
    try:
        return _add(args, client, told) if args.verb == "add" else _remove(args, client, told)
    except asking.Refused as refused:
        return asking.refuse(str(refused))


def _add(args: argparse.Namespace, client: Client, told: Json) -> int:
    if not 0 <= args.prio <= LARGEST_PRIO:
        raise asking.Refused(f"a priority is 0 to {LARGEST_PRIO}")
    node = args.nodeid or max((row["nodeid"] for row in told["nodes"]), default=0) + 1
    addresses = args.addresses.split(",")
    seen = asking.seen_in(told)
    print(f"add node {node}: {plain(args.name)} ({', '.join(map(plain, addresses))}), priority {args.prio}, one vote")
    print(f"  {_quorum(told, 1)}; until it runs it counts as a node that is down")
    if not asking.confirmed(f"Add {plain(args.name)}?", yes=args.yes):
        raise asking.Refused("nothing is changed")
    more = {"value": args.prio, "name": args.name, "addresses": addresses}
    code = asking.change(client, "node-add", node, seen, more)
    if code == EXIT_OK:
        print("\n".join(_next_steps(args.name, addresses[0])))
    return code


def _remove(args: argparse.Namespace, client: Client, told: Json) -> int:
    from coroctl.sources.daemon import snapshot_of

    node = find_node(snapshot_of(told), args.node)
    row = next(one for one in told["nodes"] if one["nodeid"] == node)
    seen, name = asking.seen_in(told), row["name"] or str(node)
    is_master = told["mastership"]["master"] == node
    needed = (_votes(told) - row["votes"]) // 2 + 1
    stay = sum(one["votes"] for one in told["nodes"] if one["status"] == "joined" and one["nodeid"] != node)
    print(f"remove node {node}: {plain(name)}; {_quorum(told, -row['votes'])}")
    if is_master:
        print("  it is master: the address and the manager move to another node")
    if stay < needed:
        print(f"  quorum is lost: the nodes that stay and are up have {plural(stay, 'vote')}", file=sys.stderr)
    if row["status"] == "joined":
        print(f"  its own corosync keeps running with the old list until it is stopped: do that first on {plain(name)}")
    typed = name if is_master or stay < needed or row["status"] == "joined" else ""
    if not asking.confirmed(f"Remove {plain(name)}?", yes=args.yes, typed=typed):
        raise asking.Refused("nothing is changed")
    code = asking.change(client, "node-remove", node, seen)
    if code == EXIT_OK:
        print(f"On {plain(name)}, as root:")
        print("  systemctl disable --now corolistener corosync")
    return code


def _votes(told: Json) -> int:
    return sum(row["votes"] for row in told["nodes"] if row["votes"])


def _quorum(told: Json, more: int) -> str:
    before = _votes(told)
    after = before + more
    return f"a majority is then {after // 2 + 1} of {plural(after, 'vote')} (now {before // 2 + 1} of {before})"


def _next_steps(name: str, address: str) -> list[str]:
    """What makes the new machine a node. Run on this one, where the files are."""
    keyfile = _keyfile()
    files = [DEFAULT_FILE, keyfile, *([COROSYNC_KEY] if Path(COROSYNC_KEY).exists() else [])]
    return [
        f"{plain(name)} is in the list of every node. With corosync and coroctl installed there, run here as root:",
        *(f"  ssh root@{plain(address)} install -D -m {_mode(file)} /dev/stdin {file} < {file}" for file in files),
        f"  ssh root@{plain(address)} systemctl enable --now corosync corolistener",
        "  coroctl -l",
    ]


def _mode(file: str) -> str:
    return "0644" if file == DEFAULT_FILE else "0600"


def _keyfile() -> str:
    from coroctl.errors import ConfigError

    try:
        return load_document(DEFAULT_FILE).get("corolistener.keyfile") or DEFAULT_KEY
    except ConfigError:
        return DEFAULT_KEY
