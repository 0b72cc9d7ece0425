"""What a picture of this daemon needs beside the core's state: names, numbers, and what the shell has found wrong.

Plain values, filled by the shell for `view.status`. They know nobody.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.daemon.chronicle import NOTHING, Past

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.model import Load, NodeId, NodeStatus


class DeadMan(Enum):
    """What silences the cluster address if this process stands still."""

    NFTABLES = "nftables"
    LIFETIME = "lifetime"
    """Only the address's own: whole seconds, and `ip address change` revives it."""
    NONE = "none"
    """No address is configured."""


class Names(NamedTuple):
    """What the loaded file calls a node."""

    name: str = ""
    addresses: tuple[str, ...] = ()


class Votes(NamedTuple):
    """votequorum's numbers, as corosync last told them."""

    present: int
    needed: int
    expected: int
    ring_id: str = ""


class Facts(NamedTuple):
    """What the core does not know. Filled by the shell."""

    cluster_name: str
    names: Mapping[NodeId, Names] = {}
    file: str = ""
    transport: str = ""
    address: str = ""
    """``10.0.0.100/32``; empty if none is configured."""
    device: str = ""
    service: str = ""
    dead_man: DeadMan = DeadMan.NONE
    guard: bool = True
    """Something else would kill the manager if this process stood still."""
    votes: Votes | None = None
    statuses: Mapping[NodeId, NodeStatus] = {}
    """As corosync tells them; of nodes that are not in it the chronicle knows whether they were ever members."""
    stalls: int = 0
    """How often the loop was more than 100 ms late."""
    longest_stall_us: int = 0
    dropped: Mapping[str, int] = {}
    """Datagrams that were not taken in, by reason."""
    skew_ms: Mapping[NodeId, int] = {}
    """A peer's wall clock less this node's, of peers that told it."""
    hearing: Mapping[NodeId, Mapping[NodeId, int]] = {}
    """Per node, this one included, how long ago it took something in from each other one, microseconds."""
    loads: Mapping[NodeId, Load] = {}
    """Of the nodes that have told it lately, this one included."""
    machines: Mapping[str, Any] | None = None
    """The estate in brief; None where nobody has anything to do with machines."""
    warnings: tuple[str, ...] = ()
    """What the shell itself has found wrong, and is not over."""
    started: float = 0.0
    """Wall clock, seconds since 1970."""
    program: str = ""
    """Its version."""
    past: Past = NOTHING


@cache
def program_version() -> str:
    """Looked up when somebody asks for a picture: it costs a start 40 ms."""
    from importlib.metadata import version

    return version("coroctl")
