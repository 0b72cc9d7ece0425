"""The picture that people get of a daemon: true, whole, plain JSON, and a reason for whoever is not master."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.daemon.chronicle import Chronicle
from coroctl.daemon.facts import DeadMan, Facts, Names, Votes
from coroctl.daemon.view import status, visible
from coroctl.decision.actions import Alarm, Event, Log, RenewDeadMan, Step, Warn
from coroctl.decision.events import CorosyncGone, DeadManCommitted, Heard, Membership, Tick
from coroctl.decision.settings import SECOND, Member
from coroctl.decision.values import Heartbeat, Identity, Mark, News, Office, Reason, Tenure
from coroctl.model import NodeId, NodeStatus
from coroctl.sim import Cluster
from coroctl.sim import clock as sim_clock
from tests.decision.build import ALL, INCARNATION, ME, SETTINGS, THREE, TWO, Node, news

if TYPE_CHECKING:
    from coroctl.decision.actions import Action

WALL = 1_700_000_000.0
T = Tenure(4, TWO, 9, 99)
FACTS = Facts(
    "VMmanager",
    {ME: Names("n1", ("10.0.0.1",)), TWO: Names("n2", ("10.0.0.2",)), THREE: Names("n3", ("10.0.0.3",))},
    address="10.0.0.100/32",
    dead_man=DeadMan.NFTABLES,
    votes=Votes(3, 2, 3, "1.a"),
)
HOLDER = news(office=Office.HOLDING, tenure=T, term=4, lease_us=2 * SECOND, promise_us=2_200_000)


class Watched(Node):
    """A core whose chronicle is kept."""

    def __init__(self, **how: Any) -> None:
        self.chronicle = Chronicle()
        super().__init__(**how)

    def take(self, actions: list[Action]) -> list[Action]:
        for action in actions:
            if isinstance(action, Log):
                self.chronicle.logged(action, WALL + self.now / SECOND)
            elif isinstance(action, Warn):
                self.chronicle.warned(action, WALL + self.now / SECOND)
        self.chronicle.stepped(self.state, self.now, WALL + self.now / SECOND)
        found = super().take(actions)
        for action in actions:
            if isinstance(action, RenewDeadMan):
                found += self.feed(DeadManCommitted(action.ticket))
        return found

    def status(self, after_us: int = 0, **facts: Any) -> dict[str, Any]:
        """The picture, as whoever reads the socket gets it."""
        past = self.chronicle.past()
        told: dict[str, Any] = json.loads(
            json.dumps(status(self.state, self.now + after_us, FACTS._replace(past=past, **facts)))
        )
        return told

    def row(self, node: NodeId, after_us: int = 0) -> dict[str, Any]:
        """One node of it."""
        [row] = [row for row in self.status(after_us)["nodes"] if row["nodeid"] == node]
        found: dict[str, Any] = row
        return found

    def hear_deaf(self, node: NodeId, said: News, mark: Mark) -> None:
        """A heartbeat of a peer that has heard nothing since that mark."""
        self.feed(Heard(Heartbeat(node, INCARNATION, self.now, {ME: mark}, {}, said)))

    def become_master(self) -> None:
        """Both peers grant what it claims, and go on doing so until it serves."""
        for _ in range(400):
            self.feed(Tick(), 20_000)
            tenure = self.state.claim.tenure
            for node in (TWO, THREE):
                self.hear(node, news(would=ME, vote=tenure, term=tenure.term if tenure else 0))
            if self.state.duty.serving:
                return
        raise AssertionError(self.state)


def test_a_node_that_has_just_started() -> None:
    told = Watched().status()
    assert (told["schema"], told["node"], told["cluster_name"]) == (1, 1, "VMmanager")
    assert told["mastership"]["lease"] is None
    assert told["mastership"]["master"] is None
    rows = {row["nodeid"]: row for row in told["nodes"]}
    assert rows[1]["role"] == "slave"
    assert rows[1]["reason"] == Reason.HOLDOFF.value
    assert rows[1]["barred"] == "holdoff"
    assert (rows[2]["role"], rows[2]["reason"]) == (None, "no corolistener of that node was heard yet")
    assert [row["status"] for row in told["nodes"]] == ["joined"] * 3
    assert told["corosync"]["votes"] == {"present": 3, "needed": 2, "expected": 3, "ring_id": "1.a"}


def test_a_master_of_its_own() -> None:
    node = Watched()
    node.become_master()
    told = node.status()
    mine = node.row(ME)
    assert (mine["role"], mine["reason"], mine["office"]) == ("master", "", "holding")
    lease = told["mastership"]["lease"]
    assert (lease["holder"], lease["term"], lease["lease_ms"]) == (1, 1, 2000)
    assert 0 < lease["remaining_ms"] == 2000 - lease["age_ms"] <= 2000
    assert told["mastership"]["master"] == 1
    assert WALL < told["mastership"]["since"] <= WALL + node.now / SECOND
    assert told["safety"]["dead_man"] == "nftables"
    assert 0 < told["safety"]["dead_man_ms"] <= 2000
    assert node.row(TWO)["reason"] == "node 1 holds the lease"
    steps = [one for one in told["transitions"] if one["event"] == "step"]
    assert {"add address", "start the manager"} <= {one["detail"] for one in steps}
    assert all(one["took_us"] > 0 for one in steps)
    assert told["transitions"][-1]["event"] in {"master", "lease"}


def test_a_lease_that_has_ended_makes_nobody_master() -> None:
    """A thawed daemon may be asked before it has looked at the clock."""
    node = Watched()
    node.become_master()
    late = 2 * SECOND + 1
    assert node.row(ME, late)["role"] == "slave"
    assert node.status(late)["mastership"]["lease"] is None
    assert node.status(late)["safety"]["dead_man_ms"] == 0


def test_another_master_is_seen_while_it_is_heard() -> None:
    node = Watched()
    node.hear(TWO, HOLDER._replace(serving=True))
    begun = WALL + node.now / SECOND
    assert node.row(TWO)["role"] == "master"
    assert node.status()["mastership"]["since"] == begun
    node.feed(Tick(), SECOND)
    node.hear(TWO, HOLDER._replace(serving=True))
    mastership = node.status(500_000)["mastership"]
    assert (mastership["master"], mastership["since"]) == (2, begun)
    assert 500 <= mastership["lease"]["age_ms"] <= 520
    assert mastership["lease"]["remaining_ms"] <= 1500
    lost = node.row(TWO, 2 * SECOND + 10_000)
    assert (lost["role"], lost["heard"], lost["heard_ms"] >= 2000) == (None, False, True)
    assert lost["reason"] == "its corolistener was not heard for 2 s"
    assert node.status(3 * SECOND)["mastership"]["since"] is None


def test_a_holder_that_does_not_serve_is_no_master() -> None:
    node = Watched()
    node.hear(TWO, HOLDER)
    assert node.row(TWO)["role"] == "slave"
    assert node.row(TWO)["reason"] == "it holds the lease and has not served yet"
    node.hear(TWO, HOLDER._replace(reason=Reason.SUSPENDED))
    assert node.row(TWO)["reason"] == Reason.SUSPENDED.value


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_of_a_peer_can_be_read(reason: Reason) -> None:
    node = Watched()
    node.hear(TWO, news(reason=reason))
    assert node.row(TWO)["reason"] == reason.value
    suspended = reason in (Reason.SUSPENDED, Reason.NOT_QUORATE)
    assert node.row(TWO)["role"] == ("suspended" if suspended else "slave")


def test_the_mark_of_an_operator_counts_though_another_reason_comes_first() -> None:
    marked = SETTINGS._replace(members=(Member(ME, 30), Member(TWO, 20, suspended=True), Member(THREE, 10)))
    node = Watched(settings=marked)
    node.hear(TWO, news(reason=Reason.HOLDOFF))
    assert (node.row(TWO)["role"], node.row(TWO)["suspended"]) == ("suspended", True)


def test_a_suspended_coordinator_is_suspended_once_its_way_down_must_be_over() -> None:
    node = Watched()
    coordinator = HOLDER._replace(reason=Reason.SUSPENDED)
    node.hear(TWO, coordinator)
    assert node.row(TWO)["role"] == "slave"
    for _ in range(31):
        node.feed(Tick(), SECOND)
        node.hear(TWO, coordinator)
    assert node.row(TWO)["role"] == "suspended"
    node.hear(TWO, coordinator._replace(reason=None))
    assert node.row(TWO)["role"] == "slave"


def test_who_hears_too_few_for_long_is_suspended() -> None:
    node = Watched()
    node.hear(TWO, news(reason=Reason.HEARS_TOO_FEW))
    for _ in range(7):
        node.feed(Tick(), SECOND)
        node.hear(TWO, news(reason=Reason.HEARS_TOO_FEW))
    assert node.row(TWO)["role"] == "slave"
    node.feed(Tick(), SECOND)
    node.hear(TWO, news(reason=Reason.HEARS_TOO_FEW))
    assert node.row(TWO)["role"] == "suspended"


def test_one_way_is_told_from_silence() -> None:
    node = Watched()
    node.hear(TWO, news())
    mark = node.mark()
    for _ in range(4):
        node.feed(Tick(), SECOND)
        node.hear_deaf(TWO, news(), mark)
    assert node.row(TWO)["reason"] == "its corolistener does not hear this node"


def test_without_corosync_nobody_is_said_to_be_joined() -> None:
    node = Watched()
    node.feed(CorosyncGone())
    told = node.status(700_000)
    assert {row["status"] for row in told["nodes"]} == {"unknown"}
    assert told["corosync"]["connected"] is False
    assert told["corosync"]["votes"] is None
    assert told["corosync"]["lost_ms"] == 700


def test_left_and_absent() -> None:
    node = Watched()
    node.feed(Membership(frozenset({ME, TWO}), quorate=True))
    assert [row["status"] for row in node.status()["nodes"]] == ["joined", "joined", "left"]
    fresh = Watched()
    fresh.chronicle = Chronicle()
    fresh.feed(Membership(frozenset({ME}), quorate=False))
    assert [row["status"] for row in fresh.status()["nodes"]] == ["joined", "absent", "absent"]
    told = fresh.status(statuses={TWO: NodeStatus.LEFT})
    assert [row["status"] for row in told["nodes"]] == ["joined", "left", "absent"]


def test_a_configuration_that_differs_is_shown_per_node() -> None:
    node = Watched()
    other = Identity(2, "b")
    node.hear(TWO, news(identity=other))
    node.hear(THREE, news())
    rows = {row["nodeid"]: row for row in node.status()["nodes"]}
    assert rows[2]["configuration"] == {"version": 2, "digest": "b"}
    assert (rows[1]["current"], rows[2]["current"], rows[3]["current"]) == (True, False, True)
    assert node.status()["configuration"]["current"] == {"version": 1, "digest": "a"}


def test_alarms_until_they_are_over() -> None:
    node = Watched(lost=True)
    [alarm] = node.status()["alarms"]
    assert alarm["alarm"] == Alarm.STATE_LOST.value
    assert alarm["since"] >= WALL
    node.state = node.state._replace(alarms=frozenset())
    assert node.status()["alarms"] == []
    node.feed(Tick())
    assert node.chronicle.past().alarms == ()


def test_what_is_not_safe_is_said() -> None:
    node = Watched()
    warnings = node.status(dead_man=DeadMan.LIFETIME, guard=False, warnings=("a stranger",))["safety"]["warnings"]
    assert warnings[0] == "a stranger"
    assert "not safe against a frozen process" in warnings[1]
    assert "no guard" in warnings[2]
    assert node.status()["safety"]["warnings"] == []


def test_transitions_are_the_last_ones() -> None:
    chronicle = Chronicle()
    for number in range(50):
        chronicle.logged(Log(Event.STEP, number, Step.LOCK, 10), WALL)
        chronicle.logged(Log(Event.GRANTED, number), WALL)
    told = chronicle.past().transitions
    assert [one.term for one in told] == list(range(30, 50))
    assert told[0].detail == Step.LOCK.value


def test_the_pictures_of_a_whole_failover_are_true() -> None:
    """Of every node of a simulated cluster, ten times a second: one master at most, and its own core says so."""
    cluster = Cluster(3, nodes=3, prios=(30, 20, 10))
    cluster.start()
    masters = set()
    for moment in range(300):
        cluster.run(100 * sim_clock.MS)
        if moment == 120:
            cluster.machines[NodeId(1)].power_off()
        for machine in cluster.machines.values():
            if machine.state is None or not machine.powered:
                continue
            now = machine.clock.read(cluster.timeline.now)
            told = status(machine.state, now, FACTS)
            json.dumps(told)
            own = next(row for row in told["nodes"] if row["nodeid"] == machine.node)
            assert (own["role"] == "master") == (machine.state.world.role.value == "master")
            claimed = [row["nodeid"] for row in told["nodes"] if row["role"] == "master"]
            assert len(claimed) <= 1
            assert all(row["reason"] for row in told["nodes"] if row["role"] != "master")
            masters |= set(claimed)
    assert masters == {1, 2}


def test_a_heartbeat_that_says_nothing_new_changes_nothing_visible() -> None:
    node = Watched()
    node.hear(TWO, news())
    before = visible(node.state)
    node.hear(TWO, news())
    assert visible(node.state) == before
    node.hear(TWO, news(reason=Reason.DISK))
    assert visible(node.state) != before


def test_members_beyond_the_list_are_shown() -> None:
    node = Watched()
    node.feed(Membership(ALL | {NodeId(9)}, quorate=True))
    row = node.row(NodeId(9))
    assert (row["status"], row["prio"], row["name"]) == ("joined", None, "")


def test_who_hears_whom_is_told_while_the_hearer_itself_is_heard() -> None:
    node = Watched()
    rows = {ME: {TWO: 10_000, THREE: 5_000_000}, TWO: {ME: 20_000, NodeId(99): 0}, THREE: {ME: 0, TWO: 0}}
    told = {row["nodeid"]: row["hears"] for row in node.status(hearing=rows)["nodes"]}
    assert told[ME] == [{"node": 2, "ms": 10}, {"node": 3, "ms": 5000}]
    assert told[TWO] == [{"node": 1, "ms": 20}]
    assert told[THREE] is None
