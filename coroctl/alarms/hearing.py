"""Who hears whom: what the daemons tell of it, and where the network is neither whole nor simply parted. Pure."""

from __future__ import annotations

from enum import Enum
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from coroctl.model import NodeId, Snapshot

UNTOLD_LEASE_MS: Final = 2000
"""How old a hearing may be where no lease says it: the default of lease_ms."""

Ears = dict["NodeId", frozenset["NodeId"]]
"""Who hears whom; a node that does not tell is not in it."""


class Rift(Enum):
    """How two nodes that others hear are parted."""

    ONE_WAY = "one way"
    """The first does not hear the second, which hears the first."""
    BOTH = "both ways"
    """Neither hears the other, and somebody hears both."""
    UNTOLD = "at least one way"
    """The first does not hear the second; what the second hears is not known here."""


class Parted(NamedTuple):
    """Two nodes that do not hear each other as they should."""

    deaf: NodeId
    silent: NodeId
    rift: Rift


def ears(snapshot: Snapshot) -> Ears:
    """From every node that tells, whom it hears now."""
    lease = snapshot.mastership.lease if snapshot.mastership else None
    limit = lease.lease_ms if lease else UNTOLD_LEASE_MS
    return {
        node.nodeid: frozenset(one.node for one in node.hears if one.ms <= limit)
        for node in snapshot.nodes
        if node.hears is not None
    }


def parted(snapshot: Snapshot) -> list[Parted]:
    """Every pair, of nodes that somebody hears: a node that nobody hears is gone, which is no rift."""
    told = ears(snapshot)
    alive = {node for row in told.values() for node in row} | set(told)
    return [found for one, two in combinations(sorted(alive), 2) for found in _between(told, one, two)]


def _between(told: Mapping[NodeId, frozenset[NodeId]], one: NodeId, two: NodeId) -> Iterator[Parted]:
    there, back = _hears(told, one, two), _hears(told, two, one)
    match there, back:
        case False, True:
            yield Parted(one, two, Rift.ONE_WAY)
        case True, False:
            yield Parted(two, one, Rift.ONE_WAY)
        case False, False:
            yield Parted(one, two, Rift.BOTH)
        case False, None:
            yield Parted(one, two, Rift.UNTOLD)
        case None, False:
            yield Parted(two, one, Rift.UNTOLD)
        case _:
            return


def _hears(told: Mapping[NodeId, frozenset[NodeId]], ear: NodeId, voice: NodeId) -> bool | None:
    return voice in told[ear] if ear in told else None
