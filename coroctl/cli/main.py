"""The ``coroctl`` command: picks the one command module that is asked for, and imports no other.

A command module has ``configure(parser)`` and ``run(args) -> exit code``; and ``WRONG_CALL``, if arguments that make no
sense do not end in 1.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from coroctl.cli.exits import EXIT_CODES, EXIT_ERROR
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

COMMANDS = {
    "check": "one line for a monitoring system: what is wrong, and numbers",
    "confirm-dead": "a lost node has no power: recover its machines",
    "console": "the live console: what coroctl alone opens on a terminal",
    "conf": "check and compare corosync.conf files; former ones, and what to do about another one",
    "demo": "a real three-node cluster on this machine, watched live",
    "events": "what corolistener noted on this node",
    "fetch": "before corosync starts: take the cluster's current corosync.conf from the other nodes",
    "fence": "ask the fence agents whether nodes are on; nothing is switched",
    "keygen": "make the key that the nodes' corolisteners share, or show its fingerprint",
    "lab": "real corosync clusters on this machine, to try things on and to break",
    "init": "make a corosync cluster one that corolistener serves: its section in corosync.conf",
    "inventory": "how old the inventory of machines is, and where its replicas are",
    "links": "every link from this node, with its latency",
    "log": "a log's end, or what matches in all of it, and what comes from now on",
    "machine": "adopt a virtual machine, forget it, or move it to another node",
    "machines": "the managed machines: where each belongs, and what it does",
    "node": "add a node to the cluster, or remove one",
    "priority": "set a node's priority: the largest is master",
    "promote": "make a node the master, with the largest priority",
    "resume": "end a node's suspension",
    "status": "all that this node knows of its cluster",
    "suspend": "let a node hold and start nothing until resumed",
}
"""Name of a command (its module is ``coroctl.cli.NAME``, with _ for -) and what ``--help`` says of it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what is wrong outside this program is one line on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(words)
    except CoroctlError as error:
        print(f"coroctl: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone (`coroctl ... | head`): there is nobody left to tell.
        sys.stderr.close()
        return EXIT_ERROR
    except OSError as error:
        from coroctl.cli.text import plain

        where = f"{error.filename}: " if error.filename else ""
        print(f"coroctl: {plain(f'{where}{error.strerror or error}')}", file=sys.stderr)
        return EXIT_ERROR


def _dispatch(words: list[str]) -> int:
    if words and words[0] in COMMANDS:
        return _run_command(words[0], words[1:])
    if not words or words == ["--read-only"]:
        return _run_command("console", words)
    if words != ["-l"]:  # the way that every prompt and check takes costs no argparse
        _parser().parse_args(words)
    # This process lives for 50 ms: looking for garbage, now and when it ends, would be a tenth of that.
    gc.disable()
    gc.freeze()
    from coroctl.cli.listing import print_listing

    return print_listing()


def _run_command(name: str, words: list[str]) -> int:
    from importlib import import_module

    from coroctl.cli.parser import Parser

    module = import_module(f"coroctl.cli.{name.replace('-', '_')}")
    text = COMMANDS[name]
    parser = Parser(prog=f"coroctl {name}", description=f"{text[0].upper()}{text[1:]}.")
    parser.wrong_call = getattr(module, "WRONG_CALL", EXIT_ERROR)
    module.configure(parser)
    code: int = module.run(parser.parse_args(words))
    return code


def _parser() -> argparse.ArgumentParser:
    import argparse

    from coroctl import __version__
    from coroctl.cli.parser import Parser

    commands = "\n".join(f"  {name:<12}  {text}" for name, text in COMMANDS.items())
    parser = Parser(
        prog="coroctl",
        description="The console of a corosync cluster: live on a terminal, a plain node list with -l or elsewhere.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"commands (coroctl COMMAND --help says more):\n{commands}\n\n{EXIT_CODES}",
        usage="coroctl [-l] [--read-only] [--version] | coroctl COMMAND ...",
    )
    parser.add_argument("-l", "--list", action="store_true", help="print the node list and exit")
    parser.add_argument("--read-only", action="store_true", help="the console without its actions")
    parser.add_argument("--version", action="version", version=f"coroctl {__version__}")
    return parser
