"""``coroctl machine`` and ``coroctl confirm-dead`` as an operator types them, on real cores with simulated machines."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.actions import CONFIRM_DEAD, MACHINE_ADOPT, MACHINE_MOVE, NODE_REMOVE, Ask, Verdict
from coroctl.client import Client
from coroctl.conduct import Operator
from coroctl.decision.estate.values import Seen
from coroctl.decision.settings import Settings
from coroctl.decision.values import Identity
from coroctl.model import Machinery, NodeId
from coroctl.sim.hypervisor import guest
from coroctl.sim.migration import Ill
from coroctl.sources.daemon import snapshot_of
from tests.cli.shell import DEADLINE_S, Shell
from tests.daemon.simulated import Nodes, master, simulated, told_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from coroctl.decision.events import Event

ONE, TWO, THREE = (NodeId(number) for number in (1, 2, 3))

pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def machines(folder: Path, template: Settings | None = None) -> AsyncIterator[Nodes]:
    """Three nodes with replicas; a and b run on the second one, off is off there."""
    async with simulated(folder, template, replicas=3) as cluster:
        guests = cluster.machines[TWO].estate.guests
        for name, seen in (("a", Seen.RUNNING), ("b", Seen.RUNNING), ("off", Seen.OFF)):
            guests.put(guest(name, seen))
        yield cluster


async def typed(cluster: Nodes, at: NodeId, patch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of ``coroctl WORDS`` on that node."""
    return await Shell(cluster, at, patch).type(*words)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0)


def known(cluster: Nodes, name: str, at: NodeId = ONE) -> dict[str, Any]:
    """What that node says of a machine; nothing if it does not know it."""
    rows: list[dict[str, Any]] = cluster.served[at].machines()["machines"]
    return next((one for one in rows if one["name"] == name), {})


def runs_on(cluster: Nodes, name: str) -> list[NodeId]:
    return [node for node, one in cluster.machines.items() if name in one.estate.guests.running()]


async def test_adopt_move_forget(tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None) -> None:
    async with machines(tmp_path) as cluster:
        assert await typed(cluster, THREE, monkeypatch, "machine", "adopt", "a", "node2", "--yes") == 0
        adopted = capsys.readouterr().out
        assert "a is on node2: running, 512 MiB" in adopted
        assert "The same as: coroctl machine adopt a node2 --yes" in adopted
        assert known(cluster, "a")["node"] == TWO
        assert await typed(cluster, ONE, monkeypatch, "machine", "move", "a", "node3", "--yes") == 0
        moved = capsys.readouterr().out
        assert "a (512 MiB) is shut down on node2 (switched off after 60 s if it goes on)" in moved
        assert "and then started on node3: it is down meanwhile" in moved
        assert "a: running on node3\nok, after" in moved
        assert runs_on(cluster, "a") == [THREE]
        assert known(cluster, "a")["last_move"]["to"] == THREE
        assert await typed(cluster, TWO, monkeypatch, "machine", "move", "a", "3", "--yes") == 0
        assert "nothing to do: a is on node3 already" in capsys.readouterr().out
        assert await typed(cluster, TWO, monkeypatch, "machine", "forget", "a", "--yes") == 0
        assert known(cluster, "a") == {}
        assert runs_on(cluster, "a") == [THREE]


LIVE = Settings(Identity(1, "f0"), (), migrates=True)


async def test_a_live_move_interrupts_nothing_and_says_so(
    tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None
) -> None:
    async with machines(tmp_path, LIVE) as cluster:
        assert await typed(cluster, ONE, monkeypatch, "machine", "adopt", "a", "node2", "--yes") == 0
        capsys.readouterr()
        here = Operator(Client(str(cluster.served[ONE].run)))
        await until(lambda: known(cluster, "a")["seen"] == "running")
        live = await asyncio.to_thread(here.preflight, Ask(MACHINE_MOVE, THREE, machine="a"))
        cold = await asyncio.to_thread(here.preflight, Ask(MACHINE_MOVE, THREE, machine="a", cold=True))
        assert (live.interrupts, cold.interrupts) == (False, True)
        assert await typed(cluster, ONE, monkeypatch, "machine", "move", "a", "node3", "--yes") == 0
        moved = capsys.readouterr().out
        assert "a (512 MiB) moves live from node2 to node3: it goes on, after a moment of silence" in moved
        assert "a: running on node3\nok, after" in moved
        assert runs_on(cluster, "a") == [THREE]
        assert known(cluster, "a")["last_move"]["why"] == "an operator moves it live"
        assert await typed(cluster, ONE, monkeypatch, "machine", "move", "a", "node2", "--cold", "--yes") == 0
        assert "a (512 MiB) is shut down on node3" in capsys.readouterr().out
        assert known(cluster, "a")["last_move"]["why"] == "an operator moves it"


