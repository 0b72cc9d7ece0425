"""What commands that change the configuration share, but for those with a preflight: ask, send, and report by node."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from coroctl.actions import Seen
from coroctl.cli.change import EXIT_OK, EXIT_REFUSED, EXIT_UNKNOWN
from coroctl.cli.text import plain, table
from coroctl.client import Denied, Rejected
from coroctl.conduct import claimed_origin
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from coroctl.client import Client, Json, Outcome

LOADED_S = 10.0
"""How long the nodes' loading is waited for once the change is in force."""


class Refused(CoroctlError):
    """It is not even asked for."""


def confirmed(question: str, *, yes: bool, typed: str = "") -> bool:
    """Whether the person agrees; with `typed` only by typing that word. Without a terminal: only with `yes`."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Refused("nobody can be asked, since standard input is no terminal: give --yes")
    try:
        if typed:
            return input(f"{question} Type {plain(typed)} to go on: ").strip() == typed
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def refuse(why: str) -> int:
    """Say why nothing was changed; the exit code."""
    print(f"coroctl: refused: {plain(why)}", file=sys.stderr)
    return EXIT_REFUSED


def seen_in(told: Json) -> Seen:
    """Term and file of the daemon's snapshot. Refused if nobody could carry a change out."""
    lease = told["mastership"]["lease"]
    if lease is None:
        raise Refused("nobody holds the lease, so nobody can carry it out (coroctl status says why)")
    loaded = told["configuration"]["loaded"]
    return Seen(lease["term"], loaded["version"], loaded["digest"])


def change(
    client: Client, verb: str, node: int, seen: Seen, more: Json | None = None, *, everywhere: bool = True
) -> int:
    """Ask for it, say how it ended and, if it concerns them all, what each node has; the exit code."""
    user, origin = claimed_origin()
    began = time.monotonic()
    try:
        outcome = client.change(verb, node, seen, more, user=user, origin=origin)
    except (Denied, Rejected) as error:
        return refuse(str(error))
    print(f"{outcome.verdict}, after {time.monotonic() - began:.2f} s")
    return _reported(client, outcome, seen.version + 1 if everywhere else None)


def _reported(client: Client, outcome: Outcome, version: int | None) -> int:
    if outcome.why:
        print(f"coroctl: {plain(outcome.why)}", file=sys.stderr)
    if outcome.verdict != "ok":
        return EXIT_REFUSED if outcome.verdict == "refused" else EXIT_UNKNOWN
    if version is None:
        return EXIT_OK
    rows, late = _loaded(client, version)
    print("\n".join(f"  {line}" for line in table(("node", "has loaded"), rows)))
    if late:
        print(f"coroctl: not loaded within {LOADED_S:g} s by {', '.join(map(plain, late))}", file=sys.stderr)
        return EXIT_UNKNOWN
    return EXIT_OK


def _loaded(client: Client, version: int) -> tuple[list[tuple[str, str]], list[str]]:
    """What each node has, when all that are heard have it or the time is up; and who is late."""
    import select

    deadline = time.monotonic() + LOADED_S
    with client.watch() as stream:
        told: Json = {"nodes": []}
        late = [""]
        while late and (left := deadline - time.monotonic()) > 0:
            select.select([stream.fileno()], [], [], left)
            for told in stream.take():
                heard = [row for row in told["nodes"] if row["configuration"]]
                late = [_called(row) for row in heard if row["configuration"]["version"] < version]
    return [(plain(_called(row)), _file(row)) for row in told["nodes"]], late


def _called(row: Json) -> str:
    return row["name"] or f"node {row['nodeid']}"


def _file(row: Json) -> str:
    loaded = row["configuration"]
    return f"{loaded['version']}:{loaded['digest'][:8]}" if loaded else "not heard"
