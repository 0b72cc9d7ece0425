"""Recovery: which machine goes where, in which order, and what becomes of one that does not start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coroctl.decision.estate.actions import Alarm, Warn, WarnOver
from coroctl.decision.estate.events import Tick
from coroctl.decision.estate.recovery import STARTS_AT_ONCE
from coroctl.decision.estate.values import Granted, Report, Seen, Wanted
from coroctl.decision.values import NOBODY
from tests.decision.build_estate import THREE, TWO, Holder, machine

if TYPE_CHECKING:
    from coroctl.decision.estate.values import Machine
    from coroctl.model import NodeId


def granted(holder: Holder) -> list[tuple[str, NodeId]]:
    """In order."""
    changes = [one.change for one in holder.estate.replica.tail]
    return [(one.name, one.node) for one in changes if isinstance(one, Granted)]


def report(holder: Holder, node: NodeId, name: str, seen: Seen) -> None:
    """A node says how the start went."""
    one = holder.estate.replica.inventory.machines[name]
    said = Report(name, one.grant, seen, given_up=seen is Seen.FAILED)
    holder.stocks[node] = holder.stocks[node]._replace(reports=(said,))
    holder.feed(Tick())


def test_by_priority_and_name_to_the_node_with_most_free_memory() -> None:
    holder = Holder(free_mib=1000)
    holder.stocks[TWO] = holder.ready(free_mib=3000)
    holder.stocks[THREE] = holder.ready(free_mib=2600)
    queue = [machine("b", NOBODY, 512), machine("a", NOBODY, 512), machine("z", NOBODY, 512, priority=5)]
    put(holder, *queue)
    holder.feed(Tick())
    assert granted(holder) == [("z", TWO), ("a", THREE), ("b", TWO)]


def put(holder: Holder, *machines: Machine) -> None:
    """Into the inventory, as a failed node leaves them."""
    inventory = holder.estate.replica.inventory
    named = {one.name: one for one in machines}
    replica = holder.estate.replica._replace(inventory=inventory._replace(machines={**inventory.machines, **named}))
    holder.estate = holder.estate._replace(replica=replica)


def test_who_cannot_have_machines_gets_none() -> None:
    holder = Holder(free_mib=-1)
    holder.stocks[TWO] = holder.ready(free_mib=9000)._replace(obeys=holder.estate.replica.inventory.position)
    holder.stocks[THREE] = holder.ready(free_mib=8000)
    put(holder, machine("a", NOBODY))
    holder.feed(Tick())
    assert granted(holder) == [("a", TWO)]
    for away in ("stopping", "unlisted", "behind"):
        holder = Holder(free_mib=-1)
        holder.stocks[THREE] = holder.ready(free_mib=8000)
        holder.stocks[TWO] = holder.ready(free_mib=9000)
        match away:
            case "stopping":
                holder.stopping.add(TWO)
            case "unlisted":
                holder.silence(TWO)
            case _:
                holder.stocks[TWO] = holder.stocks[TWO]._replace(obeys=holder.estate.replica.stored._replace(epoch=1))
        put(holder, machine("a", NOBODY))
        holder.feed(Tick())
        assert granted(holder) == [("a", THREE)], away


def test_what_is_not_wanted_stays_off() -> None:
    holder = Holder()
    put(holder, machine("a", NOBODY, wanted=Wanted.OFF), machine("b", NOBODY, to=THREE))
    holder.feed(Tick())
    assert granted(holder) == [("b", THREE)]


def test_a_failed_start_goes_to_the_next_node_and_then_to_the_operator() -> None:
    holder = Holder(free_mib=-1)
    holder.stocks[TWO] = holder.ready(free_mib=3000)
    holder.stocks[THREE] = holder.ready(free_mib=2000)
    put(holder, machine("a", NOBODY))
    holder.feed(Tick())
    report(holder, TWO, "a", Seen.FAILED)
    report(holder, THREE, "a", Seen.FAILED)
    assert granted(holder) == [("a", TWO), ("a", THREE)]
    assert holder.owners() == {"a": NOBODY}
    [alarm] = holder.of(Warn)
    assert (alarm.alarm, alarm.about, alarm.detail) == (Alarm.NOT_PLACED, "a", "its start failed on node 2, 3")


def test_too_large_is_told_and_does_not_hold_others_up() -> None:
    holder = Holder(free_mib=1000)
    put(holder, machine("large", NOBODY, 5000, priority=9), machine("small", NOBODY, 500))
    holder.feed(Tick())
    assert [name for name, _ in granted(holder)] == ["small"]
    assert [(one.alarm, one.about, one.detail) for one in holder.of(Warn)] == [
        (Alarm.NOT_PLACED, "large", "no node has 5000 MiB free")
    ]
    holder.stocks[TWO] = holder.ready(free_mib=6000)
    holder.feed(Tick())
    assert granted(holder)[-1] == ("large", TWO)
    holder.feed(Tick())
    assert [one.about for one in holder.of(WarnOver)] == ["large"]


def test_a_node_whose_starts_hang_keeps_nothing_from_the_others() -> None:
    holder = Holder(free_mib=-1)
    holder.stocks[TWO] = holder.ready(free_mib=90_000)
    holder.stocks[THREE] = holder.ready(free_mib=8000)
    put(holder, *(machine(f"m{number}", NOBODY, 100) for number in range(2 * STARTS_AT_ONCE)))
    holder.feed(Tick())
    assert [node for _, node in granted(holder)] == [TWO] * STARTS_AT_ONCE + [THREE] * STARTS_AT_ONCE


def test_starts_under_way_are_bounded_and_their_memory_is_taken() -> None:
    holder = Holder(free_mib=4000, nodes=(TWO,))
    holder.stocks[TWO] = holder.ready(free_mib=4000)
    put(holder, *(machine(f"m{number:02}", NOBODY, 100) for number in range(20)))
    holder.feed(Tick())
    assert len(granted(holder)) == 2 * STARTS_AT_ONCE
    assert sorted(node for _, node in granted(holder)) == [1] * STARTS_AT_ONCE + [2] * STARTS_AT_ONCE
    report(holder, TWO, granted(holder)[0][0] if granted(holder)[0][1] == TWO else granted(holder)[1][0], Seen.RUNNING)
    assert len(granted(holder)) == 2 * STARTS_AT_ONCE + 1
