"""What is said on status.sock and control.sock: one JSON object a line, checked whole before anything is done with it.

A request is ``{"v": 1, "id": TEXT, "verb": TEXT, ...}``; each answer repeats ``v`` and ``id`` and has either
``result`` or ``error`` with a code and a text. Knows no socket and no state.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from coroctl.daemon.logs import LogError, LogWanted, log_wanted
from coroctl.daemon.outlook_subject import Seen
from coroctl.decision import messages
from coroctl.decision.values import NOBODY, Identity
from coroctl.errors import CoroctlError
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
ID_CHARS = 64
CLAIM_CHARS = 128
MOST_PRIO = 1_000_000
MOST_U32 = (1 << 32) - 1
MOST_I64 = (1 << 63) - 1
EVENTS_A_PAGE = 200


class Verb(Enum):
    """What may be asked."""

    SNAPSHOT = "snapshot"
    ROLES = "roles"
    """One text, ``1:master 2:slave 3:-``: for a reader that does without JSON."""
    WATCH = "watch"
    EVENTS = "events"
    LOG = "log"
    HOST = "host"
    CONF = "conf"
    MACHINES = "machines"
    PREFLIGHT = "preflight"
    SET_PRIORITY = "set-priority"
    PROMOTE = "promote"
    SUSPEND = "suspend"
    RESUME = "resume"
    NODE_ADD = "node-add"
    NODE_REMOVE = "node-remove"
    CONF_RESTORE = "conf-restore"
    CONF_ADOPT = "conf-adopt"
    MACHINE_ADOPT = "machine-adopt"
    MACHINE_FORGET = "machine-forget"
    MACHINE_MOVE = "machine-move"
    CONFIRM_DEAD = "confirm-dead"


CHANGES = {
    Verb.SET_PRIORITY: messages.Verb.PRIORITY,
    Verb.PROMOTE: messages.Verb.PROMOTE,
    Verb.SUSPEND: messages.Verb.SUSPEND,
    Verb.RESUME: messages.Verb.RESUME,
    Verb.NODE_ADD: messages.Verb.NODE_ADD,
    Verb.NODE_REMOVE: messages.Verb.NODE_REMOVE,
    Verb.CONF_RESTORE: messages.Verb.RESTORE,
    Verb.CONF_ADOPT: messages.Verb.ADOPT,
    Verb.MACHINE_ADOPT: messages.Verb.MACHINE_ADOPT,
    Verb.MACHINE_FORGET: messages.Verb.MACHINE_FORGET,
    Verb.MACHINE_MOVE: messages.Verb.MACHINE_MOVE,
    Verb.CONFIRM_DEAD: messages.Verb.CONFIRM_DEAD,
}
"""Verbs of control.sock only, and what the core calls them."""
LINKS = 8
HOSTS = 128
"""The most nodes whose machines are asked for at once."""
NAME_CHARS = 255

FORCED = 16
"""The most checks that a change may name."""


class Refused(CoroctlError):
    """A request that is not carried out: `code` is for programs, the text for people.

    `fatal`: whoever sent it does not speak this protocol, and the connection is closed after the answer.
    """

    def __init__(self, code: str, text: str, request: str = "", *, fatal: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.request = request
        self.fatal = fatal


class Call(NamedTuple):
    """A request, its envelope checked; the arguments are checked by whoever takes them."""

    id: str
    verb: Verb
    arguments: Mapping[str, Any]


class Claimed(NamedTuple):
    """What the client says of its origin. Logged as claimed, and believed by nobody."""

    user: str = ""
    origin: str = ""
    """The other end of an SSH session, say."""


class Events(NamedTuple):
    """The arguments of EVENTS."""

    since: int | None
    """Events after this id; None: the newest ones."""
    limit: int
    follow: bool


def parse(line: bytes) -> Call:
    """One line, without its end. Raises Refused."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise Refused("encoding", f"not UTF-8 at byte {error.start}", fatal=True) from None
    try:
        said = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise Refused("syntax", "JSON is nested too deeply", fatal=True) from None
    except ValueError as error:
        raise Refused("syntax", f"not JSON: {error}", fatal=True) from None
    if not isinstance(said, dict):
        raise Refused("syntax", "a request is a JSON object", fatal=True)
    request = _id(said)
    if said.get("v") != VERSION or isinstance(said.get("v"), bool):
        raise Refused("version", f"this corolistener speaks version {VERSION}", request, fatal=True)
    try:
        verb = Verb(said.get("verb"))
    except ValueError:
        raise Refused("verb", f"unknown verb; known are {', '.join(one.value for one in Verb)}", request) from None
    return Call(request, verb, said)


