"""``coroctl machine adopt``, ``forget`` and ``move``: whose machine is managed, and where it is to run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coroctl.actions import MACHINE_ADOPT, MACHINE_FORGET, MACHINE_MOVE, Ask, find_node
from coroctl.cli import change
from coroctl.model import NodeId
from coroctl.sources.daemon import snapshot_of

if TYPE_CHECKING:
    import argparse

    from coroctl.client import Json

_VERBS = {"adopt": MACHINE_ADOPT, "forget": MACHINE_FORGET, "move": MACHINE_MOVE}


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.epilog = f"One machine a change; coroctl machines lists them. {change.EXIT_CODES}."
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for word, action in _VERBS.items():
        verb = verbs.add_parser(word, help=action.help)
        verb.add_argument("name", metavar="NAME", help="as libvirt calls it")
        if action is MACHINE_ADOPT:
            verb.add_argument("node", metavar="NODE", nargs="?", help="where it is; default: this node")
        elif action is MACHINE_MOVE:
            verb.add_argument("node", metavar="NODE", help="where it is to run: its name, else its nodeid")
            verb.add_argument(
                "--cold", action="store_true", help="stop it and start it there, also if it could move live"
            )
        change.configure_options(verb, action)


def run(args: argparse.Namespace) -> int:
    """Carry it out; the exit code."""
    return change.perform(args, partial(_wish, args))


def _wish(args: argparse.Namespace, told: Json) -> Ask:
    action, word = _VERBS[args.verb], getattr(args, "node", None)
    words = (args.name,) if word is None else (args.name, word)
    if word is not None:
        node = find_node(snapshot_of(told), word)
    else:
        node = NodeId(told["node"] if action is MACHINE_ADOPT else 0)
    cold = getattr(args, "cold", False)
    return Ask(action, node, words=(*words, "--cold") if cold else words, machine=args.name, cold=cold)
