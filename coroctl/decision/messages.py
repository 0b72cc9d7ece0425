"""Operators' requests and their answers, as daemons pass them on. Whoever says no says why."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from coroctl.decision.values import Identity

if TYPE_CHECKING:
    from coroctl.decision.values import Tenure
    from coroctl.model import NodeId


class Verb(Enum):
    """What an operator may ask for."""

    PRIORITY = "priority"
    PROMOTE = "promote"
    SUSPEND = "suspend"
    RESUME = "resume"
    NODE_ADD = "node add"
    NODE_REMOVE = "node remove"
    RESTORE = "restore"
    """A former file becomes the next version."""
    ADOPT = "adopt"
    """The node that is asked takes the cluster's file, whatever it has itself. Nobody else is concerned."""
    MACHINE_ADOPT = "machine adopt"
    MACHINE_FORGET = "machine forget"
    MACHINE_MOVE = "machine move"
    CONFIRM_DEAD = "confirm-dead"


ABOUT_MACHINES = frozenset({Verb.MACHINE_ADOPT, Verb.MACHINE_FORGET, Verb.MACHINE_MOVE, Verb.CONFIRM_DEAD})
"""These change no configuration: the estate carries them out."""


COLD = 1
"""The value of a MACHINE_MOVE that is to stop and start the machine, also where it could be moved live."""


class Edit(NamedTuple):
    """One change, of the configuration or of machines. `request` is empty for what the master does by itself."""

    verb: Verb
    node: NodeId
    value: int = 0
    request: str = ""
    actor: str = ""
    """Who wants it, in words of the daemon that accepted it. Plain data: nothing is decided by it."""
    text: str = ""
    """NODE_ADD: name and addresses of the links; RESTORE: the former file's version and sha256. Parted by spaces.
    MACHINE_...: the machine's name. Plain data."""

    @property
    def former(self) -> Identity:
        """RESTORE: which file; one that nobody has if the text names none."""
        version, _, digest = self.text.partition(" ")
        return Identity(int(version) if version.isdecimal() else 0, digest)


class Request(NamedTuple):
    """What was asked, and what its sender saw: it is refused if that has moved on."""

    id: str
    edit: Edit
    origin: NodeId
    term: int
    identity: Identity
    addressed: tuple[Tenure, int] | None = None
    """The tenure and the incarnation of the holder that it was relayed to: no other one may answer it."""
    despite_failback: bool = False
    """PROMOTE: whoever asks knows that failback is on."""


class Verdict(Enum):
    """How a request ended. UNKNOWN: it may be in force or not; look."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Answer(NamedTuple):
    """The end of a request."""

    id: str
    verdict: Verdict
    why: str = ""
