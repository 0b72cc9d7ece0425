"""Inventory and operations as JSON, one object a line: for the replica's file, for other nodes, and for `export`.

Whatever is not exactly that is a RowError that says what is wrong. Knows neither files nor sockets.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from coroctl.decision.estate.events import Batch
from coroctl.decision.estate.inventory import Inventory, Move
from coroctl.decision.estate.values import (
    Adopted,
    Asked,
    Forgotten,
    GivenUp,
    Granted,
    Machine,
    NodeFailed,
    Opened,
    Operation,
    Position,
    Reported,
    Seen,
    Wanted,
)
from coroctl.errors import CoroctlError
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from coroctl.decision.estate.values import Change

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

NUMBER_MAX = 2**63 - 1
NODE_MAX = 2**32 - 1


class RowError(CoroctlError):
    """What was read is no inventory."""


def text(value: object) -> str:
    """A string."""
    if not isinstance(value, str):
        raise RowError(f"{value!r:.60} is no text")
    return value


def number(value: object) -> int:
    """Of 63 bits, not negative."""
    if type(value) is not int or not 0 <= value <= NUMBER_MAX:
        raise RowError(f"{value!r:.60} is no number")
    return value


def flag(value: object) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise RowError(f"{value!r:.60} is neither true nor false")
    return value


def node(value: object) -> NodeId:
    """A nodeid, or 0."""
    found = number(value)
    if found > NODE_MAX:
        raise RowError(f"{found} is no node")
    return NodeId(found)


def position(value: object) -> Position:
    """A pair."""
    if not isinstance(value, list) or len(value) != 2:
        raise RowError(f"{value!r:.60} is no position")
    return Position(number(value[0]), number(value[1]))


def nodes(value: object) -> tuple[NodeId, ...]:
    """A list of them."""
    if not isinstance(value, list):
        raise RowError(f"{value!r:.60} is no list of nodes")
    return tuple(node(one) for one in value)


def word(kind: type[E]) -> Callable[[object], E]:
    """A member of an enum, by its value."""

    def read(value: object) -> E:
        try:
            return kind(value)
        except ValueError as error:
            raise RowError(f"{value!r:.60} is unknown") from error

    return read


def machine(value: object) -> Machine:
    """A machine's row."""
    return Machine(*columns(value, MACHINE, Machine._fields))


SEEN, WANTED = word(Seen), word(Wanted)
MACHINE: tuple[Callable[[object], Any], ...] = (
    text,
    text,
    text,
    node,
    WANTED,
    SEEN,
    node,
    number,
    number,
    position,
    node,
    nodes,
    position,
    text,
)
MOVE: tuple[Callable[[object], Any], ...] = (position, text, node, node, text, number)
CHANGES: dict[str, tuple[type[Change], tuple[Callable[[object], Any], ...]]] = {
    "opened": (Opened, (position,)),
    "adopted": (Adopted, (machine,)),
    "forgotten": (Forgotten, (text,)),
    "asked": (Asked, (text, node, flag, text)),
    "given-up": (GivenUp, (text, SEEN, text)),
    "node-failed": (NodeFailed, (node, number, text)),
    "granted": (Granted, (text, node, text)),
    "reported": (Reported, (text, SEEN)),
}
NAMES = {kind: name for name, (kind, _) in CHANGES.items()}


def plain(value: object) -> object:
    """What json can write: enums by their values, machines as objects, other tuples as lists."""
    if isinstance(value, Machine | Move):
        return {name: plain(one) for name, one in zip(value._fields, value, strict=True)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return value


def columns(value: object, readers: tuple[Callable[[object], T], ...], names: tuple[str, ...]) -> list[T]:
    """The fields of an object, in their order; there may be no other ones."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise RowError(f"{str(value)[:60]} is no row of {', '.join(names)}")
    return [read(value[name]) for name, read in zip(names, readers, strict=True)]


def parsed(line: str | bytes) -> object:
    """One line."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RowError("a line is no JSON") from error


# Operations


def operation_line(operation: Operation) -> str:
    """One operation."""
    change = operation.change
    row = [NAMES[type(change)], plain(tuple(change)), *operation.position, operation.wall_s, operation.actor]
    return json.dumps(row)


def operation(line: str | bytes) -> Operation:
    """RowError if it is none."""
    match parsed(line):
        case [str(name), list(values), epoch, seq, wall_s, actor] if name in CHANGES:
            kind, readers = CHANGES[name]
            if len(values) != len(readers):
                raise RowError(f"{name} has {len(values)} fields")
            change = kind(*(read(one) for read, one in zip(readers, values, strict=True)))
            return Operation(Position(number(epoch), number(seq)), change, number(wall_s), text(actor))
    raise RowError("a line is no operation")


# The whole


def machine_line(one: Machine) -> str:
    """One machine."""
    return json.dumps(plain(one))


def read_machine(line: str | bytes) -> Machine:
    """RowError if it is none."""
    return machine(parsed(line))


def move_line(one: Move) -> str:
    """One line of history."""
    return json.dumps(plain(one))


def read_move(line: str | bytes) -> Move:
    """RowError if it is none."""
    return Move(*columns(parsed(line), MOVE, Move._fields))


def lines(inventory: Inventory) -> Iterator[str]:
    """The whole: a head, then machines and moves. Made line by line, so that no thread waits long for another."""
    head = {
        "position": list(inventory.position),
        "wall_s": inventory.wall_s,
        "machines": len(inventory.machines),
        "moves": len(inventory.moves),
    }
    yield json.dumps(head)
    for one in inventory.machines.values():
        yield machine_line(one)
    for move in inventory.moves:
        yield move_line(move)


def inventory(found: Iterable[str | bytes]) -> Inventory:
    """What `lines` wrote; RowError if it is anything else, or not whole."""
    rows = iter(found)
    head = parsed(next(rows, b""))
    if not isinstance(head, dict):
        raise RowError("it has no head")
    machines, moves = number(head.get("machines")), number(head.get("moves"))
    rest = list(rows)
    if len(rest) != machines + moves:
        raise RowError(f"{len(rest)} lines follow, and {machines + moves} were announced")
    known = {one.name: one for one in map(read_machine, rest[:machines])}
    if len(known) != machines:
        raise RowError("a name occurs twice")
    at, wall_s = position(head.get("position")), number(head.get("wall_s"))
    return Inventory(at, known, tuple(map(read_move, rest[machines:])), wall_s)


# The answer to a pull


def batch_bytes(batch: Batch) -> bytes:
    """Operations, or the whole."""
    if batch.whole is not None:
        return "\n".join(("whole", *lines(batch.whole))).encode()
    return "\n".join(("operations", *map(operation_line, batch.operations))).encode()


def batch(data: bytes) -> Batch:
    """RowError if it is none."""
    kind, *rest = data.split(b"\n")
    if kind == b"whole":
        return Batch(whole=inventory(rest))
    if kind == b"operations":
        return Batch(tuple(map(operation, rest)))
    raise RowError("it is neither operations nor an inventory")
