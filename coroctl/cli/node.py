"""``coroctl node add`` and ``coroctl node remove``: one node of the cluster more, or one less."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.actions import NODE_ADD, NODE_REMOVE, Ask, find_node
from coroctl.cli import change
from coroctl.cli.keygen import DEFAULT_FILE as DEFAULT_KEY
from coroctl.cli.text import plain
from coroctl.conf.files import DEFAULT_FILE, load_document
from coroctl.model import NodeId
from coroctl.sources.daemon import snapshot_of

if TYPE_CHECKING:
    import argparse

    from coroctl.client import Json

COROSYNC_KEY = "/etc/corosync/authkey"


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.epilog = f"One node a change. {change.EXIT_CODES}."
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    add = verbs.add_parser("add", help=NODE_ADD.help)
    add.add_argument("name", metavar="NAME", help="as the machine calls itself (uname -n)")
    add.add_argument("addresses", metavar="ADDRESS", help="of each link, parted by commas")
    add.add_argument("--nodeid", type=int, metavar="N", help="default: the next free one")
    add.add_argument("--prio", type=change.prio, metavar="N", default=1, help="0: it never becomes master; default 1")
    remove = verbs.add_parser("remove", help=NODE_REMOVE.help)
    remove.add_argument("node", metavar="NODE", help="its name, else its nodeid")
    change.configure_options(add, NODE_ADD)
    change.configure_options(remove, NODE_REMOVE)


def run(args: argparse.Namespace) -> int:
    """Carry it out; the exit code."""
    if args.verb == "add":
        addresses = tuple(args.addresses.split(","))
        return change.perform(args, partial(_newcomer, args, addresses), lambda: _next_steps(args.name, addresses[0]))
    return change.perform(args, partial(_leaver, args), lambda: _last_steps(args.node))


def _newcomer(args: argparse.Namespace, addresses: tuple[str, ...], told: Json) -> Ask:
    node = args.nodeid or max((row["nodeid"] for row in told["nodes"]), default=0) + 1
    given = [] if args.nodeid is None else ["--nodeid", str(node)]
    words = (args.name, args.addresses, *given, "--prio", str(args.prio))
    return Ask(NODE_ADD, NodeId(node), args.prio, words=words, name=args.name, addresses=addresses)


def _leaver(args: argparse.Namespace, told: Json) -> Ask:
    return Ask(NODE_REMOVE, find_node(snapshot_of(told), args.node))


def _last_steps(name: str) -> list[str]:
    return [f"On {plain(name)}, as root:", "  systemctl disable --now corolistener corosync"]


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
