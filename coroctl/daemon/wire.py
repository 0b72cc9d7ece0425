"""What daemons tell each other, as bytes: heartbeats, requests, answers.

Enums have their own numbers here, so that reordering one in the core changes nothing between nodes. Whatever is not
exactly one message is a WireError that names the field. Knows neither seals nor sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.daemon.codec import (
    FLAG,
    Choice,
    Digest,
    Number,
    Numbers,
    Optional,
    Record,
    Recurring,
    Rising,
    Several,
    Sparse,
    Text,
    WireError,
    decode,
)
from coroctl.decision.estate.values import EMPTY, REPORTS_MAX, Position, Report, Seen, Stock, Wait, WaitsFor, Word
from coroctl.decision.messages import Answer, Edit, Request, Verb, Verdict
from coroctl.decision.values import (
    Ballot,
    Heartbeat,
    Identity,
    Mark,
    News,
    Office,
    Proposal,
    Reason,
    Staged,
    Tenure,
    Weights,
)

if TYPE_CHECKING:
    from coroctl.model import NodeId

__all__ = [
    "WireError",
    "decode_answer",
    "decode_heartbeat",
    "decode_request",
    "encode_answer",
    "encode_heartbeat",
    "encode_request",
]

NODES_MAX = 1024
LISTS_MAX = 64
NAME_MAX = 256
"""Bytes of a machine's name: it is a file name for libvirt."""
ID_MAX = 256
"""Bytes of a request's id."""
ACTOR_MAX = 2048
"""Bytes of a request's actor."""
TEXT_MAX = 4096
"""Bytes of an edit's text; a name and eight addresses have less."""
WHY_MAX = 1024
"""Bytes of an answer's reason. A longer one is cut when it is sent."""

NODE = Number("I", 1, 2**32 - 1)
ANYBODY = Number("I", 0, 2**32 - 1)
VOTES = Number("I", 0, 2**32 - 1)
DURATION = Number("I", 0, 2**32 - 1)
"""Microseconds: 71 minutes at most; no setting allows more than an hour."""
COUNT = Number("Q", 0, 2**63 - 1)
VERSION = Number("Q", 0, 2**64 - 1)
"""corosync takes any 64 bits."""
VALUE = Number("q", -(2**63), 2**63 - 1)
PRIO = Number("I", 0, 1_000_000)

OFFICE = Choice(Office.VOTER, Office.STORING, Office.CLAIMING, Office.HOLDING, Office.RELEASING)
REASON = Choice(
    Reason.STARTING,
    Reason.LEFTOVERS,
    Reason.UNTRUSTED,
    Reason.HOLDOFF,
    Reason.STOPPING,
    Reason.NOT_QUORATE,
    Reason.STALE,
    Reason.CONFLICT,
    Reason.HEARS_TOO_FEW,
    Reason.BACKOFF,
    Reason.HANDED_OVER,
    Reason.DISK,
    Reason.SUSPENDED,
    Reason.PRIO_ZERO,
    Reason.UPLINK,
    Reason.PING,
    Reason.PROMOTION_FAILED,
)
VERB = Choice(
    Verb.PRIORITY,
    Verb.PROMOTE,
    Verb.SUSPEND,
    Verb.RESUME,
    Verb.NODE_ADD,
    Verb.NODE_REMOVE,
    Verb.RESTORE,
    Verb.ADOPT,
    Verb.MACHINE_ADOPT,
    Verb.MACHINE_FORGET,
    Verb.MACHINE_MOVE,
    Verb.CONFIRM_DEAD,
)
VERDICT = Choice(Verdict.OK, Verdict.REFUSED, Verdict.UNKNOWN)

TENURE = Numbers(Tenure, term=COUNT, node=NODE, boot=COUNT, nonce=COUNT)
BALLOT = Numbers(Ballot, term=COUNT, life=COUNT, number=COUNT)
IDENTITY = Record(Identity, version=VERSION, digest=Digest())
STAGED = Record(Staged, ballot=BALLOT, identity=Optional(IDENTITY))
PROPOSAL = Record(
    Proposal,
    ballot=BALLOT,
    base=IDENTITY,
    identity=Optional(IDENTITY),
    source=NODE,
    committed=FLAG,
)
WEIGHTS: Rising[tuple[NodeId, int]] = Rising(Numbers(tuple, node=NODE, votes=VOTES), NODES_MAX)
MARK_ROWS: Rising[tuple[NodeId, int, int]] = Rising(
    Numbers(tuple, node=NODE, incarnation=COUNT, sequence=COUNT),
    NODES_MAX,
)


