"""The inventory and its replicas: who makes operations (I1), on what (I2), who follows (I3), what is acknowledged (I4).

Why an acknowledged operation is in every later inventory: its holder's lease was valid, so voters of majority weight
had echoed it within L; all of those that have a replica had stored the operation. The next holder has votes of a
majority. The two share a voter, whose vote came in a heartbeat with the position of its replica, and after its promise
to the former holder had run out; so the next holder heard of that position before it opened its epoch, or of a larger
one. (With replication on in a minority only, the shared voter may have no replica: lint warns.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.estate.actions import Alarm, Event, PullFrom, StoreOperations, StoreWhole
from coroctl.decision.estate.events import Batch
from coroctl.decision.estate.inventory import apply, follows, next_position, opening
from coroctl.decision.estate.values import LOST, NOTHING, Operation, Position
from coroctl.decision.settings import MS, SECOND
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.decision.estate.facts import NodeFact
    from coroctl.decision.estate.inventory import Inventory
    from coroctl.decision.estate.state import Estate, Turn
    from coroctl.decision.estate.values import Change, Stock
    from coroctl.model import NodeId

TAIL = 1000
"""Operations that are kept for whoever is a little behind; who is further behind gets the whole."""
RETRY_US = SECOND
RETRY_PULL_US = 200 * MS


def keeps(turn: Turn) -> bool:
    """Whether this node has a replica: by its configuration."""
    return turn.life.node in turn.facts.replicas


def leads(turn: Turn) -> bool:
    """I1: whether this node may make operations now."""
    return turn.facts.acts and turn.desk.opened > 0


def make(turn: Turn, change: Change, actor: str = "") -> Position:
    """Make the next operation. Only for a holder that `leads`."""
    position = next_position(turn.inventory.position)
    take(turn, Operation(position, change, turn.wall_s, actor))
    return position


def take(turn: Turn, operation: Operation) -> None:
    """Apply it here; `store` sees to the disk."""
    replica = turn.replica
    turn.replica = replica._replace(
        inventory=apply(replica.inventory, operation), tail=(*replica.tail[-TAIL + 1 :], operation)
    )


# The disk


def store(turn: Turn) -> None:
    """Bring the disk to where the memory is: one store at a time."""
    replica = turn.replica
    if not keeps(turn) or replica.storing or replica.lost or replica.inventory.position in (NOTHING, replica.stored):
        return
    if turn.now < replica.retry_at:
        turn.wake_at(replica.retry_at)
        return
    number = turn.number()
    # Nothing stored may also mean that nobody knows what is: operations on top of those might be there twice.
    missing = after(replica.tail, replica.stored) if replica.stored != NOTHING else ()
    turn.do(StoreOperations(number, missing) if missing else StoreWhole(number, replica.inventory))
    turn.replica = replica._replace(storing=number, storing_to=replica.inventory.position)


def stored(turn: Turn, number: int) -> None:
    """fsync has returned."""
    if number == turn.replica.storing:
        turn.replica = turn.replica._replace(stored=turn.replica.storing_to, storing=0)
        turn.over(Alarm.STORE)


def store_failed(turn: Turn, number: int, why: str) -> None:
    """What is on the disk is unknown: the whole is stored anew, a little later."""
    if number == turn.replica.storing:
        turn.replica = turn.replica._replace(stored=NOTHING, storing=0, retry_at=turn.now + RETRY_US)
        turn.alarm(Alarm.STORE, detail=why)


def after(tail: tuple[Operation, ...], position: Position) -> tuple[Operation, ...]:
    """The operations that follow a position without a gap; none if the tail does not reach back so far."""
    for at in range(len(tail) - 1, -1, -1):
        if follows(tail[at], position):
            return tail[at:]
    return ()


def serve(estate: Estate, position: Position) -> Batch:
    """The answer to a pull: what the asker misses, or everything."""
    replica = estate.replica
    if position == replica.inventory.position:
        return Batch()
    missing = after(replica.tail, position)
    return Batch(missing) if missing else Batch(whole=replica.inventory)


# Other nodes' copies


def known(stock: Stock) -> Position:
    """The newest operation that a node surely has: on its disk, or in the memory that it obeys."""
    return max(NOTHING if stock.position == LOST else stock.position, stock.obeys)


def pull(turn: Turn, node: NodeId) -> None:
    """Ask it, unless something is asked already."""
    replica = turn.replica
    if replica.pulling:
        return
    if turn.now < replica.retry_pull_at:
        turn.wake_at(replica.retry_pull_at)
        return
    number = turn.number()
    turn.replica = replica._replace(pulling=number, pulling_from=node)
    turn.do(PullFrom(number, node, replica.inventory.position))


def pulled(turn: Turn, number: int, batch: Batch) -> None:
    """I3: taken only from whom this node (still) follows or copies, and only what fits."""
    replica = turn.replica
    if number != replica.pulling:
        return
    source = replica.pulling_from
    turn.replica = replica._replace(pulling=0, pulling_from=NOBODY)
    if source != wanted(turn) and turn.life.rules.follow_only_the_holder:
        return
    if batch.whole is not None:
        take_whole(turn, batch.whole, source)
    for operation in batch.operations:
        if turn.life.rules.follow_only_the_holder and not follows(operation, turn.inventory.position):
            return
        take(turn, operation)
    if not turn.facts.acts:
        turn.replica = turn.replica._replace(lost=False)


def told_position(turn: Turn) -> Position:
    """What is said of the own replica."""
    if not keeps(turn):
        return NOTHING
    return LOST if turn.replica.lost else turn.replica.stored


def pull_failed(turn: Turn, number: int) -> None:
    """Ask again soon, maybe somebody else."""
    if number == turn.replica.pulling:
        retry = turn.now + RETRY_PULL_US
        turn.replica = turn.replica._replace(pulling=0, pulling_from=NOBODY, retry_pull_at=retry)


def take_whole(turn: Turn, whole: Inventory, source: NodeId) -> None:
    """A snapshot in the place of what was here. Never one of an older epoch than ours."""
    if whole.position.epoch < turn.inventory.position.epoch:
        return
    turn.replica = turn.replica._replace(inventory=whole, tail=())
    turn.log(Event.SNAPSHOT, node=source, detail=str(whole.position))


def wanted(turn: Turn) -> NodeId:
    """From whom this node would pull now; nobody if it need not."""
    if turn.facts.acts:
        return NOBODY if turn.desk.opened else best(turn)
    leader = turn.facts.leader
    if leader is None or leader.node == turn.life.node or not (keeps(turn) or turn.own.domains is not None):
        return NOBODY
    fact = turn.facts.nodes.get(leader.node)
    if fact is None or not fact.heard or fact.stock.head.epoch != leader.term:
        return NOBODY
    return leader.node if fact.stock.head != turn.inventory.position else NOBODY


def follow(turn: Turn) -> None:
    """Pull what is missing; and note when this node has caught up with the current epoch (M1)."""
    source = wanted(turn)
    if source != NOBODY:
        pull(turn, source)
    if turn.facts.suspended:
        turn.replica = turn.replica._replace(floor=None)
        return
    told = told_by_leader(turn)
    if told is not None:
        floor = told.head if turn.replica.floor is None else turn.replica.floor
        turn.replica = turn.replica._replace(floor=floor, settled=max(told.settled, turn.replica.settled))


def told_by_leader(turn: Turn) -> Stock | None:
    """The stock of a holder that this node hears mutually, and that has opened its epoch; its own too.

    Mutually: so its last word was said after it had heard of *this* life of this node. What it had made before, it had
    made before that word; what it makes from now on, it makes knowing of this life (M1, M2).
    """
    leader = turn.facts.leader
    if leads(turn):
        return turn.stock._replace(head=turn.inventory.position)
    fact = turn.facts.nodes.get(leader.node) if leader is not None else None
    if leader is None or fact is None or not fact.heard or fact.stock.head.epoch != leader.term:
        return None
    return fact.stock


def caught_up(turn: Turn) -> bool:
    """Whether what this node knows is as new as what the holder had made when it first heard of this life."""
    floor = turn.replica.floor
    return floor is not None and turn.inventory.position >= floor


# The holder


def heard(turn: Turn) -> dict[NodeId, NodeFact]:
    """Who is heard mutually."""
    return {node: fact for node, fact in turn.facts.nodes.items() if fact.heard}


def best(turn: Turn) -> NodeId:
    """I2: who of those heard knows more than this node; nobody if none does."""
    if not turn.life.rules.open_on_newest:
        return NOBODY
    newest, source = turn.inventory.position, NOBODY
    for node, fact in sorted(heard(turn).items()):
        if known(fact.stock) > newest:
            newest, source = known(fact.stock), node
    return source


def lead(turn: Turn) -> None:
    """Open the epoch, once it is known that nobody heard has more; then see what is acknowledged."""
    if not turn.facts.acts:
        turn.desk = turn.desk._replace(opened=0)
        return
    if not turn.desk.opened:
        open_epoch(turn)
    settle(turn)


def open_epoch(turn: Turn) -> None:
    """I2."""
    leader, source = turn.facts.leader, best(turn)
    if source != NOBODY:
        pull(turn, source)
        return
    if leader is None or leader.node != turn.life.node or not may_open(turn):
        return
    first = opening(turn.inventory.position, leader.term, turn.facts.renewed_by)
    age = turn.wall_s - turn.inventory.wall_s if turn.inventory.wall_s else 0
    turn.desk = turn.desk._replace(opened=leader.term)
    turn.replica = turn.replica._replace(lost=False)
    turn.over(Alarm.UNOPENED)
    take(turn, first._replace(wall_s=turn.wall_s))
    turn.log(Event.INVENTORY, detail=f"{first.position} on {first.change.on}, {age} s old")  # type: ignore[union-attr]


def may_open(turn: Turn) -> bool:
    """On a known inventory, if no unheard replica can have acknowledged more; on none if somebody wants one."""
    if turn.inventory.position == NOTHING and not turn.desk.unopened:
        return False
    why = why_not(turn)
    if why and turn.inventory.position > NOTHING:
        turn.alarm(Alarm.UNOPENED, detail=why)
    return not why


def why_not(turn: Turn) -> str:
    """Why no epoch may be opened; empty if one may.

    A majority had to acknowledge. So what is heard suffices if what is not heard, or lost its replica, is none; and
    where the replicas are too few for that from the beginning, those that there are must do. An inventory is begun
    anew only if every replica is heard.
    """
    facts = turn.facts
    if not facts.replicas:
        return "no node has replication: on"
    unheard = facts.replicas - heard(turn).keys() - {turn.life.node}
    if not unheard:
        return ""
    lost = {node for node, fact in heard(turn).items() if fact.stock.position == LOST}
    lost |= {turn.life.node} if turn.replica.lost else set()
    rest = sum(facts.weights.values()) - facts.majority
    known_weight, all_weight = weight(turn, facts.replicas - unheard - lost), weight(turn, facts.replicas)
    if turn.inventory.position > NOTHING and (known_weight > rest or all_weight <= rest):
        return ""
    return f"its replica may have more, and it is not heard: node {', '.join(map(str, sorted(unheard)))}"


def weight(turn: Turn, nodes: frozenset[NodeId]) -> int:
    """Their votes."""
    return sum(turn.facts.weights.get(node, 0) for node in nodes)


def settle(turn: Turn) -> None:
    """I4: how far every replica that is heard has stored. Without any replica nothing is acknowledged."""
    if not leads(turn):
        return
    positions = [turn.replica.stored] if keeps(turn) else []
    if turn.life.rules.acknowledged_by_all:
        for node, fact in heard(turn).items():
            if node in turn.facts.replicas:
                positions.append(fact.stock.position)
                turn.wake_at(fact.heard_until + 1)
    reached = min((*positions, turn.inventory.position)) if positions else NOTHING
    if reached.epoch == turn.desk.opened and reached > turn.replica.settled:
        turn.replica = turn.replica._replace(settled=reached)


def behind(turn: Turn, position: Position) -> list[NodeId]:
    """Replicas that are heard, and have not stored that yet."""
    nodes = [
        node for node, fact in heard(turn).items() if node in turn.facts.replicas and fact.stock.position < position
    ]
    own = [turn.life.node] if keeps(turn) and turn.replica.stored < position else []
    return sorted((*own, *nodes))
