"""``coroctl init``: adds to a corosync.conf what corolistener needs, and says how to go on. Writes nothing unasked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.cli.change import EXIT_OK, refuse
from coroctl.cli.former import STATE
from coroctl.cli.text import plain
from coroctl.conf.cluster import read_cluster
from coroctl.conf.diff import diff, in_lines
from coroctl.conf.document import Document
from coroctl.conf.files import DEFAULT_FILE, load
from coroctl.conf.lint import Severity, lint
from coroctl.conf.schema import default_of
from coroctl.daemon.configuration import parsed
from coroctl.errors import ConfigError, CoroctlError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.conf.cluster import Cluster, NodeConf
    from coroctl.daemon.configuration import Loaded
    from coroctl.model import NodeId

SECTION = "corolistener"
OPTIONS = {
    "cloud_ip": ("ADDRESS", "the cluster address that the master holds"),
    "cloud_ip_dev": ("DEVICE", f"its device on every node; default {default_of(SECTION, 'cloud_ip_dev')}"),
    "cloud_mask": ("BITS", f"its prefix length; default {default_of(SECTION, 'cloud_mask')}"),
    "service": ("UNIT", "systemd unit of the manager that the master runs"),
    "manager_conf": ("PATH", "the manager's own file, whose CloudIpDev and CloudMask count"),
    "ping_target": ("ADDRESS", "a node that does not reach it does not become master"),
    "failback": ("on|off", "whether the node with the largest priority takes the role back"),
    "lease_ms": ("MS", f"how long a dead master is waited for; default {default_of(SECTION, 'lease_ms')}"),
    "heartbeat_ms": ("MS", f"default {default_of(SECTION, 'heartbeat_ms')}"),
    "port": ("PORT", f"UDP and TCP between the nodes; default {default_of(SECTION, 'port')}"),
}
"""Keys of the section that may be given here; the manual has all of them."""
_ASKED = ("cloud_ip", "cloud_ip_dev", "service")
_STEP = 10


class Refused(CoroctlError):
    """Nothing is written."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "What is not given is asked for on a terminal. The difference is shown, and nothing is written before it is\n"
        "agreed to. Run it on one node; it says what to do on the others.\n"
        "exit codes: 0 written, 4 refused (nothing is changed), 1 error"
    )
    parser.add_argument("--file", type=Path, metavar="FILE", default=Path(DEFAULT_FILE), help=f"default {DEFAULT_FILE}")
    for key, (metavar, text) in OPTIONS.items():
        parser.add_argument(f"--{key.replace('_', '-')}", dest=key, metavar=metavar, help=text)
    parser.add_argument(
        "--prio",
        metavar="NODE=N",
        action="append",
        default=[],
        type=_prio,
        help="of one node, 0: never master; may be given again",
    )
    parser.add_argument(
        "--ihttpd-port",
        metavar="PORT",
        action="append",
        default=[],
        type=int,
        help="where the manager answers; may be given again",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--dry-run", action="store_true", help="show the difference and what is wrong, write nothing")


def run(args: argparse.Namespace) -> int:
    """Show what would change, ask, write; the exit code."""
    before = load(args.file)
    document = Document.parse(before, str(args.file))
    try:
        _insist_new(document)
        cluster = read_cluster(document)
        keys = {key: getattr(args, key) for key in OPTIONS if getattr(args, key) is not None}
        prios = _priorities(cluster, dict(args.prio))
        if not (args.yes or args.dry_run) and sys.stdin.isatty():
            keys, prios = _asked(keys, cluster, prios)
        after = with_section(document, keys, prios, args.ihttpd_port).render()
        print("\n".join(in_lines(diff(document, Document.parse(after, "as it would be")))), flush=True)
        if not _is_sound(after, args.file):
            return refuse("a file with errors is not written")
        if args.dry_run:
            return EXIT_OK
        if not _agreed(f"Write {plain(str(args.file))}? [y/N] ", yes=args.yes):
            return refuse("nothing is changed")
    except Refused as refused:
        return refuse(str(refused))
    _write(args.file, before, after)
    print("\n".join(next_steps(args.file, parsed(after, str(args.file)))))
    return EXIT_OK


def _insist_new(document: Document) -> None:
    found = document.sections(SECTION)
    if found:
        raise Refused(
            f"{document.file}:{found[0].line}: there is a {SECTION} section already: edit it on every node, raise"
            " config_version, and reload (corosync-cfgtool -R)"
        )
    if not read_cluster(document).nodes:
        raise Refused(f"{document.file} has no nodelist: corolistener needs one, with a nodeid for every node")


def _agreed(question: str, *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Refused("nobody can be asked, since standard input is no terminal: look with --dry-run, then give --yes")
    try:
        return input(question).strip().lower() in {"y", "yes"}
    except EOFError:
        return False


# What is wanted


def _prio(word: str) -> tuple[str, int]:
    name, _, value = word.rpartition("=")
    if not name or not value.isdecimal():
        raise argparse.ArgumentTypeError(f"{word!r} is not NODE=N")
    return name, int(value)


def _priorities(cluster: Cluster, given: Mapping[str, int]) -> dict[int, int]:
    """Of the nodes that have none in the file, and of those that were named: by place in the file, falling."""
    found = {}
    rest = dict(given)
    for place, node in enumerate(cluster.nodes):
        number = node.position
        value = next((rest.pop(name) for name in _names(node) if name in rest), None)
        if value is not None:
            found[number] = value
        elif node.prio is None:
            found[number] = _STEP * (len(cluster.nodes) - place)
    if rest:
        raise Refused(f"--prio {next(iter(rest))}: the nodelist has no such node")
    return found


def _names(node: NodeConf) -> tuple[str, ...]:
    return tuple(filter(None, (node.name, str(node.nodeid or ""))))


def _asked(keys: dict[str, str], cluster: Cluster, prios: dict[int, int]) -> tuple[dict[str, str], dict[int, int]]:
    """The same with what the person says; an empty answer takes what is proposed."""
    answers = dict(keys)
    for key in _ASKED:
        if key not in keys:
            proposed = default_of(SECTION, key) or ""
            said = input(f"{OPTIONS[key][1].partition(';')[0]} [{proposed or 'none'}]: ").strip()
            if said and said != proposed:
                answers[key] = said
    chosen = {}
    for node in cluster.nodes:
        if node.position in prios:
            proposed = str(prios[node.position])
            said = input(f"priority of {plain(node.name or str(node.nodeid))} [{proposed}]: ").strip()
            if not (said or proposed).isdecimal():
                raise Refused(f"a priority is a number, and not {said}")
            chosen[node.position] = int(said or proposed)
    return answers, chosen


# The file


def with_section(document: Document, keys: Mapping[str, str], prios: Mapping[int, int], ports: list[int]) -> Document:
    """The next version, with the section (and ihttpd, if there are ports) at its end. `prios` by place in the list."""
    for position, prio in prios.items():
        section = document.sections("nodelist.node")[position]
        document = document.set_in(section, "prio", str(prio))
    if ports:
        rows = [("count", str(len(ports))), *((f"port{place}", str(port)) for place, port in enumerate(ports))]
        document = document.add_section("ihttpd", rows)
    document = document.add_section(SECTION, [(key, keys[key]) for key in OPTIONS if key in keys])
    return document.set("totem.config_version", str(read_cluster(document).config_version + 1))


def _is_sound(data: bytes, file: Path) -> bool:
    findings = lint(data, str(file))
    for finding in findings:
        print(finding, file=sys.stderr)
    return all(one.severity is not Severity.ERROR for one in findings)


def _write(file: Path, before: bytes, after: bytes) -> None:
    """Durably, in one instant; owner, mode and symlink stay. The former one of this node goes into its history."""
    from coroctl.daemon.durable import look_of, rename, write
    from coroctl.daemon.history import FOUND, History

    target = file.resolve()
    if str(file) == DEFAULT_FILE:
        History(Path(STATE) / "conf").keep(before, FOUND)
    beside = target.with_name(f".{target.name}.init")
    write(beside, after, look_of(target))
    rename(beside, target)


def next_steps(file: Path, loaded: Loaded) -> list[str]:
    """What a person runs on this node to make the cluster load the file and start the daemons."""
    cluster, conf = loaded.cluster, plain(str(file))
    key = plain(cluster.listener.keyfile)
    others = " ".join(plain(node.address) for node in cluster.nodes if node.nodeid != _own(loaded, file))
    service = cluster.listener.service
    # The daemon starts the manager from now on, on the master only.
    start = [f"systemctl disable --now {plain(service)}"] if service else []
    start.append("systemctl enable --now corolistener")
    return [
        f"{conf} is written, version {cluster.config_version}, and not loaded yet. Run here, as root:",
        *([] if Path(key).exists() else ["  coroctl keygen"]),
        f"  for node in {others}; do",
        f"    ssh root@$node install -m 0644 /dev/stdin {conf} < {conf}",
        f"    ssh root@$node install -D -m 0600 /dev/stdin {key} < {key}",
        "  done",
        "  corosync-cfgtool -R",
        *(f"  {command}" for command in start),
        f"  for node in {others}; do",
        *(f"    ssh root@$node {command}" for command in start),
        "  done",
        "  coroctl -l",
    ]


def _own(loaded: Loaded, file: Path) -> NodeId | None:
    """Which node this machine is; None: none, and the steps name them all."""
    from coroctl.daemon.configuration import own_node

    try:
        return own_node(loaded, file)
    except ConfigError:
        return None
