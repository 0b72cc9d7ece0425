"""What daemons say to each other over TCP, as values and as bytes: pull.py says it.

Knows neither sockets nor seals, nor what is in a file.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from enum import Enum
from struct import Struct
from typing import Any, NamedTuple

from coroctl.conf.files import SIZE_MAX
from coroctl.daemon.authors import TEXT_MAX
from coroctl.daemon.logs import LogError, LogWanted, as_row, log_wanted
from coroctl.daemon.wire import NAME_MAX
from coroctl.decision.estate.values import Position
from coroctl.decision.values import Identity
from coroctl.errors import CoroctlError

PULL_S = 5.0
"""For a whole pull, and for a whole connection at the server."""
SILENCE_S = 15.0
"""A log has something to say every 5 s; unsent bytes that nobody confirms so long end the connection, too."""
QUESTION = "configuration wanted"
ANSWER = "configuration for"
"""Labels that the two are sealed with."""
QUESTION_MAX = 4096
ACTOR_MAX = TEXT_MAX
_LENGTH = Struct(">I")


class PullError(CoroctlError):
    """The file did not come, or what came was no answer."""


class Closed(PullError):
    """The other side hung up."""


class NobodyThere(PullError):
    """The node is on, and no daemon answers us there: none runs, or it does not count us among the cluster's nodes."""


class Pulled(NamedTuple):
    """An answer."""

    data: bytes
    known: bool
    """Whether the asker's own file was the cluster's at some time, as far as the other node remembers."""
    actor: str
    """Who made the file; empty if it is not remembered."""


class Told(NamedTuple):
    """Which file a node has loaded."""

    loaded: Identity
    distributed: bool
    """It came to that node as the cluster's: a majority had stored it before."""
    known: bool
    """As in Pulled."""


class Fit(NamedTuple):
    """Whether a node could be master, as far as only that node can see it."""

    manager: str
    """What is wrong with the manager's unit; empty: nothing."""
    why: str = ""
    """Why that is not known; empty: it is."""


class About(Enum):
    """What is asked about."""

    FILE = "file"
    FIT = "fit"
    LOAD = "load"
    HOST = "host"
    LOG = "log"
    INVENTORY = "inventory"
    MACHINE = "machine"


class Looked(NamedTuple):
    """The answer to LOAD or HOST: plain JSON values, not checked."""

    row: dict[str, Any]


class Question(NamedTuple):
    """Which file is wanted (None: none, but the name of the loaded one), and which one the asker has."""

    wanted: Identity | None
    own: Identity
    nonce: str
    about: About = About.FILE
    """If not FILE, no file is wanted."""
    log: LogWanted | None = None
    """For LOG."""
    position: Position | None = None
    """For INVENTORY: what comes after that operation."""
    machine: str = ""
    """For MACHINE: the name of one that this node's hypervisor has."""


Flow = AsyncGenerator[bytes, None]
"""The answer to LOG, INVENTORY and MACHINE: as many pieces as there are, each at most DATA_MAX bytes."""
Reply = Pulled | Told | Fit | Looked | Flow | None


# On the wire: length, blob


def send(writer: asyncio.StreamWriter, blob: bytes) -> None:
    """It may wait in the writer still."""
    writer.write(_LENGTH.pack(len(blob)) + blob)


async def receive(reader: asyncio.StreamReader, limit: int) -> bytes:
    """One blob. PullError if it is larger, Closed if it does not come whole."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > limit:
            raise PullError(f"{length} bytes were announced; {limit} are the limit")
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise Closed("the connection was closed before everything was said") from error


# In the blob: a question is one JSON object; an answer is one in its first line, and the file, if any, after it


def question_bytes(question: Question) -> bytes:
    """See `question`."""
    wanted = None if question.wanted is None else list(question.wanted)
    row: dict[str, Any] = {"wanted": wanted, "own": list(question.own), "nonce": question.nonce}
    if question.about is not About.FILE:
        row["about"] = question.about.value
    if question.log is not None:
        row["log"] = as_row(question.log)
    if question.position is not None:
        row["position"] = list(question.position)
    if question.machine:
        row["machine"] = question.machine
    return json.dumps(row).encode()


def question(data: bytes) -> Question:
    """PullError if it is none."""
    row = _row(data)
    try:
        wanted = None if row["wanted"] is None else _identity(row["wanted"])
        about = About(row.get("about", About.FILE.value))
        log = log_wanted(row["log"]) if about is About.LOG else None
        position = _position(row["position"]) if about is About.INVENTORY else None
        machine = _text(row["machine"], NAME_MAX) if about is About.MACHINE else ""
        return Question(wanted, _identity(row["own"]), _text(row["nonce"], 64), about, log, position, machine)
    except KeyError as error:
        raise PullError(f"a question without {error}") from error
    except (ValueError, AttributeError, LogError) as error:
        raise PullError(f"a question that makes no sense: {error}") from error


def answer_bytes(found: Pulled | Told | Fit | Looked | None) -> bytes:
    """See `told`, `pulled`, `fit` and `looked`; None: there is no such file."""
    match found:
        case None:
            return b'{"found": false}\n'
        case Told(loaded, distributed, known):
            row = {"loaded": list(loaded), "distributed": distributed, "known": known}
            return json.dumps(row).encode() + b"\n"
        case Fit(manager, why):
            return json.dumps({"manager": manager[:TEXT_MAX], "why": why[:TEXT_MAX]}).encode() + b"\n"
        case Looked(row):
            return json.dumps(row).encode() + b"\n"
        case Pulled(data, known, actor):
            row = {"found": True, "known": known, "actor": actor[:ACTOR_MAX]}
            return json.dumps(row).encode() + b"\n" + data


def told(data: bytes) -> Told:
    """PullError if it is none."""
    row = _row(data.partition(b"\n")[0])
    if "loaded" not in row:
        raise PullError("it cannot tell which file it has loaded")
    return Told(_identity(row["loaded"]), row.get("distributed") is True, row.get("known") is True)


def fit(data: bytes) -> Fit:
    """PullError if it is none."""
    row = _row(data.partition(b"\n")[0])
    return Fit(_text(row.get("manager"), TEXT_MAX), _text(row.get("why"), TEXT_MAX))


def looked(data: bytes) -> Looked:
    """PullError if it is none, or says why there is nothing."""
    row = _row(data.partition(b"\n")[0])
    if "error" in row:
        raise PullError(_text(row["error"], TEXT_MAX))
    return Looked(row)


def pulled(data: bytes) -> Pulled:
    """PullError if it is none, or the answer that there is no such file."""
    head, _, rest = data.partition(b"\n")
    row = _row(head)
    if row.get("found") is not True:
        raise PullError("it has no such file (any more)")
    if len(rest) > SIZE_MAX:
        raise PullError(f"the file has {len(rest)} bytes; {SIZE_MAX} are the limit")
    return Pulled(rest, row.get("known") is True, _text(row.get("actor", ""), ACTOR_MAX))


def _row(data: bytes) -> dict[str, Any]:
    try:
        row = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PullError("what came is no JSON") from error
    if not isinstance(row, dict):
        raise PullError("what came is no JSON object")
    return row


def _position(value: object) -> Position:
    match value:
        case [int(epoch), int(seq)] if 0 <= epoch < 1 << 63 and 0 <= seq < 1 << 63:
            return Position(epoch, seq)
    raise PullError("what came is no position")


def _identity(value: object) -> Identity:
    match value:
        case [int(version), str(digest)] if 0 <= version < 1 << 64 and len(digest) == 64:
            return Identity(version, digest)
    raise PullError("what came is no identity of a file")


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise PullError("what came is no short text")
    return value
