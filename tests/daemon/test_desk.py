"""Changes from the socket to the end, on real cores: what is refused, what is forced, and who is written down."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.actions import (
    ADOPT,
    IN_CONSOLE,
    NODE_ADD,
    NODE_REMOVE,
    PRIORITY,
    PROMOTE,
    RESTORE,
    RESUME,
    SUSPEND,
    ActionError,
    Ask,
    Outlook,
    Verdict,
)
from coroctl.client import Client, Rejected
from coroctl.conduct import Operator, Step
from coroctl.daemon.callers import Actor
from coroctl.daemon.outlook_subject import Probe
from coroctl.decision import peers, requests
from coroctl.decision.messages import Edit, Request, Verb
from coroctl.decision.settings import Member, Settings
from coroctl.decision.state import Turn
from coroctl.decision.values import Identity, Reason
from coroctl.model import NodeId
from coroctl.sight import PATIENT_S
from coroctl.sim.files import File
from tests.daemon.simulated import Nodes, Served, master, simulated, told_events

if TYPE_CHECKING:
    from pathlib import Path

    from coroctl.actions import Action
    from coroctl.conduct import Report
    from coroctl.decision.actions import EditFile
    from coroctl.sim.machine import Machine

DEADLINE_S = 60.0
ONE, TWO, THREE, FOUR = (NodeId(number) for number in (1, 2, 3, 4))

pytestmark = pytest.mark.timeout(120)


def operator(cluster: Nodes, at: NodeId) -> Operator:
    return Operator(Client(str(cluster.served[at].run)))


async def looked(cluster: Nodes, at: NodeId, ask: Ask) -> Outlook:
    """A preflight, by a client on a thread."""
    return await asyncio.wait_for(asyncio.to_thread(operator(cluster, at).preflight, ask), DEADLINE_S)


async def done(cluster: Nodes, at: NodeId, ask: Ask, outlook: Outlook, steps: list[Step] | None = None) -> Report:
    """A change, followed to its end."""
    tell = (lambda _step: None) if steps is None else steps.append
    work = asyncio.to_thread(operator(cluster, at).conduct, ask, outlook, tell)
    return await asyncio.wait_for(work, DEADLINE_S)


async def changed(cluster: Nodes, at: NodeId, ask: Ask) -> Report:
    """Both."""
    return await done(cluster, at, ask, await looked(cluster, at, ask))


def verdicts(outlook: Outlook) -> dict[str, Verdict]:
    return {one.name: one.verdict for one in outlook.checks}


def effects(outlook: Outlook) -> dict[str, str]:
    return {one.what: one.text for one in outlook.effects}


def failing(outlook: Outlook) -> list[str]:
    return [one.name for one in outlook.failing(frozenset())]


async def test_a_priority_moves_the_master_as_foretold(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        ask, steps = Ask(PRIORITY, TWO, 200), list[Step]()
        outlook = await looked(cluster, THREE, ask)
        assert failing(outlook) == []
        assert (outlook.loses, outlook.gains, outlook.interrupts) == (ONE, TWO, True)
        assert "10.0.0.100/32 moves from node1 to node2 after 1 s" in effects(outlook)["address"]
        assert effects(outlook)["configuration"].startswith("priority of node2: 40 -> 200; version 2")
        assert "stops on node1" in effects(outlook)["manager"]
        report = await done(cluster, THREE, ask, outlook, steps)
        assert (report.verdict, report.missing) == ("ok", "")
        assert master(cluster) == TWO
        assert {(one.name, one.current, one.role) for one in report.nodes} == {
            ("node1", True, "slave"), ("node2", True, "master"), ("node3", True, "slave"),
        }  # fmt: skip
        assert steps[0].text == "asked"
        assert steps[-1].text == "node2 is master"
        assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)


async def test_who_asked_travels_to_the_holder_and_is_written_down(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SUDO_USER", "eve")
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 4711 192.0.2.2 22")
    async with simulated(tmp_path) as cluster:
        edits = []
        edit = cluster.edit

        def watched(machine: Machine, action: EditFile) -> None:
            edits.append(action.edit)
            edit(machine, action)

        monkeypatch.setattr(cluster, "edit", watched)
        report = await changed(cluster, THREE, Ask(PRIORITY, THREE, 20))
        assert report.verdict == "ok"
        [asked] = told_events(cluster.served[THREE], "asked")
        [answered] = told_events(cluster.served[THREE], "answered")
        assert asked.actor.startswith("uid ")
        assert asked.actor.endswith("at node3")
        assert asked.origin == "eve from 192.0.2.1"
        assert asked.details["value"] == 20
        assert answered.details["verdict"] == "ok"
        assert answered.details["request"] == asked.details["request"]
        [made] = edits
        assert made.actor.split("\t")[1] == asked.actor


async def test_promote_makes_it_the_largest(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        report = await changed(cluster, TWO, Ask(PROMOTE, THREE))
        assert (report.verdict, report.missing) == ("ok", "")
        assert master(cluster) == THREE
        settings = cluster.files[cluster.machines[ONE].loaded].settings
        assert [(one.node, one.prio) for one in settings.members] == [(1, 100), (2, 40), (3, 101)]
        again = await looked(cluster, TWO, Ask(PROMOTE, THREE))
        assert again.nothing == "node3 is master already, and has the largest priority"


async def test_a_preflight_changes_nothing(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        before = cluster.machines[ONE].loaded
        for action in (PROMOTE, SUSPEND, RESUME):
            await looked(cluster, ONE, Ask(action, TWO))
        assert cluster.machines[ONE].loaded == before
        assert told_events(cluster.served[ONE], "asked") == []


@pytest.mark.parametrize(
    ("action", "value", "nothing"),
    [(PRIORITY, 40, "has priority 40 already"), (RESUME, None, "is not suspended")],
)
async def test_there_may_be_nothing_to_do(tmp_path: Path, action: Action, value: int | None, nothing: str) -> None:
    async with simulated(tmp_path) as cluster:
        assert nothing in (await looked(cluster, ONE, Ask(action, TWO, value))).nothing


async def test_the_last_that_may_be_master_is_suspended_only_by_force_and_resumed_by_the_coordinator(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as cluster:
        for node in (THREE, TWO):
            assert (await changed(cluster, ONE, Ask(SUSPEND, node))).verdict == "ok"
        outlook = await looked(cluster, ONE, Ask(SUSPEND, ONE))
        assert failing(outlook) == ["successor"]
        refused = await done(cluster, ONE, Ask(SUSPEND, ONE), outlook)
        assert (refused.verdict, "successor: node1 is the last" in refused.why) == ("refused", True)
        assert master(cluster) == ONE
        forced = Ask(SUSPEND, ONE, force=frozenset({"successor"}))
        report = await changed(cluster, TWO, forced)
        assert (report.verdict, report.missing) == ("ok", "")
        assert told_events(cluster.served[TWO], "asked")[-1].details["forced"] == "successor"
        assert master(cluster) is None
        back = await looked(cluster, THREE, Ask(RESUME, TWO))
        assert "node2 takes 10.0.0.100/32, which nobody has now" in effects(back)["address"]
        assert "then node2 raises its own priority to 101" in effects(back)["configuration"]
        assert (await done(cluster, THREE, Ask(RESUME, TWO), back)).missing == ""
        assert master(cluster) == TWO


async def test_all_priorities_zero_and_back(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        for node in (THREE, TWO, ONE):
            force = frozenset({"successor"}) if node == ONE else frozenset()
            assert (await changed(cluster, TWO, Ask(PRIORITY, node, 0, force))).verdict == "ok"
        assert master(cluster) is None
        assert (await changed(cluster, TWO, Ask(PRIORITY, THREE, 5))).missing == ""
        assert master(cluster) == THREE


async def test_a_suspension_that_puts_quorum_at_risk_takes_force(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        cluster.machines[THREE].power_off()
        while THREE in cluster.served[ONE].picture()["corosync"]["members"]:
            await asyncio.sleep(0)
        outlook = await looked(cluster, ONE, Ask(SUSPEND, TWO))
        assert failing(outlook) == ["quorum"]
        assert outlook.risks_quorum
        assert "quorum is lost" in next(one.reason for one in outlook.checks if one.name == "quorum")
        assert (await changed(cluster, ONE, Ask(SUSPEND, TWO, force=frozenset({"quorum"})))).verdict == "ok"


async def test_without_quorum_it_is_refused_and_says_why(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        cluster.machines[ONE].power_off()
        cluster.machines[TWO].power_off()
        served = cluster.served[THREE]
        while served.picture()["corosync"]["quorate"] or served.picture()["mastership"]["lease"]:
            await asyncio.sleep(0)
        outlook = await looked(cluster, THREE, Ask(PROMOTE, THREE))
        assert {"quorate", "holder"} <= set(failing(outlook))
        report = await done(cluster, THREE, Ask(PROMOTE, THREE), outlook)
        assert report.verdict == "refused"
        assert "corosync is not quorate here" in report.why


async def test_two_operators_at_once(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        asks = {ONE: Ask(PRIORITY, TWO, 50), THREE: Ask(PRIORITY, TWO, 60)}
        outlooks = {at: await looked(cluster, at, ask) for at, ask in asks.items()}
        reports = await asyncio.gather(*(done(cluster, at, ask, outlooks[at]) for at, ask in asks.items()))
        assert sorted(report.verdict for report in reports) == ["ok", "refused"]
        assert [report.why[:24] for report in reports if report.why] == ["changed since you looked"]
        late = await done(cluster, TWO, Ask(PRIORITY, THREE, 7), outlooks[ONE])
        assert late.why.startswith("changed since you looked: the configuration is 2:")


async def test_the_same_id_twice_is_one_change(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        client = Client(str(cluster.served[TWO].run))
        seen = (await looked(cluster, TWO, Ask(PRIORITY, TWO, 50))).seen
        version = cluster.machines[ONE].loaded.version

        def ask(value: int) -> Any:
            return client.change("set-priority", TWO, seen, {"value": value}, request="once")

        first, second = await asyncio.gather(asyncio.to_thread(ask, 50), asyncio.to_thread(ask, 50))
        third = await asyncio.to_thread(ask, 50)
        assert {first.verdict, second.verdict, third.verdict} == {"ok"}
        assert cluster.machines[ONE].loaded.version == version + 1


async def test_the_same_id_with_and_without_force_each_hears_of_its_own(tmp_path: Path) -> None:
    template = Settings(Identity(1, "f"), (Member(ONE),), failback=True)
    async with simulated(tmp_path, template) as cluster:
        seen = (await looked(cluster, ONE, Ask(PROMOTE, TWO))).seen
        identity = Identity(seen.version, seen.digest)
        request = Request("once", Edit(Verb.PROMOTE, TWO), ONE, seen.term, identity)
        desk, actor = cluster.served[ONE].desk, Actor(0, 0, 1, None)
        both = (desk.ask(request, actor, force) for force in (frozenset[str](), {"failback"}))
        without, forced = await asyncio.wait_for(asyncio.gather(*both), DEADLINE_S)
        assert (without.verdict.value, forced.verdict.value) == ("refused", "ok")


async def test_failback_is_a_check_of_its_own(tmp_path: Path) -> None:
    template = Settings(Identity(1, "f"), (Member(ONE),), failback=True)
    async with simulated(tmp_path, template) as cluster:
        assert failing(await looked(cluster, ONE, Ask(PROMOTE, TWO))) == ["failback"]
        assert (await changed(cluster, ONE, Ask(PROMOTE, TWO))).verdict == "refused"
        later = await looked(cluster, ONE, Ask(PRIORITY, TWO, 200))
        assert verdicts(later)["failback"] is Verdict.WARN
        assert "when failback's 60 s are over" in effects(later)["address"]
        foretold = await changed(cluster, ONE, Ask(PRIORITY, TWO, 200))
        assert (foretold.verdict, foretold.missing) == ("ok", "")
        while master(cluster) != TWO:
            await asyncio.sleep(0)
        assert (await changed(cluster, ONE, Ask(PRIORITY, TWO, 20))).verdict == "ok"
        while master(cluster) != ONE:
            await asyncio.sleep(0)
        report = await changed(cluster, THREE, Ask(PROMOTE, TWO, force=frozenset({"failback"})))
        assert (report.verdict, report.missing) == ("ok", "")
        assert master(cluster) == TWO


async def test_what_only_the_other_node_knows(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        served = cluster.served[ONE]
        served.probe = Probe(known=True, manager="vmmgr.service cannot be started: not-found")
        assert failing(await looked(cluster, ONE, Ask(PROMOTE, TWO))) == ["manager"]
        served.probe = Probe(why="node2 does not answer")
        outlook = await looked(cluster, ONE, Ask(PROMOTE, TWO))
        assert verdicts(outlook)["manager"] is Verdict.WARN
        assert "manager" not in verdicts(await looked(cluster, ONE, Ask(PRIORITY, THREE, 5)))


async def test_a_mark_counts_behind_a_reason_that_passes(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        assert (await changed(cluster, ONE, Ask(SUSPEND, TWO))).missing == ""
        cluster.machines[TWO].kill()
        cluster.machines[TWO].start()
        while cluster.served[ONE].picture()["nodes"][1]["barred"] != "holdoff":
            await asyncio.sleep(0)
        outlook = await looked(cluster, THREE, Ask(PRIORITY, TWO, 500))
        assert (outlook.loses, outlook.gains) == (None, None)


def four(prio: int = 5) -> Ask:
    return Ask(NODE_ADD, FOUR, prio, words=("node4", "10.0.0.4"), name="node4", addresses=("10.0.0.4",))


async def settled(cluster: Nodes) -> None:
    """One list counts everywhere, and nothing is under way."""
    for served in cluster.served.values():
        while served.picture()["configuration"]["lists"] > 1 or served.picture()["change"]:
            await asyncio.sleep(0)


async def missed(cluster: Nodes, node: NodeId) -> None:
    """Off, and corosync knows."""
    cluster.machines[node].power_off()
    while node in cluster.served[ONE].picture()["corosync"]["members"]:
        await asyncio.sleep(0)


async def test_a_node_is_added_and_removed_as_foretold(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        outlook = await looked(cluster, TWO, four())
        assert (failing(outlook), outlook.name, outlook.interrupts) == ([], "node4", False)
        told = effects(outlook)
        assert told["configuration"].startswith(
            "node4 (10.0.0.4) becomes node 4, with priority 5 and one vote; version"
        )
        majority = "a majority is then 3 of 4 votes (now 2 of 3), of which 3 are here: no further node may fail"
        assert told["quorum"] == majority
        report = await done(cluster, TWO, four(), outlook)
        assert (report.verdict, report.missing) == ("ok", "")
        with pytest.raises(Rejected, match="node 4 is in the node list"):
            await looked(cluster, ONE, four())
        await settled(cluster)
        while FOUR not in cluster.served[ONE].picture()["corosync"]["members"] or not heard(cluster, FOUR):
            await asyncio.sleep(0)
        back = await looked(cluster, ONE, Ask(NODE_REMOVE, FOUR))
        assert verdicts(back)["stopped"] is Verdict.WARN
        report = await done(cluster, ONE, Ask(NODE_REMOVE, FOUR), back)
        assert (report.verdict, report.missing) == ("ok", "")
        assert len(cluster.files[cluster.machines[ONE].loaded].settings.members) == 3


def heard(cluster: Nodes, node: NodeId) -> bool:
    rows = {row["nodeid"]: row for row in cluster.served[ONE].picture()["nodes"]}
    return bool(rows[node]["heard"])


async def test_a_newcomer_that_would_be_master_is_a_warning(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        assert verdicts(await looked(cluster, TWO, four(prio=500)))["master"] is Verdict.WARN
        assert verdicts(await looked(cluster, TWO, four()))["master"] is Verdict.PASS


async def test_a_list_without_its_majority_is_for_nobody_to_force(tmp_path: Path) -> None:
    """Two of three are here: a fourth would make three the majority; so would taking one of the two away."""
    async with simulated(tmp_path) as cluster:
        await missed(cluster, THREE)
        for ask in (four(), Ask(NODE_REMOVE, TWO)):
            outlook = await looked(cluster, ONE, ask)
            [lost] = [one for one in outlook.checks if one.verdict is Verdict.FAIL and one.safety]
            assert (lost.name, lost.reason[:30]) == ("quorum", "quorum is lost with the change")
            with pytest.raises(ActionError, match="a safety check cannot be forced"):
                await looked(cluster, ONE, ask._replace(force=frozenset({"quorum"})))
        away = await looked(cluster, ONE, Ask(NODE_REMOVE, THREE))
        assert (failing(away), verdicts(away)["stopped"], verdicts(away)["quorum"]) == ([], Verdict.PASS, Verdict.WARN)


async def test_the_master_is_removed_only_by_force_and_hands_over_at_once(tmp_path: Path) -> None:
    async with simulated(tmp_path, prios=(100, 40, 10, 5)) as cluster:
        ask = Ask(NODE_REMOVE, ONE)
        outlook = await looked(cluster, THREE, ask)
        assert failing(outlook) == ["master"]
        assert (outlook.loses, outlook.gains) == (ONE, TWO)
        assert "moves from node1 to node2 at once" in effects(outlook)["address"]
        assert (await done(cluster, THREE, ask, outlook)).why.startswith("master: node1 is master")
        report = await changed(cluster, THREE, ask._replace(force=frozenset({"master"})))
        assert (report.verdict, report.missing) == ("ok", "")
        assert master(cluster) == TWO


async def test_the_last_that_may_be_master_is_removed_only_by_force(tmp_path: Path) -> None:
    async with simulated(tmp_path, prios=(7, 0, 0, 0)) as cluster:
        outlook = await looked(cluster, TWO, Ask(NODE_REMOVE, ONE))
        assert failing(outlook) == ["master", "successor"]
        assert "nobody takes it over" in effects(outlook)["address"]


async def test_a_former_file_comes_back_as_foretold(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        former = cluster.machines[ONE].loaded
        assert (await changed(cluster, ONE, Ask(PROMOTE, THREE))).verdict == "ok"
        ask = Ask(RESTORE, NodeId(0), former=former)
        outlook = await looked(cluster, TWO, ask)
        assert (failing(outlook), outlook.name) == ([], f"version {former.version}")
        assert (outlook.loses, outlook.gains) == (THREE, ONE)
        assert any("prio=101" in line for line in outlook.difference)
        report = await done(cluster, TWO, ask, outlook)
        assert (report.verdict, report.missing) == ("ok", "")
        assert master(cluster) == ONE
        assert failing(await looked(cluster, TWO, ask)) == ["file"]


async def test_a_former_file_may_leave_nobody_to_serve_or_change_too_many_nodes(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        first = cluster.files[cluster.machines[ONE].loaded].settings
        idle = tuple(one._replace(prio=0) for one in first.members)
        many = (*first.members, Member(FOUR), Member(NodeId(5)))
        for members, check in ((idle, "successor"), (many, "one-node")):
            former = Identity(1, check)
            cluster.files[former] = File(first._replace(identity=former, members=members))
            outlook = await looked(cluster, TWO, Ask(RESTORE, NodeId(0), former=former))
            assert check in failing(outlook)


async def test_the_clusters_file_is_adopted_by_who_has_another_one(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        adopt = Ask(ADOPT, NodeId(0), words=())
        assert (await looked(cluster, TWO, adopt)).nothing == "node2 has that file already"
        settings = cluster.files[cluster.machines[TWO].loaded].settings
        higher = settings._replace(identity=settings.identity._replace(version=7))
        cluster.load_by_hand(TWO, higher, "hand")
        while cluster.served[TWO].picture()["nodes"][1]["current"]:
            await asyncio.sleep(0)
        assert failing(await looked(cluster, TWO, Ask(PROMOTE, TWO))) == ["current", "eligible", "configuration"]
        outlook = await looked(cluster, TWO, adopt)
        assert (failing(outlook), outlook.seen.digest) == ([], settings.identity.digest)
        assert "node1, node3 have version" in next(one.reason for one in outlook.checks if one.name == "source")
        assert effects(outlook)["configuration"].startswith("version 1 replaces the file of node2 only")
        report = await done(cluster, TWO, adopt, outlook)
        assert (report.verdict, report.missing) == ("ok", "")
        assert [one.current for one in report.nodes] == [True, True, True]
        with pytest.raises(Rejected, match="node 9 is not heard"):
            await looked(cluster, TWO, Ask(ADOPT, NodeId(9), words=()))


async def test_a_reason_that_passes_is_waited_for(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        assert (await changed(cluster, THREE, Ask(PRIORITY, TWO, 200))).missing == ""
        back = await looked(cluster, THREE, Ask(PRIORITY, ONE, 300))
        assert (back.loses, back.gains) == (TWO, ONE)
        assert (await done(cluster, THREE, Ask(PRIORITY, ONE, 300), back)).missing == ""
        assert master(cluster) == ONE


async def test_a_file_that_would_not_be_sound(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        cluster.served[ONE].file_problem = "corosync.conf:35: every node has prio 0"
        outlook = await looked(cluster, ONE, Ask(PRIORITY, TWO, 0))
        assert failing(outlook) == ["file"]
        report = await done(cluster, ONE, Ask(PRIORITY, TWO, 0), outlook)
        assert (report.verdict, report.why) == ("refused", "file: corosync.conf:35: every node has prio 0")


async def test_a_node_that_cannot_take_the_role(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        assert (await changed(cluster, ONE, Ask(SUSPEND, TWO))).verdict == "ok"
        outlook = await looked(cluster, ONE, Ask(PROMOTE, TWO))
        assert failing(outlook) == ["eligible"]
        assert "coroctl resume node2" in next(one.reason for one in outlook.checks if one.name == "eligible")
        assert outlook.loses is None
        mild = await looked(cluster, ONE, Ask(PRIORITY, TWO, 300))
        assert (failing(mild), verdicts(mild)["eligible"]) == ([], Verdict.WARN)


async def test_a_member_whose_daemon_is_dead_could_not_store_it(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        cluster.machines[THREE].kill()
        served = cluster.served[ONE]
        while "node3" in [row["name"] for row in served.picture()["nodes"] if row["heard"]]:
            await asyncio.sleep(0)
        outlook = await looked(cluster, ONE, Ask(PRIORITY, TWO, 50))
        assert failing(outlook) == ["members"]
        assert failing(await looked(cluster, ONE, Ask(PROMOTE, THREE)))[:2] == ["members", "eligible"]


async def test_a_node_that_is_not_in_the_list(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        with pytest.raises(Rejected, match="no node 9"):
            await looked(cluster, ONE, Ask(PROMOTE, NodeId(9)))
        outlook = await looked(cluster, ONE, Ask(PROMOTE, TWO))
        report = await done(cluster, ONE, Ask(PROMOTE, NodeId(9)), outlook)
        assert (report.verdict, report.why) == ("refused", "there is no node 9 in the node list")


async def test_a_follower_that_is_cut_off_loses_sight_and_nothing_else(tmp_path: Path) -> None:
    async with simulated(tmp_path) as cluster:
        outlook = await looked(cluster, TWO, Ask(PROMOTE, THREE))

        def cut(step: Step) -> None:
            if step.text == "asked":
                for connection in list(cluster.served[TWO].sockets.connections):
                    loop.call_soon_threadsafe(connection.close)

        loop = asyncio.get_running_loop()
        work = asyncio.to_thread(operator(cluster, TWO).conduct, Ask(PROMOTE, THREE), outlook, cut)
        report = await asyncio.wait_for(work, DEADLINE_S)
        assert report.verdict in ("ok", "unknown")
        while master(cluster) != THREE:
            await asyncio.sleep(0)


def agreed(cluster: Nodes) -> bool:
    """Whether every node knows who holds the lease, in which life."""
    holder = cluster.holder()
    if holder is None or holder.state is None:
        return False
    known = [holder_in(cluster.served[node]) for node in cluster.machines]
    return known == [(holder.node, holder.state.life.incarnation)] * len(known)


def holder_in(served: Served) -> tuple[NodeId, int] | None:
    """As one node sees it."""
    assert served.state is not None
    turn = Turn(served.state, served.clock(), 0)
    peers.survey(turn)
    found = requests.holder(turn)
    return found and (found[0], found[2])


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_asked_what_was_foretold_happens(tmp_path: Path, seed: int) -> None:
    """Random changes, everything that can be forced is; nodes restart now and then."""
    random = Random(seed)  # noqa: S311
    template = Settings(Identity(1, "f"), (Member(ONE),), failback=seed % 2 == 1)
    async with simulated(tmp_path, template) as cluster:
        for _ in range(12):
            if not random.randrange(4):
                machine = cluster.machines[random.choice([ONE, TWO, THREE])]
                machine.kill()
                machine.start()
                while machine.state is None or machine.state.world.reason is Reason.STARTING or not agreed(cluster):
                    await asyncio.sleep(0)
            at, node = random.choice([ONE, TWO, THREE]), random.choice([ONE, TWO, THREE])
            action = random.choice((*IN_CONSOLE, RESTORE))
            ask = Ask(action, node, random.choice([0, 5, 40, 300]) if action is PRIORITY else None)
            if action is RESTORE:
                ask = Ask(RESTORE, NodeId(0), former=random.choice(cluster.machines[at].history))
            outlook = await looked(cluster, at, ask)
            if any(one.safety for one in outlook.failing(frozenset())) or outlook.nothing:
                continue
            ask = ask._replace(force=frozenset(failing(outlook)))
            before = master(cluster)
            report = await done(cluster, at, ask, outlook)
            if report.verdict != "ok":
                assert report.why.startswith("changed since you looked"), (ask, report)
                continue
            assert report.missing == "", (ask, outlook, report)
            if outlook.delay_s <= PATIENT_S:
                now, summary = master(cluster), cluster.summary()
                if ask.action is PROMOTE and outlook.gains is not None:
                    assert now == outlook.gains, (outlook, summary)
                elif outlook.gains is not None:
                    assert now not in (None, outlook.loses), (outlook, summary)
                else:
                    assert now == (None if outlook.interrupts else before), (outlook, summary)