async def test_a_live_move_that_fails_ends_at_once_with_the_reason(
    tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None
) -> None:
    async with machines(tmp_path, LIVE) as cluster:
        assert await typed(cluster, ONE, monkeypatch, "machine", "adopt", "a", "node2", "--yes") == 0
        cluster.machines[TWO].estate.guests.ills.add(Ill.FAILS)
        for _ in range(2):
            capsys.readouterr()
            assert await typed(cluster, ONE, monkeypatch, "machine", "move", "a", "node3", "--yes") == 4
            moved = capsys.readouterr()
            stays = "running on node2, and stays there: the disks are not shared"
            assert moved.err == f"coroctl: withdrawn: a was not moved, and is {stays}\n"
            assert runs_on(cluster, "a") == [TWO]
        cluster.machines[TWO].estate.guests.ills.clear()
        assert await typed(cluster, ONE, monkeypatch, "machine", "move", "a", "node3", "--yes") == 0
        assert runs_on(cluster, "a") == [THREE]


async def test_before_the_first_adoption_the_master_does_not_point_to_itself(
    tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None
) -> None:
    async with machines(tmp_path) as cluster:
        head = master(cluster)
        assert head == ONE
        for at, text in ((head, "this node is master, and has no inventory"), (TWO, "the master judges by its own")):
            await typed(cluster, at, monkeypatch, "confirm-dead", "node2", "--dry-run")
            assert text in capsys.readouterr().out


async def test_without_a_node_it_is_adopted_here(tmp_path: Path, monkeypatch: Any, nobody: None) -> None:
    async with machines(tmp_path) as cluster:
        assert await typed(cluster, TWO, monkeypatch, "machine", "adopt", "off", "--yes") == 0
        assert (known(cluster, "off")["node"], known(cluster, "off")["wanted"]) == (TWO, "off")


async def test_what_makes_no_sense_is_refused_before_it_is_asked_for(
    tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None
) -> None:
    async with machines(tmp_path) as cluster:
        for words, why in (
            (("adopt", "nothing", "node2"), "found: nothing on node2: not there"),
            (("adopt", "a", "node3"), "found: a on node3: not there"),
            (("forget", "a"), "managed: no machine named a is managed"),
            (("move", "a", "node3"), "managed: no machine named a is managed"),
        ):
            # Before the first adoption nobody knows an inventory, so the preflight can only warn of what is missing.
            if words[0] != "adopt":
                assert await typed(cluster, ONE, monkeypatch, "machine", "adopt", "b", "node2", "--yes") == 0
            assert await typed(cluster, ONE, monkeypatch, "machine", *words, "--yes") == 4
            assert why in capsys.readouterr().err
        assert told_events(cluster.served[ONE], "asked")[0].details["verb"] == "machine adopt"
        assert {row.details["text"] for row in told_events(cluster.served[ONE], "asked")} == {"b"}
        # The master has the last word: it is asked to look for the machine itself.
        forced = ("machine", "adopt", "nothing", "node2", "--yes", "--force", "found")
        assert await typed(cluster, ONE, monkeypatch, *forced) == 4
        assert "refused: no such machine there" in capsys.readouterr().err