def change_of(call: Call) -> messages.Request:
    """The change that a call asks the core for. Raises Refused if an argument is missing or out of range."""
    edit = _edit(call, call.verb)
    seen = _seen(call)
    return messages.Request(call.id, edit, NOBODY, seen.term, seen.identity)


def plan_of(call: Call) -> tuple[messages.Edit, Seen | None]:
    """PREFLIGHT: the change that is being thought of, and what its sender saw, if they say so. Raises Refused."""
    verb = next((one for one in CHANGES if one.value == call.arguments.get("change")), None)
    if verb is None:
        raise Refused("argument", f"change must be one of {', '.join(one.value for one in CHANGES)}", call.id)
    return _edit(call, verb), _seen(call) if "configuration" in call.arguments else None


def forced_of(call: Call) -> frozenset[str]:
    """Names of checks that are overridden. Raises Refused."""
    said = call.arguments.get("force", [])
    if not isinstance(said, list) or len(said) > FORCED:
        raise Refused("argument", f"force must be a list of at most {FORCED} names", call.id)
    if not all(isinstance(name, str) and len(name) <= ID_CHARS for name in said):
        raise Refused("argument", "force must be a list of names of checks", call.id)
    return frozenset(said)


def claimed_of(call: Call) -> Claimed:
    """What the client says of itself; Refused if that is no text of reasonable length."""
    said = call.arguments.get("claimed", {})
    if not isinstance(said, dict):
        raise Refused("argument", "claimed must be an object", call.id)
    words = [said.get(name, "") for name in Claimed._fields]
    if not all(isinstance(word, str) and len(word) <= CLAIM_CHARS for word in words):
        raise Refused("argument", f"claimed has texts of at most {CLAIM_CHARS} characters", call.id)
    return Claimed(*words)


def events_of(call: Call) -> Events:
    """Which events are wanted. Raises Refused."""
    since = None if call.arguments.get("since") is None else _number(call, "since", 0, MOST_I64)
    follow = call.arguments.get("follow", False)
    if not isinstance(follow, bool):
        raise Refused("argument", "follow must be true or false", call.id)
    limit = _number(call, "limit", 1, EVENTS_A_PAGE) if "limit" in call.arguments else EVENTS_A_PAGE
    return Events(since, limit, follow)


def log_of(call: Call) -> tuple[NodeId | None, LogWanted]:
    """Whose log (None: this node's), and what of it. Raises Refused."""
    try:
        return node_of(call), log_wanted(call.arguments)
    except LogError as error:
        raise Refused("argument", str(error), call.id) from None


def node_of(call: Call) -> NodeId | None:
    """Which node is meant; None: this one. Raises Refused."""
    return None if call.arguments.get("node") is None else NodeId(_number(call, "node", 1, MOST_U32))


def hosts_of(call: Call) -> tuple[NodeId, ...]:
    """Whose machines; none: this node's. Raises Refused."""
    said = call.arguments.get("nodes", [])
    if not isinstance(said, list) or len(said) > HOSTS:
        raise Refused("argument", f"nodes must be a list of at most {HOSTS} nodeids", call.id)
    one = call._replace(arguments={str(place): node for place, node in enumerate(said)})
    return tuple(NodeId(_number(one, place, 1, MOST_U32)) for place in one.arguments)


def answer(request: str, result: object) -> bytes:
    """The line of an answer; ASCII only, so that no text in it can be half a character."""
    return b'{"v": %d, "id": %s, "result": %s}\n' % (VERSION, _text(request), rendered(result))


