"""``coroctl keygen``: make the cluster's key, or show the fingerprints of the one that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.errors import LibraryMissing

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from coroctl.daemon.keys import Key

DEFAULT_FILE = "/etc/corolistener/authkey"
EXIT_OK = 0

_EPILOG = """\
All nodes of a cluster share one key file. To change the key without interrupting anything, in three rounds, each
ended on every node (systemctl reload corolistener) before the next one begins:
  1. make a key in another file, and add its line below the old one in every node's key file
  2. put the new line above the old one
  3. remove the old line
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    import argparse

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("--file", metavar="PATH", default=DEFAULT_FILE, help=f"default: {DEFAULT_FILE}")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--force", action="store_true", help="replace a key that is there")
    what.add_argument("--show", action="store_true", help="make nothing, print the fingerprint of each key in the file")


def run(args: argparse.Namespace) -> int:
    """Run the command; KeyFileError says why there is no key, or why none was made."""
    try:
        from coroctl.daemon.keys import load_keys, write_new
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("cryptography"):
            raise
        raise LibraryMissing("Python's cryptography", "python3-cryptography") from error
    if args.show:
        _print_fingerprints(load_keys(args.file))
    else:
        _print_made(args.file, write_new(args.file, replace=args.force))
    return EXIT_OK


def _print_fingerprints(keys: Sequence[Key]) -> None:
    for number, key in enumerate(keys):
        print(key.fingerprint, "only opens" if number else "seals and opens")


def _print_made(file: str, key: Key) -> None:
    from shlex import quote

    from coroctl.cli.text import plain

    path = plain(quote(file))
    print(f"made {path}, fingerprint {key.fingerprint}")
    print("bring it to every other node:")
    print(f"  ssh root@NODE install -D -m 0600 /dev/stdin {path} < {path}")
    print(f"and look there whether the fingerprint is the same: coroctl keygen --show --file {path}")