async def test_a_target_that_cannot_have_it(tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None) -> None:
    async with machines(tmp_path) as cluster:
        assert await typed(cluster, ONE, monkeypatch, "machine", "adopt", "a", "node2", "--yes") == 0
        assert await typed(cluster, ONE, monkeypatch, "suspend", "node3", "--yes") == 0
        assert await typed(cluster, ONE, monkeypatch, "machine", "move", "a", "node3", "--yes") == 4
        assert "target: node3: that node is suspended" in capsys.readouterr().err
        assert runs_on(cluster, "a") == [TWO]
        assert await typed(cluster, ONE, monkeypatch, "suspend", "node2", "--dry-run") == 0
        assert "1 machine runs there, and is paused until the node is resumed" in capsys.readouterr().out


@pytest.mark.parametrize(("said", "code"), [("a\n", 0), ("node3\n", 4), ("3\n", 4), ("y\n", 4)])
async def test_the_name_of_a_machine_that_will_be_down_is_typed(
    tmp_path: Path, monkeypatch: Any, keyboard: int, said: str, code: int
) -> None:
    async with machines(tmp_path) as cluster:
        assert await typed(cluster, ONE, monkeypatch, "machine", "adopt", "a", "node2", "--yes") == 0
        os.write(keyboard, said.encode())
        assert await typed(cluster, ONE, monkeypatch, "machine", "move", "a", "node3") == code
        assert runs_on(cluster, "a") == [THREE if code == 0 else TWO]


async def test_confirm_dead(tmp_path: Path, monkeypatch: Any, capsys: Any, keyboard: int) -> None:
    async with machines(tmp_path) as cluster:
        for name in ("a", "b", "off"):
            assert await typed(cluster, ONE, monkeypatch, "machine", "adopt", name, "node2", "--yes") == 0
        assert await typed(cluster, ONE, monkeypatch, "confirm-dead", "node2", "--yes") == 4
        assert "dead: it lives: corosync lists it" in capsys.readouterr().err
        assert await typed(cluster, ONE, monkeypatch, "confirm-dead", "node3", "--yes", "--force", "dead") == 1
        cluster.machines[TWO].power_off()
        await until(lambda: bool(cluster.served[THREE].machines()["recovery"]))
        await until(lambda: is_silent(cluster, TWO))
        [wait] = seen(cluster, THREE).recovery
        assert (wait.node, wait.waits_for, wait.why) == (TWO, "confirm-dead: no fencing is configured", "")
        capsys.readouterr()
        os.write(keyboard, b"y\n")
        assert await typed(cluster, THREE, monkeypatch, "confirm-dead", "node2") == 4
        shown = capsys.readouterr().out
        assert "it waits for confirm-dead: no fencing is configured" in shown
        assert "2 machines (1024 MiB) of node2 run on other nodes then: a, b" in shown
        assert "1 machine of node2, off: no node has it then" in shown
        assert "be sure that it has no power" in shown
        os.write(keyboard, b"node2\n")
        assert await typed(cluster, THREE, monkeypatch, "confirm-dead", "node2") == 0
        assert runs_on(cluster, "a") != []
        assert TWO not in (*runs_on(cluster, "a"), *runs_on(cluster, "b"))
        assert "confirmed dead" in told(cluster)
        after = seen(cluster, THREE)
        assert after.recovery == ()
        [failure] = after.failures
        assert (failure.node, failure.why, failure.machines) == (TWO, "confirmed dead by an operator", 3)
        assert await typed(cluster, THREE, monkeypatch, "confirm-dead", "node2") == 0
        assert "nothing to do: no managed machine belongs to node2" in capsys.readouterr().out


def is_silent(cluster: Nodes, node: NodeId) -> bool:
    """Whether the master has had no sign of it, from others either, for as long as it takes to be confirmed dead."""
    holder = cluster.served[ONE]
    known = holder.known()
    assert known is not None
    return holder.clock() > known.estate.fences.sightings[node].at + known.facts.promise_us


def seen(cluster: Nodes, at: NodeId) -> Machinery:
    """What a snapshot of that node has of machines."""
    found = snapshot_of(cluster.served[at].picture()).machinery
    assert found is not None
    return found


def told(cluster: Nodes) -> str:
    return "\n".join(line.text for line in cluster.events)


