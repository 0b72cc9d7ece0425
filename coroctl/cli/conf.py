"""``coroctl conf``: check a corosync.conf, compare two; former.py has what concerns the cluster's file."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from coroctl.cli import former
from coroctl.conf.document import Document
from coroctl.conf.files import DEFAULT_FILE, load, load_document
from coroctl.errors import ConfigError, CoroctlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coroctl.conf.finding import Finding

HELP = "check and compare corosync.conf files"
EXIT_OK = 0
EXIT_FOUND = 1
EXIT_TROUBLE = 2
LOADED = "node:"
"""Before the name of a node whose loaded file is meant."""

_LINT_EPILOG = """\
exit codes:
  0  no errors (there may be warnings)
  1  errors
  2  the file could not be read
"""
_DIFF_EPILOG = """\
exit codes:
  0  the files are the same, byte for byte
  1  they differ
  2  one of them could not be read, or corosync could not parse it
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    commands = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    raw = argparse.RawDescriptionHelpFormatter
    lint = commands.add_parser("lint", help="say what is wrong with a file", epilog=_LINT_EPILOG, formatter_class=raw)
    lint.add_argument("file", metavar="FILE", nargs="?", help=f"default: {DEFAULT_FILE}, checked for this machine, too")
    diff = commands.add_parser("diff", help="compare two files", epilog=_DIFF_EPILOG, formatter_class=raw)
    diff.add_argument("before", metavar="A", help=f"a file, or {LOADED}NODE: what that node has loaded")
    diff.add_argument("after", metavar="B")
    for command in (lint, diff):
        command.add_argument("--json", action="store_true", help="print one JSON object")
    former.configure(commands)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    try:
        match args.verb:
            case "lint":
                return _lint(args.file, as_json=args.json)
            case "diff":
                return _diff(args.before, args.after, as_json=args.json)
            case _:
                return former.run(args)
    except ConfigError as error:
        from coroctl.conf.plain import plain

        print(f"coroctl: {plain(str(error))}", file=sys.stderr)
        return EXIT_TROUBLE


def _lint(file: str | None, *, as_json: bool) -> int:
    from coroctl.conf.lint import Severity, lint
    from coroctl.sources.local_facts import local_facts

    name = file or DEFAULT_FILE
    findings = lint(load(name), name, local_facts() if name == DEFAULT_FILE else None)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if as_json:
        _print_json({"version": 1, "file": name, "errors": errors, "findings": [_as_dict(found) for found in findings]})
    else:
        _print_findings(name, findings, errors)
    return EXIT_FOUND if errors else EXIT_OK


def _print_findings(name: str, findings: Sequence[Finding], errors: int) -> None:
    from coroctl.conf.plain import plain

    for finding in findings:
        print(finding)
    print(f"{plain(name)}: {_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _as_dict(finding: Finding) -> dict[str, object]:
    return {**finding._asdict(), "severity": finding.severity.value}


def _diff(before: str, after: str, *, as_json: bool) -> int:
    from coroctl.conf.diff import diff, in_lines

    found = diff(_document(before), _document(after))
    if as_json:
        changes = [change._asdict() for change in found.changes]
        _print_json({"version": 1, "identical": found.identical, "changes": changes, "diff": list(found.lines)})
    elif not found.identical:
        print("\n".join(in_lines(found)))
    return EXIT_OK if found.identical else EXIT_FOUND


def _document(name: str) -> Document:
    if not name.startswith(LOADED):
        return load_document(name)
    from coroctl.actions import find_node
    from coroctl.client import Client
    from coroctl.sources.daemon import snapshot_of
    from coroctl.sources.loaded import loaded_by

    try:
        client = Client()
        node = find_node(snapshot_of(client.snapshot()), name.removeprefix(LOADED))
        data = loaded_by(node, client).data
    except CoroctlError as error:
        raise ConfigError(name, 0, str(error)) from error
    return Document.parse(data, name)


def _print_json(value: dict[str, object]) -> None:
    import json

    print(json.dumps(value, indent=2))