def answer_with(request: str, result: bytes) -> bytes:
    """The same with a result that is rendered already, for many clients."""
    return b'{"v": %d, "id": %s, "result": %s}\n' % (VERSION, _text(request), result)


def error(refused: Refused) -> bytes:
    """The line of a refusal."""
    what = {"code": refused.code, "text": str(refused)}
    return b'{"v": %d, "id": %s, "error": %s}\n' % (VERSION, _text(refused.request), rendered(what))


def rendered(value: object) -> bytes:
    """JSON in one line."""
    return json.dumps(value).encode()


def _text(value: str) -> bytes:
    return json.dumps(value).encode()


def _edit(call: Call, verb: Verb) -> messages.Edit:
    core_verb = CHANGES[verb]
    if verb is Verb.CONF_RESTORE:
        former = _identity(call, "former")
        return messages.Edit(core_verb, NOBODY, text=f"{former.version} {former.digest}")
    if verb is Verb.MACHINE_FORGET:
        return messages.Edit(core_verb, NOBODY, text=_machine(call))
    node = NodeId(_number(call, "node", 0 if verb is Verb.CONF_ADOPT else 1, MOST_U32))
    if verb is Verb.MACHINE_ADOPT:
        return messages.Edit(core_verb, node, text=_machine(call))
    if verb is Verb.MACHINE_MOVE:
        return messages.Edit(core_verb, node, messages.COLD if _cold(call) else 0, text=_machine(call))
    value = _number(call, "value", 0, MOST_PRIO) if verb in (Verb.SET_PRIORITY, Verb.NODE_ADD) else 0
    return messages.Edit(core_verb, node, value, text=_name_and_addresses(call) if verb is Verb.NODE_ADD else "")


def _name_and_addresses(call: Call) -> str:
    """Of a new node, as the core passes it on."""
    addresses = call.arguments.get("addresses")
    if not isinstance(addresses, list) or not 1 <= len(addresses) <= LINKS:
        raise Refused("argument", f"addresses must be a list of 1 to {LINKS}", call.id)
    words = [call.arguments.get("name"), *addresses]
    if not all(isinstance(word, str) and 0 < len(word) <= NAME_CHARS and _is_word(word) for word in words):
        raise Refused("argument", f"name and addresses are words of at most {NAME_CHARS} ASCII characters", call.id)
    return " ".join(words)


def _machine(call: Call) -> str:
    """Its name, which libvirt makes a file of."""
    name = call.arguments.get("machine")
    if not isinstance(name, str) or not name.isprintable() or "/" in name or not 0 < len(name.encode()) <= NAME_CHARS:
        raise Refused("argument", f"machine must be a name of at most {NAME_CHARS} bytes, without /", call.id)
    return name


def _cold(call: Call) -> bool:
    """Whether it is to be stopped and started, also where it could be moved live."""
    found = call.arguments.get("cold", False)
    if not isinstance(found, bool):
        raise Refused("argument", "cold must be true or false", call.id)
    return found


def _is_word(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _seen(call: Call) -> Seen:
    identity = _identity(call, "configuration")
    return Seen(_number(call, "term", 0, MOST_I64), identity)


def _identity(call: Call, name: str) -> Identity:
    said = call.arguments.get(name)
    digest = said.get("digest") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(digest, str) or not _is_word(digest) or len(digest) > ID_CHARS:
        raise Refused("argument", f"{name} must be an object with version and digest", call.id)
    return Identity(_number(call._replace(arguments=said), "version", 0, MOST_I64), digest)


def _id(said: Mapping[str, Any]) -> str:
    request = said.get("id")
    if isinstance(request, str) and 0 < len(request) <= ID_CHARS and request.isascii() and request.isprintable():
        return request
    raise Refused("id", f"id must be 1 to {ID_CHARS} printable ASCII characters", fatal=True)


def _number(call: Call, name: str, low: int, high: int) -> int:
    value = call.arguments.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise Refused("argument", f"{name} must be a whole number from {low} to {high}", call.id)
    return value


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
