"""Which lost nodes are *clear*: surely run no managed machine (C1 to C4), and what is done to know it. The holder's.

A node that is clear loses its machines in the same step, by one operation (M2 b): being clear is never remembered.

**What counts as a sign of life.** A node can be cut off from the holder alone, and live well in a majority of others.
So every mark of it counts: in its own datagrams here, and in what each node that is heard here echoes of it. Marks
are compared as they are looked at, so a sign is taken for later than it was, never for earlier.

**C1.** The agent's `off` has succeeded, and the `status` asked for after it said off: at some moment after `asked_at`
the node had no power. Without a sign since `asked_at` it has not come back in a way that could matter: its next life
starts nothing before it has heard the holder name it (M1), which is a sign here first.

**C2.** *Armed*: voters of majority weight say that the newest word of it had an armed watchdog, each of a node that had
heard of the voter's present life, and none of them is about to stop. A node disarms only after a majority has taken in
"disarmed" (follow_own); the two majorities share a voter, which in this life has heard "disarmed" last, or "armed"
later still. A voter that was restarted since knows nothing, and does not count.
*Fired*: a node with machines feeds only while it hears a majority, or has within F = P + 5 s (`may_feed`). Since the
last sign at T0 the holder has heard majorities, each within L. Say the node was fed until t later than T0 + F. Then a
voter of the holder's majority at that time had just heard it, and names it here by its next heartbeat: that would have
been a sign after T0, unless t is within L of now. So it was not fed for all of the time from T0 + F to now - L, and
that is w at least: w + max(10 s, 2 P + 6 s) have gone by since T0, and F + L < 2 P + 5 s.
For a new holder T0 is not before its lease began.

**C3.** It said itself that the whole node was shutting down, that no machine ran there, and that none would be started.

**C4.** An operator says so. For the life that was heard last: any sign since makes it void.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.estate import desk, replica
from coroctl.decision.estate.actions import Alarm, DisarmWatchdog, Event, Fence
from coroctl.decision.estate.state import Call, Dog, Fences, Sighting
from coroctl.decision.estate.values import NodeFailed, Seen, Wait, WaitsFor, Wanted, Word
from coroctl.decision.settings import MS, SECOND, Fencing
from coroctl.decision.values import NOBODY

if TYPE_CHECKING:
    from coroctl.decision.estate.events import Fenced, Wish
    from coroctl.decision.estate.facts import Facts
    from coroctl.decision.estate.state import Estate, Turn
    from coroctl.decision.values import Mark
    from coroctl.model import NodeId

GRACE_US = 10 * SECOND
JOIN_US = 10 * SECOND
"""From a node's first word to corosync's listing it: without that, a node that boots would be switched off again."""
RETRY_US = 2 * SECOND
RETRY_MAX_US = 300 * SECOND
LOOK_US = 50 * MS
"""How often echoes are looked at while a watchdog is to be disarmed."""
WHY_MAX = 200
"""Characters that a heartbeat carries of what an agent said."""


def follow(turn: Turn) -> None:
    """Look after every node that has machines and is lost; only as holder."""
    if not replica.leads(turn):
        turn.fences = Fences(dog=turn.fences.dog)
        for what, about in sorted(turn.alarms, key=str):
            if what in (Alarm.NOT_RECOVERED, Alarm.FENCING, Alarm.NOT_FENCED):
                turn.over(what, about)
        return
    look(turn)
    owners = concerned(turn)
    for node in sorted({*turn.fences.lost, *owners}):
        if node in owners and is_lost(turn, node):
            lost(turn, node)
        else:
            back(turn, node)


def concerned(turn: Turn) -> set[NodeId]:
    """Other nodes that have machines which run there, or should."""
    return {
        one.node
        for one in turn.inventory.machines.values()
        if one.node not in (NOBODY, turn.life.node) and (one.wanted is Wanted.RUNNING or one.seen is not Seen.OFF)
    }


# Signs of life


def look(turn: Turn) -> None:
    """Compare what is known of each node with what was known when it was looked at last."""
    sightings = dict(turn.fences.sightings)
    for node, marks in marks_of(turn).items():
        known = sightings.get(node)
        fresh = known is None or any(known.marks.get(who) != mark for who, mark in marks.items())
        if fresh:
            before = known.marks if known is not None else {}
            newest = max(mark.incarnation for mark in marks.values())
            sightings[node] = Sighting({**before, **marks}, turn.now, newest, born(turn, known, newest))
    turn.fences = turn.fences._replace(sightings=sightings, since=turn.fences.since or turn.now)


def born(turn: Turn, known: Sighting | None, newest: int) -> int:
    """Since when that life of a node is known."""
    if known is not None and known.incarnation == newest:
        return known.born
    return turn.now if turn.fences.since else 0


def marks_of(turn: Turn) -> dict[NodeId, dict[tuple[NodeId, int], Mark]]:
    """Of each other node: every mark that is known of it now, by who knows it, and how."""
    found: dict[NodeId, dict[tuple[NodeId, int], Mark]] = {}
    for who, fact in turn.facts.nodes.items():
        found.setdefault(who, {})[who, 0] = fact.mark
        if fact.stranger is not None:
            found[who][who, 1] = fact.stranger
        if not turn.life.rules.signs_through_others:
            continue
        for how, names in enumerate(fact.names):
            for node, mark in names.items():
                if node != turn.life.node:
                    found.setdefault(node, {})[who, how + 2] = mark
    return found


def signed_at(turn: Turn, node: NodeId) -> int:
    """When the last sign of it was noticed; at the earliest when this holder began to look."""
    sighting = turn.fences.sightings.get(node)
    return max(sighting.at if sighting is not None else 0, turn.fences.since)


def incarnation_of(turn: Turn, node: NodeId) -> int:
    """The newest life of it that is known; 0: none."""
    sighting = turn.fences.sightings.get(node)
    return sighting.incarnation if sighting is not None else 0


def is_lost(turn: Turn, node: NodeId) -> bool:
    """Neither listed by corosync, nor heard for P. One that has just begun to speak again is given time to join."""
    if node in turn.facts.members:
        return False
    fact, sighting = turn.facts.nodes.get(node), turn.fences.sightings.get(node)
    silent_at = max(fact.heard_at if fact is not None else 0, turn.fences.since) + turn.facts.promise_us
    if sighting is not None and sighting.born:
        silent_at = max(silent_at, sighting.born + JOIN_US)
    turn.wake_at(silent_at)
    return turn.now >= silent_at


def back(turn: Turn, node: NodeId) -> None:
    """It is not lost any more, or has nothing left to be recovered."""
    fences = turn.fences
    if node in fences.lost:
        turn.fences = fences._replace(
            lost={one: at for one, at in fences.lost.items() if one != node},
            calls={one: call for one, call in fences.calls.items() if one != node},
            waits={one: wait for one, wait in fences.waits.items() if one != node},
        )
        if node in concerned(turn):
            turn.log(Event.NODE_BACK, node=node)
    for what in (Alarm.NOT_RECOVERED, Alarm.FENCING, Alarm.NOT_FENCED):
        turn.over(what, str(node))


# A lost node


def lost(turn: Turn, node: NodeId) -> None:
    """Recover its machines if it is clear by now; else do what makes it clear, and say what is waited for."""
    if node not in turn.fences.lost:
        turn.fences = turn.fences._replace(lost={**turn.fences.lost, node: turn.now})
        turn.log(Event.NODE_LOST, node=node)
    if stopped_clean(turn, node):
        failed(turn, node, "it was shut down cleanly, with no machine running")
    elif has_left(turn, node):
        wait(turn, node, WaitsFor.STOPPED)
    else:
        match turn.facts.fencing:
            case Fencing.AGENT:
                call_agent(turn, node)
            case Fencing.WATCHDOG:
                count_down(turn, node)
            case Fencing.NONE:
                wait(turn, node, WaitsFor.CONFIRM)


def failed(turn: Turn, node: NodeId, why: str, actor: str = "") -> None:
    """It is clear: what it owned waits for another node."""
    took_s = (turn.now - turn.fences.lost.get(node, turn.now)) / SECOND
    replica.make(turn, NodeFailed(node, incarnation_of(turn, node), why), actor)
    turn.log(Event.NODE_FAILED, node=node, detail=f"{why}; {took_s:.1f} s after it was lost")
    back(turn, node)


def wait(turn: Turn, node: NodeId, waits_for: WaitsFor, until: int = 0, why: str = "") -> None:
    """Say so, and look again then."""
    why = why[:WHY_MAX]
    turn.wake_at(until)
    until_s = turn.wall_s + (until - turn.now) // SECOND + 1 if until > turn.now else 0
    known = turn.fences.waits.get(node)
    if known is None or (known.waits_for, known.why) != (waits_for, why) or abs(known.until_s - until_s) > 1:
        fresh = Wait(node, waits_for, until_s, why)
        turn.fences = turn.fences._replace(waits={**turn.fences.waits, node: fresh})
        if known is not None and {known.waits_for, waits_for} - {WaitsFor.AGENT, WaitsFor.RETRY, known.waits_for}:
            turn.over(Alarm.NOT_RECOVERED, str(node))
        turn.alarm(Alarm.NOT_RECOVERED, str(node), waits_for.value)


def words_of(turn: Turn, node: NodeId) -> dict[NodeId, Word]:
    """What this node and those that it hears know of the newest life of it."""
    found = {turn.life.node: words(turn)}
    found |= {who: fact.stock.words for who, fact in replica.heard(turn).items() if not fact.stopping}
    newest = incarnation_of(turn, node)
    return {
        who: word for who, told in found.items() for word in told if word.node == node and word.incarnation == newest
    }


def has_left(turn: Turn, node: NodeId) -> bool:
    """M5: its daemon was stopped cleanly. That says nothing of its machines, and is no failure."""
    return any(word.stopping for word in words_of(turn, node).values())


def stopped_clean(turn: Turn, node: NodeId) -> bool:
    """C3."""
    fact = turn.facts.nodes.get(node)
    return (
        turn.facts.recover_stopped
        and fact is not None
        and fact.incarnation == incarnation_of(turn, node)
        and fact.stopping
        and fact.stock.leaving
        and fact.stock.running == 0
    )


# C1


def call_agent(turn: Turn, node: NodeId) -> None:
    """One call at a time; after a failure slower each time."""
    known = turn.fences.calls.get(node)
    if known is not None and known.number:
        wait(turn, node, WaitsFor.AGENT, why=known.why)
    elif known is not None and turn.now < known.again_at:
        wait(turn, node, WaitsFor.RETRY, known.again_at, known.why)
    else:
        number = turn.number()
        failures, why = (known.failures, known.why) if known is not None else (0, "")
        call = Call(number, turn.now, failures, 0, why)
        turn.fences = turn.fences._replace(calls={**turn.fences.calls, node: call})
        turn.do(Fence(number, node))
        turn.log(Event.FENCING, node=node)
        wait(turn, node, WaitsFor.AGENT, why=why)


def fenced(turn: Turn, event: Fenced) -> None:
    """An agent has ended. What was asked for by a former holder, or for a node that is back, proves nothing."""
    node = next((one for one, call in turn.fences.calls.items() if call.number == event.number), NOBODY)
    if node == NOBODY or not replica.leads(turn):
        return
    call = turn.fences.calls[node]
    look(turn)
    off = event.off or (event.on and not turn.life.rules.status_after_off)
    if off and signed_at(turn, node) < event.asked_at:
        took_s = (turn.now - call.begun) / SECOND
        turn.log(Event.FENCED, node=node, detail=f"{took_s:.1f} s")
        failed(turn, node, f"fenced by its agent in {took_s:.1f} s")
        return
    why = event.why or "it gave a sign of life after it was said to be off"
    back_off = min(RETRY_US << min(call.failures, 10), RETRY_MAX_US)
    after = Call(0, call.begun, call.failures + 1, turn.now + back_off, why)
    turn.fences = turn.fences._replace(calls={**turn.fences.calls, node: after})
    turn.log(Event.FENCING_FAILED, node=node, detail=why)
    turn.alarm(Alarm.NOT_FENCED if event.on or event.off else Alarm.FENCING, str(node), why)


# C2


def count_down(turn: Turn, node: NodeId) -> None:
    """Until its watchdog must have fired."""
    timeout_us = armed(turn, node)
    if not timeout_us:
        wait(turn, node, WaitsFor.UNWATCHED)
        return
    grace_us = max(GRACE_US, 2 * turn.facts.promise_us + 6 * SECOND) if turn.life.rules.watchdog_grace else 0
    began = signed_at(turn, node)
    if not turn.life.rules.watchdog_from_last_sign:
        began = turn.facts.nodes[node].heard_at if node in turn.facts.nodes else 0
    fires_at = began + timeout_us + grace_us
    if turn.now >= fires_at:
        failed(turn, node, f"its watchdog ({timeout_us / SECOND:g} s) must have fired")
    else:
        wait(turn, node, WaitsFor.WATCHDOG, fires_at)


def armed(turn: Turn, node: NodeId) -> int:
    """The timeout of its watchdog, if voters of majority weight know it as armed; 0 otherwise."""
    told = {who: word.watchdog_us for who, word in words_of(turn, node).items() if word.watchdog_us}
    weight = sum(turn.facts.weights.get(who, 0) for who in told)
    enough = weight >= turn.facts.majority or (bool(told) and not turn.life.rules.armed_by_majority)
    return max(told.values()) if enough else 0


# C4


def confirm(turn: Turn, wish: Wish) -> None:
    """An operator says that a node is dead. Refused while anything says that it lives."""
    node = wish.node
    if node == turn.life.node or not is_lost(turn, node):
        desk.refuse(turn, wish, "it is alive: corosync lists it, or it has been heard just now")
    elif turn.now < signed_at(turn, node) + turn.facts.promise_us and node in marks_of(turn):
        desk.refuse(turn, wish, "it is alive: another node has heard it just now")
    else:
        failed(turn, node, "confirmed dead by an operator", wish.actor)
        desk.wait(turn, wish, turn.inventory.position)


# This node's own part


def words(turn: Turn) -> tuple[Word, ...]:
    """Of nodes that this one does not hear: what was heard of them last, if they had heard of this life (C2, M5)."""
    found = []
    for node, fact in sorted(turn.facts.nodes.items()):
        if not fact.echoed or not (fact.stock.watchdog_us or fact.stopping):
            continue
        if fact.heard:
            turn.wake_at(fact.heard_until + 1)
        else:
            found.append(Word(node, fact.incarnation, fact.stock.watchdog_us, fact.stopping))
    return tuple(found)


def may_feed(estate: Estate, facts: Facts) -> bool:
    """C2: while the node is quorate, or holds nothing that another one could be given. Asked by whoever feeds."""
    own = estate.own
    unknown = own.domains is None and bool(own.notes.managed)
    holds = facts.serves or unknown or estate.stock.running > 0
    return facts.quorate or not holds or not estate.life.rules.feed_needs_quorum


def follow_own(turn: Turn) -> None:
    """Disarm once voters of majority weight have taken in that it will be; one that announced its stop counts."""
    dog = turn.fences.dog
    if not dog.disarming_at:
        return
    told = {turn.life.node}
    told |= {node for node, fact in turn.facts.nodes.items() if fact.echoed > dog.disarming_at or fact.stopping}
    weight = sum(turn.facts.weights.get(node, 0) for node in told)
    if weight >= turn.facts.majority or not turn.life.rules.disarm_is_told:
        turn.fences = turn.fences._replace(dog=Dog())
        turn.do(DisarmWatchdog())
        turn.log(Event.WATCHDOG, detail="disarmed")
    else:
        turn.wake_at(turn.now + LOOK_US)


def watched(turn: Turn, timeout_us: int) -> None:
    """The device is armed, or not."""
    turn.fences = turn.fences._replace(dog=Dog(timeout_us))
    turn.log(Event.WATCHDOG, detail=f"armed, {timeout_us / SECOND:g} s" if timeout_us else "not armed")


def disarm(turn: Turn) -> None:
    """Say so from now on; what was sent before does not count as said."""
    if turn.fences.dog.timeout_us:
        disarming_at = max(turn.facts.sent, turn.now)
        turn.fences = turn.fences._replace(dog=Dog(0, disarming_at))