class Marks:
    """Echoes or hellos, by node."""

    def write(self, value: dict[NodeId, Mark]) -> bytes:
        """Rows in rising order of nodes."""
        return MARK_ROWS.write(tuple((node, *value[node]) for node in sorted(value)))

    def read(self, data: bytes, at: int) -> tuple[dict[NodeId, Mark], int]:
        """The marks."""
        rows, at = MARK_ROWS.read(data, at)
        return {node: Mark(incarnation, sequence) for node, incarnation, sequence in rows}, at


FORMER: Several[Weights] = Several(WEIGHTS, LISTS_MAX)
POSITION = Numbers(Position, epoch=COUNT, seq=COUNT)
REPORT = Record(
    Report,
    name=Text(NAME_MAX),
    grant=POSITION,
    seen=Choice(Seen.RUNNING, Seen.PAUSED, Seen.OFF, Seen.FAILED, Seen.UNKNOWN, Seen.LEFT),
    given_up=FLAG,
    stayed=POSITION,
    why=Text(WHY_MAX),
)
WORD = Record(Word, node=NODE, incarnation=COUNT, watchdog_us=DURATION, stopping=FLAG)
WAIT = Record(Wait, node=NODE, waits_for=Choice(*WaitsFor), until_s=COUNT, why=Text(WHY_MAX))
AMOUNT = Number("i", -1, 2**31 - 1)
STOCK: Sparse[Stock] = Sparse(
    Record(
        Stock,
        position=POSITION,
        head=POSITION,
        settled=POSITION,
        obeys=POSITION,
        running=AMOUNT,
        paused=FLAG,
        free_mib=AMOUNT,
        reports=Several(REPORT, REPORTS_MAX),
        watchdog_us=DURATION,
        leaving=FLAG,
        words=Several(WORD, NODES_MAX),
        waits=Several(WAIT, NODES_MAX),
    ),
    EMPTY,
)
NEWS = Record(
    News,
    office=OFFICE,
    tenure=Optional(TENURE),
    lease_us=DURATION,
    promise_us=DURATION,
    vote=Optional(TENURE),
    vote_promise_us=DURATION,
    term=COUNT,
    would=ANYBODY,
    reason=Optional(REASON),
    prio=PRIO,
    given_up=Optional(TENURE),
    handed_to=ANYBODY,
    identity=IDENTITY,
    voters_digest=COUNT,
    former=FORMER,
    serving=FLAG,
    stopping=FLAG,
    staged=Optional(STAGED),
    proposal=Optional(PROPOSAL),
    stock=STOCK,
)
HEARTBEAT = Record(
    Heartbeat, sender=NODE, incarnation=COUNT, sequence=COUNT, echo=Marks(), hello=Marks(), news=Recurring(NEWS)
)

ADDRESSED: Record[tuple[Tenure, int]] = Record(tuple, tenure=TENURE, incarnation=COUNT)
SEEN = Record(Identity, version=VERSION, digest=Text(ID_MAX))
"""The identity in a request: whatever its sender was told by whoever asks, who may be wrong."""
EDIT = Record(
    Edit, verb=VERB, node=ANYBODY, value=VALUE, request=Text(ID_MAX), actor=Text(ACTOR_MAX), text=Text(TEXT_MAX)
)
REQUEST = Record(
    Request,
    id=Text(ID_MAX),
    edit=EDIT,
    origin=NODE,
    term=COUNT,
    identity=SEEN,
    addressed=Optional(ADDRESSED),
    despite_failback=FLAG,
)
ANSWER = Record(Answer, id=Text(ID_MAX), verdict=VERDICT, why=Text(WHY_MAX))


def encode_heartbeat(heartbeat: Heartbeat) -> bytes:
    """A heartbeat as bytes; WireError if a value is out of range."""
    return HEARTBEAT.write(heartbeat)


def decode_heartbeat(data: bytes) -> Heartbeat:
    """The heartbeat; WireError if the bytes are not exactly one."""
    return decode(HEARTBEAT, data)


def encode_request(request: Request) -> bytes:
    """A request as bytes; WireError if a value is out of range."""
    return REQUEST.write(request)


def decode_request(data: bytes) -> Request:
    """The request; WireError if the bytes are not exactly one."""
    return decode(REQUEST, data)


def encode_answer(answer: Answer) -> bytes:
    """An answer as bytes, its reason cut after WHY_MAX bytes; WireError if a value is out of range."""
    why = answer.why.encode("utf-8", "backslashreplace")[:WHY_MAX].decode("utf-8", "ignore")
    return ANSWER.write(answer._replace(why=why))


def decode_answer(data: bytes) -> Answer:
    """The answer; WireError if the bytes are not exactly one."""
    return decode(ANSWER, data)
