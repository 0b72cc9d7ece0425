"""``coroctl check``: one line for a monitoring system, as its plugins have them: verdict, why, and numbers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coroctl.alarms import Kind, Severity, alarms
from coroctl.cli.status import verdict
from coroctl.cli.text import plain
from coroctl.model import NodeStatus

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from coroctl.alarms import Alarm
    from coroctl.model import Snapshot

OK, WARNING, CRITICAL, UNKNOWN = range(4)
WRONG_CALL = UNKNOWN
"""1 would be read as WARNING."""
_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")

_EPILOG = "exit codes, as monitoring plugins have them: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN"


def configure(parser: argparse.ArgumentParser) -> None:
    """What to leave out, and how much to say."""
    parser.epilog = _EPILOG
    kinds = sorted(kind.value for kind in Kind)
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        choices=kinds,
        metavar="KIND",
        help=f"leave alarms of that kind out; may be repeated: {', '.join(kinds)}",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="then a line an alarm, with what to do about it")


def run(args: argparse.Namespace) -> int:
    """Print the line; whatever happens, an exit code that a monitoring system understands."""
    try:
        code, lines = _checked(args)
    except Exception as error:  # noqa: BLE001 - a plugin that ends with a traceback would be read as WARNING
        code, lines = UNKNOWN, [f"COROCTL UNKNOWN - {plain(str(error)) or type(error).__name__}"]
    print("\n".join(lines), flush=True)
    return code


def _checked(args: argparse.Namespace) -> tuple[int, list[str]]:
    from coroctl.sources.once import everything

    snapshot = everything()
    found = [one for one in alarms(snapshot, time.time()) if one.kind.value not in args.ignore]
    code = code_of(found)
    return code, [line(snapshot, found, code), *(details(found) if args.verbose else ())]


def code_of(found: Iterable[Alarm]) -> int:
    """The worst counts; what cannot be seen is UNKNOWN, unless something critical can be."""
    found = tuple(found)
    if any(one.severity is Severity.CRITICAL for one in found):
        return CRITICAL
    if any(one.kind is Kind.BLIND for one in found):
        return UNKNOWN
    return WARNING if found else OK


def line(snapshot: Snapshot, found: list[Alarm], code: int) -> str:
    """``COROCTL WARNING - cluster: what is wrong | numbers``."""
    said = "; ".join(one.text for one in found) or _all_well(snapshot)
    name = f"{snapshot.cluster_name}: " if snapshot.cluster_name else ""
    # The numbers begin at the first bar, and plugins have one line.
    return f"COROCTL {_WORDS[code]} - {plain(name + said).replace('|', '/')} | {' '.join(numbers(snapshot, found))}"


def details(found: Iterable[Alarm]) -> list[str]:
    """A line an alarm: how bad, of which kind, why, and what to do."""
    return [
        plain(f"{one.severity.value} [{one.kind.value}] {one.text}. To do: {one.todo}").replace("|", "/")
        for one in found
    ]


def _all_well(snapshot: Snapshot) -> str:
    told = snapshot.mastership
    master = snapshot.node(told.master) if told else None
    who = f", master {master.name or master.nodeid}" if master else ""
    return f"{verdict(snapshot)}{who}"


def numbers(snapshot: Snapshot, found: Iterable[Alarm]) -> list[str]:
    """``label=value[unit];warn;crit;min;max``, of what is known; rates of failures are the monitoring system's."""
    links = [link for node in snapshot.nodes for link in node.links]
    joined = [node for node in snapshot.nodes if node.status is NodeStatus.JOINED]
    told = [f"nodes_joined={len(joined)};;;0;{len(snapshot.nodes)}"]
    if (quorum := snapshot.quorum) is not None:
        told.append(f"votes={quorum.present};;{quorum.needed}:;0;{quorum.expected}")
    if snapshot.can_lose is not None:
        told.append(f"can_lose={snapshot.can_lose};1:;;0")
    if links:
        told.append(f"links_down={sum(not link.connected for link in links)};0;;0;{len(links)}")
        told.append(f"link_failures={sum(link.downs or 0 for link in links)}c")
        told += [f"link_latency_max={max(known)}us" for known in [_latencies(snapshot)] if known]
    if snapshot.mastership is not None and snapshot.mastership.lease is not None:
        lease = snapshot.mastership.lease
        told.append(f"lease_age={lease.age_ms}ms;{lease.lease_ms // 2};{lease.lease_ms};0")
        told.append(f"term={lease.term}c")
    return [*told, f"alarms={sum(1 for _ in found)};0;;0"]


def _latencies(snapshot: Snapshot) -> list[int]:
    return [link.latency_us for node in snapshot.nodes for link in node.links if link.connected and link.latency_us]
