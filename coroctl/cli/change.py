"""What all commands that change the cluster have in common: look, ask, follow, report.

Once it is asked for, the daemon carries the change out: Ctrl-C, or a terminal that is lost, only ends the watching.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from coroctl import actions
from coroctl.actions import Ask, Verdict, command_line, find_node, must_type, to_type, what_to_type
from coroctl.cli.text import plain, table
from coroctl.client import Client, Denied, Rejected
from coroctl.conduct import conduct, preflight, turned_away
from coroctl.sources.daemon import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coroctl.actions import Action, Outlook
    from coroctl.client import Json
    from coroctl.conduct import Report, Step

EXIT_OK = 0
EXIT_REFUSED = 4
EXIT_UNKNOWN = 5
EXIT_CODES = "exit codes: 0 ok, 4 refused (nothing is changed), 5 unknown (look before you ask again), 1 error"
_EXITS = {"ok": EXIT_OK, "refused": EXIT_REFUSED, "withdrawn": EXIT_REFUSED, "unknown": EXIT_UNKNOWN}
_MARKS = {Verdict.PASS: "ok", Verdict.WARN: "WARN", Verdict.FAIL: "FAIL"}


def configure(parser: argparse.ArgumentParser, action: Action) -> None:
    """The arguments of an action on a node."""
    parser.add_argument("node", metavar="NODE", help="its name, else its nodeid")
    if action.takes_value:
        parser.add_argument("value", metavar="N", type=prio, help="0 (never master) to 1000000")
    configure_options(parser, action)


def configure_options(parser: argparse.ArgumentParser, action: Action) -> None:
    """The options of every action."""
    parser.add_argument("--yes", action="store_true", help="answer every question with yes")
    parser.add_argument(
        "--force",
        metavar="CHECK",
        action="append",
        default=[],
        help="go on although this check fails; not for checks of safety; may be given again",
    )
    parser.add_argument("--dry-run", action="store_true", help="show the preflight, change nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text (docs/actions.md)")
    parser.set_defaults(asks_for=action)
    parser.epilog = f"At worst it {action.risk.value}. It takes root, or group {actions.GROUP}. {EXIT_CODES}."


def run(args: argparse.Namespace, action: Action) -> int:
    """Carry out an action on a node; the exit code."""
    value = getattr(args, "value", None)
    return perform(args, lambda told: Ask(action, find_node(snapshot_of(told), args.node), value))


def perform(args: argparse.Namespace, wish: Callable[[Json], Ask], then: Callable[[], Sequence[str]] = tuple) -> int:
    """Look, ask, follow, report; the exit code. `wish` makes the request of what the daemon knows.

    `then`: what is to be said when it was carried out, and everything that was foretold has happened.
    """
    client = Client()
    try:
        # By what the daemon knows, which is what the change is judged by.
        ask = wish(client.snapshot())._replace(force=frozenset(args.force))
        outlook = preflight(client, ask)
    except Denied as error:
        # To look takes less than to change: who only looks is told of the lesser group, and is no event.
        return refuse(str(error if args.dry_run else turned_away(client, args.asks_for)))
    except Rejected as error:
        return refuse(str(error))
    if not args.json:
        print("\n".join(outlook_lines(ask, outlook)), flush=True)
    code = _may_go_on(args, ask, outlook)
    if code is not None:
        if args.json:
            print(json.dumps(_as_json(outlook, None), indent=2))
        return code
    code = _carry_out(args, client, ask, outlook)
    if code == EXIT_OK and (lines := then()):
        print("\n".join(lines), file=sys.stderr if args.json else sys.stdout)
    return code


def _may_go_on(args: argparse.Namespace, ask: Ask, outlook: Outlook) -> int | None:
    """None: go on. Else the exit code; why is said."""
    failing = outlook.failing(ask.force)
    if failing:
        return refuse("; ".join(f"{one.name}: {one.reason}" for one in failing))
    if outlook.nothing:
        if not args.json:
            print(f"nothing to do: {plain(outlook.nothing)}")
        return EXIT_OK
    if args.dry_run:
        return EXIT_OK
    return None if args.yes else _questions(ask, outlook)


def _carry_out(args: argparse.Namespace, client: Client, ask: Ask, outlook: Outlook) -> int:
    try:
        report = conduct(client, ask, outlook, lambda step: _progress(args, step))
    except (Denied, Rejected) as error:
        return refuse(str(error))
    except KeyboardInterrupt:
        print("\ncoroctl: the change goes on without you; coroctl status and coroctl events show it", file=sys.stderr)
        return EXIT_UNKNOWN
    if args.json:
        print(json.dumps(_as_json(outlook, report), indent=2))
    else:
        print("\n".join(report_lines(report)))
    if report.why:
        print(f"coroctl: {report.verdict}: {plain(report.why)}", file=sys.stderr)
    if report.missing:
        print(f"coroctl: the change is in force, but {plain(report.missing)}", file=sys.stderr)
    return EXIT_UNKNOWN if report.missing else _EXITS.get(report.verdict, EXIT_UNKNOWN)


# Questions


def _questions(ask: Ask, outlook: Outlook) -> int | None:
    if not sys.stdin.isatty():
        return refuse("nobody can be asked, since standard input is no terminal: look with --dry-run, then give --yes")
    try:
        agreed = _agreed(ask, outlook)
    except EOFError:
        agreed = False
    if agreed:
        return None
    return refuse("nothing is changed")


def _agreed(ask: Ask, outlook: Outlook) -> bool:
    if not must_type(ask.action, outlook):
        return input(f"{ask.action.label} {plain(outlook.name)}? [y/N] ").strip().lower() in {"y", "yes"}
    wanted = to_type(ask, outlook)
    said = input(f"{ask.action.label}: type the {what_to_type(ask)}, {plain(wanted)}, to go on: ").strip()
    return said == wanted or (not ask.machine and said == str(ask.node))


def refuse(why: str) -> int:
    """Say why nothing was changed; the exit code."""
    print(f"coroctl: refused: {plain(why)}", file=sys.stderr)
    return EXIT_REFUSED


# Text


def outlook_lines(ask: Ask, outlook: Outlook) -> list[str]:
    """The preflight as people read it."""
    words = [ask.action.label.lower(), plain(outlook.name), "" if ask.value is None else str(ask.value)]
    rows = [
        (_mark(one, ask.force), one.name, f"{plain(one.reason)}{_forceable(one, ask.force)}") for one in outlook.checks
    ]
    effects = [(one.what, plain(one.text)) for one in outlook.effects]
    difference = ["What differs in corosync.conf:", *(f"  {plain(line)}".rstrip() for line in outlook.difference)]
    return [
        f"Preflight: {' '.join(filter(None, words))}",
        *_indented(rows),
        *(difference if outlook.difference else []),
        *([] if outlook.nothing else [f"What {'would' if outlook.failing(ask.force) else 'will'} happen:"]),
        *([] if outlook.nothing else _indented(effects)),
        f"The same as: {plain(command_line(ask, outlook.name))} --yes",
    ]


def report_lines(report: Report) -> list[str]:
    """How it ended, and what each node has."""
    rows = [
        (plain(one.name), one.loaded or "not heard", "" if one.current or not one.loaded else "old", one.role)
        for one in report.nodes
    ]
    return [f"{report.verdict}, after {report.took_s:.2f} s", *_indented(rows)]


def _mark(check: actions.Check, force: frozenset[str]) -> str:
    forced = check.verdict is Verdict.FAIL and check.name in force and not check.safety
    return "forced" if forced else _MARKS[check.verdict]


def _forceable(check: actions.Check, force: frozenset[str]) -> str:
    if check.verdict is not Verdict.FAIL or check.safety or check.name in force:
        return ""
    return f" (--force {check.name} goes on all the same)"


def _indented(rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"  {line}" for line in table(rows[0], rows[1:])] if rows else []


def _progress(args: argparse.Namespace, step: Step) -> None:
    print(f"{step.at_s:6.2f} s  {plain(step.text)}", file=sys.stderr if args.json else sys.stdout, flush=True)


def _as_json(outlook: Outlook, report: Report | None) -> Json:
    return {
        "schema": 1,
        "preflight": {
            "name": outlook.name,
            "nothing": outlook.nothing,
            "checks": [{**one._asdict(), "verdict": one.verdict.value} for one in outlook.checks],
            "effects": [one._asdict() for one in outlook.effects],
            "loses": outlook.loses,
            "gains": outlook.gains,
            "difference": outlook.difference,
        },
        "outcome": None
        if report is None
        else {
            "verdict": report.verdict,
            "why": report.why,
            "missing": report.missing,
            "took_ms": round(report.took_s * 1000),
            "nodes": [one._asdict() for one in report.nodes],
        },
    }


def prio(word: str) -> int:
    """For argparse."""
    value = int(word)
    if not 0 <= value <= actions.LARGEST_PRIO:
        raise argparse.ArgumentTypeError(f"a priority is 0 to {actions.LARGEST_PRIO}")
    return value


prio.__name__ = "priority"  # as argparse names it in its errors