async def test_the_same_id_twice_is_one_change(tmp_path: Path) -> None:
    async with machines(tmp_path) as cluster:
        client = Client(str(cluster.served[THREE].run))
        ask = Ask(MACHINE_ADOPT, TWO, machine="a")
        outlook = await asyncio.to_thread(Operator(client).preflight, ask)
        once = [
            asyncio.to_thread(client.change, "machine-adopt", TWO, outlook.seen, {"machine": "a"}, request="once")
            for _ in range(3)
        ]
        assert {one.verdict for one in await asyncio.gather(*once)} == {"ok"}
        assert told(cluster).count("machine-adopted a") == 1
        stale = outlook.seen._replace(term=outlook.seen.term - 1)
        again = await asyncio.to_thread(client.change, "machine-adopt", TWO, stale, {"machine": "a"}, request="once")
        assert again.verdict == "ok"  # it is the former answer
        other = await asyncio.to_thread(client.change, "machine-adopt", TWO, stale, {"machine": "a"})
        assert (other.verdict, other.why.startswith("changed since you looked")) == ("refused", True)


async def test_a_lost_master_makes_it_unknown(tmp_path: Path, monkeypatch: Any) -> None:
    """It loses its power in the moment of the request."""
    async with machines(tmp_path) as cluster:
        client = Client(str(cluster.served[THREE].run))
        ask = Ask(MACHINE_ADOPT, TWO, machine="a")
        outlook = await asyncio.to_thread(Operator(client).preflight, ask)
        served = cluster.served[THREE]
        tell = served.tell

        def too_late(event: Event) -> None:
            cluster.machines[ONE].power_off()
            tell(event)

        monkeypatch.setattr(served, "tell", too_late)
        outcome = await asyncio.to_thread(client.change, "machine-adopt", TWO, outlook.seen, {"machine": "a"})
        assert (outcome.verdict, outcome.why) == ("unknown", "the holder was lost before it answered")
        await until(lambda: master(cluster) == TWO)


async def test_json_and_a_dry_run(tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None) -> None:
    async with machines(tmp_path) as cluster:
        assert await typed(cluster, ONE, monkeypatch, "machine", "adopt", "a", "node2", "--dry-run", "--json") == 0
        looked = json.loads(capsys.readouterr().out)
        assert looked["outcome"] is None
        assert {one["what"] for one in looked["preflight"]["effects"]} == {"machine", "recovery"}
        assert told_events(cluster.served[ONE], "asked") == []
        assert await typed(cluster, ONE, monkeypatch, "machine", "adopt", "a", "node2", "--yes", "--json") == 0
        assert json.loads(capsys.readouterr().out)["outcome"]["verdict"] == "ok"


async def test_where_no_inventory_is_known_the_preflight_only_warns(tmp_path: Path) -> None:
    """The master judges."""
    async with simulated(tmp_path, replicas=2) as cluster:
        cluster.machines[TWO].estate.guests.put(guest("a", Seen.RUNNING))
        here = Operator(Client(str(cluster.served[ONE].run)))
        outlook = await asyncio.to_thread(here.preflight, Ask(MACHINE_MOVE, THREE, machine="a"))
        verdicts = {one.name: one.verdict for one in outlook.checks}
        assert verdicts["managed"] is Verdict.WARN
        assert not outlook.failing(frozenset())
        confirm = await asyncio.to_thread(here.preflight, Ask(CONFIRM_DEAD, TWO))
        assert [one.name for one in confirm.failing(frozenset())] == ["dead"]


async def test_a_node_that_owns_machines_is_not_removed_unless_that_is_forced(
    tmp_path: Path, monkeypatch: Any, nobody: None
) -> None:
    async with machines(tmp_path) as cluster:
        assert await typed(cluster, ONE, monkeypatch, "machine", "adopt", "a", "node2", "--yes") == 0
        here = Operator(Client(str(cluster.served[ONE].run)))
        owner = await asyncio.to_thread(here.preflight, Ask(NODE_REMOVE, TWO))
        [check] = [one for one in owner.checks if one.name == "machines"]
        assert (check.verdict, check.safety) == (Verdict.FAIL, False)
        assert check.reason == "node2 owns virtual machines: a (move them first: coroctl machine move)"
        other = await asyncio.to_thread(here.preflight, Ask(NODE_REMOVE, THREE))
        assert [one.verdict for one in other.checks if one.name == "machines"] == [Verdict.PASS]
