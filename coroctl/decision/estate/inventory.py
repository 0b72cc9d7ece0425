"""The inventory, and what each operation does to it: a pure fold over operations, the same on every node.

Nothing is judged here: whether an operation may be made is its maker's question (replica.py, machines.py, fences.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never

from coroctl.decision.estate.values import (
    LIFE,
    NOTHING,
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
)
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.decision.estate.values import Change
    from coroctl.model import NodeId

MOVES_MAX = 1000


START_FAILED, MOVED, MOVED_LIVE = "its start failed", "an operator moves it", "an operator moves it live"
"""Why an owner gives a machine up. Whatever else ends an ownership is that its node was clear."""


class Move(NamedTuple):
    """A machine got another owner, or lost the one it had."""

    position: Position
    name: str
    source: NodeId
    target: NodeId
    why: str
    wall_s: int


class Inventory(NamedTuple):
    """What is known of all managed machines, at a position. Never changed: `apply` makes the next."""

    position: Position = NOTHING
    machines: dict[str, Machine] = {}  # noqa: RUF012  (replaced, never changed)
    moves: tuple[Move, ...] = ()
    """The newest MOVES_MAX."""
    wall_s: int = 0
    """When its newest operation was made."""

    def owned(self, node: NodeId) -> list[Machine]:
        """A node's machines."""
        return [one for one in self.machines.values() if one.node == node]

    def queue(self) -> list[Machine]:
        """Machines that have no owner, in the order in which they are recovered."""
        waiting = [one for one in self.machines.values() if one.node == NOBODY]
        return sorted(waiting, key=lambda one: (-one.priority, one.name))


EMPTY = Inventory()


def follows(operation: Operation, position: Position) -> bool:
    """Whether an operation is the very next one after a position."""
    if isinstance(operation.change, Opened):
        return operation.change.on == position
    return operation.position == Position(position.epoch, position.seq + 1)


def next_position(position: Position) -> Position:
    """Of the operation after it, in the same life of the same holder."""
    return Position(position.epoch, position.seq + 1)


def opening(on: Position, epoch: int, renewed_by: int = 0) -> Operation:
    """I2: the first operation of an epoch, or of its holder's next life: numbered by that, also where nothing that the
    former one has made is known.
    """
    life = max(renewed_by, on.seq // LIFE + 1 if on.epoch == epoch else 0)
    return Operation(Position(epoch, life * LIFE + 1), Opened(on))


def apply(inventory: Inventory, operation: Operation) -> Inventory:
    """The inventory after it. What it names and is not there (any more) is left out, the same way everywhere."""
    after = changed(inventory, operation, operation.change)
    return after._replace(position=operation.position, wall_s=operation.wall_s or inventory.wall_s)


def changed(inventory: Inventory, operation: Operation, change: Change) -> Inventory:
    """The inventory with the change made."""
    match change:
        case Opened():
            return inventory
        case Adopted(machine):
            return put(inventory, machine._replace(grant=operation.position))
        case Forgotten(name):
            rest = {one: machine for one, machine in inventory.machines.items() if one != name}
            return inventory._replace(machines=rest)
        case NodeFailed(node, _, why):
            for machine in inventory.owned(node):
                inventory = moved(inventory, operation, settled_down(machine), NOBODY, why)
            return inventory
        case Asked(name) | GivenUp(name) | Granted(name) | Reported(name):
            known = inventory.machines.get(name)
            return inventory if known is None else altered(inventory, operation, known, change)
        case _:
            assert_never(change)


def altered(
    inventory: Inventory, operation: Operation, machine: Machine, change: Asked | GivenUp | Granted | Reported
) -> Inventory:
    """A change of one machine."""
    match change:
        case Asked(_, to, live, why):
            asked = settled_down(machine)._replace(to=to, live=operation.position if live else NOTHING, stayed=why)
            return put(inventory, asked)
        case GivenUp(_, seen, why):
            tried = (*machine.tried, machine.node) if seen is Seen.FAILED else machine.tried
            return moved(
                inventory, operation, machine._replace(seen=seen, seen_on=machine.node, tried=tried), NOBODY, why
            )
        case Granted(_, node, why):
            arrives = machine.seen is Seen.LEFT and node == machine.to
            rest = machine._replace(to=NOBODY, live=NOTHING) if arrives else settled_down(machine)
            return moved(inventory, operation, rest, node, why)
        case Reported(_, seen):
            tried = () if seen is Seen.RUNNING else machine.tried
            return put(inventory, machine._replace(seen=seen, seen_on=machine.node, tried=tried))


def settled_down(machine: Machine) -> Machine:
    """On its way nowhere any more: what a live migration has left elsewhere is nobody's (M6 d)."""
    seen = Seen.OFF if machine.seen is Seen.LEFT else machine.seen
    return machine._replace(to=NOBODY, live=NOTHING, seen=seen)


def put(inventory: Inventory, machine: Machine) -> Inventory:
    """With that machine in it."""
    return inventory._replace(machines={**inventory.machines, machine.name: machine})


def moved(inventory: Inventory, operation: Operation, machine: Machine, node: NodeId, why: str) -> Inventory:
    """The owner changes: a new grant, and a line of history."""
    move = Move(operation.position, machine.name, machine.node, node, why, operation.wall_s)
    after = put(inventory, machine._replace(node=node, grant=operation.position, stayed=""))
    return after._replace(moves=(*inventory.moves, move)[-MOVES_MAX:])
