"""What the recorder writes down, one JSON array a line: the only thing that it and its reader share.

All moments are CLOCK_BOOTTIME in microseconds.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator


class View(Enum):
    """From where the probe looks."""

    CLIENT = "client"
    """A port of the bridge like any other: cuts and losses apply to it."""
    BRIDGE = "bridge"
    """The bridge itself: it sees both sides of a cut, though no unplugged node."""


class Spoken(NamedTuple):
    """A frame in which ``mac`` speaks for ``address``."""

    moment: int
    view: str
    address: str
    mac: str
    asked: bool
    """It answers the probe; otherwise it is an announcement."""


class Held(NamedTuple):
    """The node has the cluster address, or has it no more."""

    moment: int
    node: str
    present: bool


class Open(NamedTuple):
    """The node's dead-man lets it speak until then; see `gate.Gate.open_until`."""

    moment: int
    node: str
    until: int


class Manager(NamedTuple):
    """So many processes are in the control group of the manager's unit on the node."""

    moment: int
    node: str
    processes: int


class Wrote(NamedTuple):
    """A machine has written on the node, since the look before this one."""

    moment: int
    since: int
    """When was looked before: it has written between the two."""
    node: str
    machine: str
    counted: int
    """How far it has counted since it was started."""


class Attached(NamedTuple):
    """The node's network is watched from now on."""

    moment: int
    node: str
    mac: str


class Late(NamedTuple):
    """The recorder itself was that late: nothing is known more precisely then."""

    moment: int
    by_us: int


class Blind(NamedTuple):
    """Messages of the kernel were lost: nothing is known for certain."""

    moment: int
    node: str


Record = Spoken | Held | Open | Manager | Wrote | Attached | Late | Blind

_KINDS: dict[str, type[Record]] = {
    kind.__name__: kind for kind in (Spoken, Held, Open, Manager, Wrote, Attached, Late, Blind)
}


def encode(record: Record) -> bytes:
    """One line."""
    return json.dumps([type(record).__name__, *record]).encode() + b"\n"


def decode(data: bytes) -> Iterator[Record]:
    """Every whole line; LabError for a line that no recorder wrote."""
    whole, _, _ = data.rpartition(b"\n")
    for line in whole.splitlines():
        try:
            kind, *values = json.loads(line)
            yield _KINDS[kind](*values)
        except (ValueError, KeyError, TypeError) as error:
            raise LabError(f"the checker's recorder wrote {line[:80]!r}: {error}") from None
