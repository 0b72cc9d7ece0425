"""The fallback where the libraries cannot be used: corosync's own command line tools, and their text.

Reads corosync 3 and 2.4 alike (2.4 keeps the members under another prefix).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coroctl.errors import CorosyncLost
from coroctl.model import Availability, Gap, NodeId, Quorum, Snapshot, Source
from coroctl.sources.members import MEMBERS, links, nodes, numbered, text, whole
from coroctl.sources.programs import ProgramFailed, output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.model import Node
    from coroctl.sources.members import Value

_MEMBERS_2 = "runtime.totem.pg.mrp.srp.members."
_NUMBERS = ("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64")
_NOT_QUORATE = 2
"""corosync-quorumtool -s ends with 1 on errors, and since 3.0 with 2 when the cluster is not quorate."""


def ask(timeout_s: float) -> Snapshot:
    """A snapshot from the tools' text. Raises CorosyncLost if corosync is not running, ProgramFailed otherwise."""
    deadline = time.monotonic() + timeout_s
    keys = read_cmap(_run(deadline, "corosync-cmapctl"))
    said = read_status(_run(deadline, "corosync-quorumtool", "-s", good_codes=(0, _NOT_QUORATE)))
    transport = text(keys.get("totem.transport")) or "knet"
    found = nodes(keys, _members(keys))
    local = whole(said.get("Node ID"))
    gaps: tuple[Gap, ...] = ()
    if transport == "knet":
        found, gaps = _with_links(found, local, deadline)
    else:
        gaps = (Gap("links", f"transport {transport} does not tell the state of its links"),)
    return Snapshot(
        source=Source.COMMANDS,
        availability=Availability.ANSWERED,
        cluster_name=text(keys.get("totem.cluster_name")),
        nodes=found,
        quorate={"Yes": True, "No": False}.get(said.get("Quorate", "")),
        local=NodeId(local) if local else None,
        transport=transport,
        quorum=_quorum(said),
        gaps=gaps,
    )


def _run(deadline: float, *argv: str, good_codes: tuple[int, ...] = (0,)) -> str:
    try:
        return output(argv, deadline - time.monotonic(), good_codes=good_codes)
    except ProgramFailed as error:
        if "Cannot initialize" in str(error) or "CS_ERR_LIBRARY" in str(error):
            raise CorosyncLost(argv[0], "LIBRARY", "corosync is not running") from error
        raise


def read_cmap(listing: str) -> dict[str, Value]:
    """``key (type) = value`` lines of corosync-cmapctl; binary values, which have no text, are left out."""
    found: dict[str, Value] = {}
    for line in listing.splitlines():
        head, equals, value = line.partition(" = ")
        key, _, kind = head.rpartition(" (")
        if equals and kind.rstrip(")") in _NUMBERS:
            found[key] = int(value)
        elif equals and kind.rstrip(")") == "str":
            found[key] = value
    return found


def read_status(listing: str) -> dict[str, str]:
    """``Name:   value`` lines of corosync-quorumtool -s, before its list of members."""
    head = listing.partition("Membership information")[0]
    pairs = (line.partition(":") for line in head.splitlines())
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _members(keys: Mapping[str, Value]) -> dict[str, Value]:
    found = {key: value for key, value in keys.items() if key.startswith(MEMBERS)}
    older = (item for item in keys.items() if item[0].startswith(_MEMBERS_2))
    return found or {MEMBERS + key.removeprefix(_MEMBERS_2): value for key, value in older}


def _quorum(said: Mapping[str, str]) -> Quorum | None:
    """``Quorum: 2 Activity blocked`` has a word behind the number."""
    numbers = [
        whole((said.get(name) or " ").split(" ")[0])
        for name in ("Total votes", "Quorum", "Expected votes", "Highest expected")
    ]
    present, needed, expected, highest = numbers
    if present is None or needed is None or expected is None or highest is None:
        return None
    flags = tuple(said.get("Flags", "").split())
    return Quorum(present, needed, expected, highest, flags, said.get("Ring ID", ""), said.get("Quorum provider", ""))


def _with_links(
    found: tuple[Node, ...], local: int | None, deadline: float
) -> tuple[tuple[Node, ...], tuple[Gap, ...]]:
    try:
        keys = read_cmap(_run(deadline, "corosync-cmapctl", "-m", "stats", "stats.knet.node"))
    except ProgramFailed as error:
        return found, (Gap("links", str(error)),)
    counters = numbered(keys, "stats.knet.node")
    return tuple(
        node if node.nodeid == local else node._replace(links=links(counters.get(node.nodeid, {}), {}))
        for node in found
    ), ()
