"""Every alarm: silent on a cluster that is well, told with a reason and a remedy when that one thing is wrong."""

from __future__ import annotations

import pytest

from coroctl.alarms import Kind, Severity, alarms
from coroctl.alarms import machines as machine_alarms
from coroctl.alarms.links import FLAPS
from coroctl.alarms.listener import ADVICE
from coroctl.alarms.memory import FLAP_S, Memory
from coroctl.decision.actions import Alarm as DaemonAlarm
from coroctl.decision.estate.actions import Alarm as EstateAlarm
from coroctl.decision.estate.values import WaitsFor
from coroctl.model import (
    Availability,
    Configuration,
    Gap,
    Machinery,
    NodeId,
    NodeStatus,
    Pause,
    Qdevice,
    Role,
    Snapshot,
    Trouble,
    Wait,
)
from tests.alarms.build import NOW, ONE, SERVED, THREE, TWO, WELL, changed, found, hearing, link, only

LEFT = changed(THREE, status=NodeStatus.LEFT, role=None, links=(), hears=None, eligible=None)
ALONE = LEFT._replace(quorum=WELL.quorum and WELL.quorum._replace(present=2))


def served(**how: object) -> Snapshot:
    return WELL._replace(mastership=SERVED._replace(**how))  # type: ignore[arg-type]


def test_a_cluster_that_is_well_has_none() -> None:
    assert alarms(WELL, NOW) == ()


def test_every_alarm_says_what_to_do() -> None:
    broken = (
        ALONE,
        served(master=None, lease=None, alarms=("the state file is lost or damaged",)),
        hearing({TWO: (ONE,)}),
    )
    told = [alarm for snapshot in broken for alarm in alarms(snapshot, NOW)]
    assert {Kind.MARGIN, Kind.MASTER, Kind.LISTENER, Kind.CUT} <= {alarm.kind for alarm in told}
    assert all(alarm.text and alarm.todo for alarm in told)


def test_the_critical_ones_come_first() -> None:
    told = alarms(ALONE._replace(quorate=False), NOW)
    assert told[0].severity is Severity.CRITICAL
    assert told[-1].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("availability", "kind", "severity"),
    [
        (Availability.DOWN, Kind.COROSYNC, Severity.CRITICAL),
        (Availability.SILENT, Kind.COROSYNC, Severity.CRITICAL),
        (Availability.DENIED, Kind.BLIND, Severity.WARNING),
        (Availability.UNUSABLE, Kind.BLIND, Severity.WARNING),
    ],
)
def test_without_an_answer_only_that_is_told(availability: Availability, kind: Kind, severity: Severity) -> None:
    silent = ALONE._replace(availability=availability, reason="why", quorate=None, quorum=None, mastership=None)
    [alarm] = alarms(silent, NOW)
    assert (alarm.kind, alarm.severity, alarm.text) == (kind, severity, "why")


def test_quorum_and_its_margin() -> None:
    lost = ALONE._replace(quorate=False)
    assert only(lost, Kind.QUORUM).text == "not quorate: 2 of 3 votes, 2 needed"
    assert only(lost, Kind.QUORUM).todo == "bring n3 back, or their network"
    assert only(ALONE, Kind.MARGIN).todo == "bring n3 back"
    assert not found(lost, Kind.MARGIN)


def test_a_node_that_is_gone_is_one_alarm_not_one_for_each_of_its_links() -> None:
    down = link(0, THREE)._replace(connected=False)
    gone = changed(THREE, ALONE, links=(down, down))
    assert {alarm.kind for alarm in alarms(gone, NOW) if alarm.node == THREE} == {Kind.NODE}
    assert only(changed(THREE, status=NodeStatus.ABSENT), Kind.NODE).text == "n3 is configured and was never seen"


def test_a_node_that_has_left_and_is_heard_runs() -> None:
    parted = changed(THREE, status=NodeStatus.LEFT, heard_ms=200)
    assert "the machine runs" in only(parted, Kind.NODE).todo
    assert "power" in only(changed(THREE, parted, heard_ms=9000), Kind.NODE).todo


def test_a_stale_configuration() -> None:
    assert (
        "6, which is not the majority's 7"
        in only(changed(TWO, current=False, config_version=6), Kind.CONFIGURATION).text
    )
    untold = changed(TWO, current=None, config_version=6)
    assert only(untold, Kind.CONFIGURATION).node == TWO
    assert not found(changed(TWO, current=None), Kind.CONFIGURATION)
    same_number = changed(TWO, current=False)
    assert only(same_number, Kind.CONFIGURATION).text.endswith("7, which is not the majority's")


def test_a_file_that_is_not_loaded() -> None:
    ahead = WELL._replace(configuration=Configuration("/f", 7, 8, "cd" * 32))
    assert only(ahead, Kind.CONFIGURATION).text == "/f is version 8, corosync has loaded 7"


def test_a_starved_corosync_is_told_for_ten_minutes() -> None:
    pauses = (Pause(NOW - 5, 900), Pause(NOW - 100, 1200), Pause(NOW - 4000, 9000))
    assert only(WELL._replace(pauses=pauses), Kind.STARVED).text == (
        "corosync was not scheduled for up to 1200 ms, 2 times in 10 minutes"
    )
    assert not found(WELL._replace(pauses=pauses[2:]), Kind.STARVED)
    assert not found(WELL._replace(pauses=None), Kind.STARVED)


def test_a_link_that_is_down() -> None:
    one_left = changed(TWO, links=(link(0, TWO), link(1, TWO)._replace(connected=False)))
    alarm = only(one_left, Kind.LINK)
    assert (alarm.severity, alarm.text) == (Severity.WARNING, "link 1 to n2 is down; 1 other left")
    assert "10.1.0.1 to 10.1.0.2" in alarm.todo
    none_left = changed(TWO, links=(link(0, TWO)._replace(connected=False),))
    assert only(none_left, Kind.LINK).severity is Severity.CRITICAL


def test_a_link_that_flaps_is_known_to_who_watches() -> None:
    memory = Memory()
    for downs in range(FLAPS + 1):
        memory.take(changed(TWO, links=(link(0, TWO)._replace(downs=10 + downs),)), 100.0 + downs)
    assert memory.flaps() == {(TWO, 0): FLAPS}
    told = alarms(WELL, NOW, memory.flaps())
    assert [alarm.text for alarm in told] == ["link 0 to n2 is flapping: it failed 3 times in 10 minutes"]
    memory.take(changed(TWO, links=(link(0, TWO)._replace(downs=0),)), 104.0)
    assert memory.flaps() == {(TWO, 0): FLAPS}
    memory.take(changed(TWO, links=(link(0, TWO)._replace(downs=0),)), 105.0 + FLAP_S)
    assert memory.flaps() == {}


def test_latencies_are_remembered_once_a_second() -> None:
    memory = Memory()
    for at, latency in ((0.0, 100), (0.5, 200), (1.0, 300)):
        memory.take(changed(TWO, links=(link(0, TWO, latency),)), at)
    memory.take(changed(TWO, links=(link(0, TWO)._replace(connected=False),)), 2.0)
    assert memory.latencies((TWO, 0)) == (100, 300, None)
    assert memory.latencies((NodeId(9), 0)) == ()


def test_a_latency_outlier_is_one_among_its_like() -> None:
    slow = changed(TWO, links=(link(0, TWO, 300), link(1, TWO, 40_000)))
    assert only(slow, Kind.LATENCY).text == "link 1 to n2 takes 40.0 ms, the links' median is 0.3 ms"
    nobody_suffers = changed(TWO, links=(link(0, TWO, 300), link(1, TWO, 2_900)))
    assert not found(nobody_suffers, Kind.LATENCY)
    everything = tuple(
        one._replace(links=tuple(each._replace(latency_us=40_000) for each in one.links)) for one in WELL.nodes
    )
    assert not found(WELL._replace(nodes=everything), Kind.LATENCY)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ({TWO: (ONE,)}, "ONE WAY: n2 does not hear n3, which hears n2"),
        ({TWO: (ONE,), THREE: (ONE,)}, "CUT: n2 and n3 do not hear each other, though others hear both"),
        ({ONE: (TWO,), THREE: None}, "n1 does not hear n3, though others do"),
    ],
)
def test_partial_cuts_stand_out(rows: dict[NodeId, tuple[NodeId, ...] | None], text: str) -> None:
    assert only(hearing(rows), Kind.CUT).text == text


def test_a_node_that_nobody_hears_is_no_partial_cut() -> None:
    assert not found(hearing({ONE: (TWO,), TWO: (ONE,), THREE: None}), Kind.CUT)
    assert not found(hearing({ONE: None, TWO: None, THREE: None}), Kind.CUT)


def test_a_daemon_that_is_not_heard() -> None:
    silent = changed(TWO, role=None, reason="its corolistener was not heard for 9 s", eligible=None)
    assert only(silent, Kind.DAEMON).text == "n2: its corolistener was not heard for 9 s"
    assert not found(changed(TWO, silent, status=NodeStatus.LEFT), Kind.DAEMON)


def test_a_daemon_that_is_missing_here_is_missed_only_where_one_is_wanted() -> None:
    without = WELL._replace(mastership=None, gaps=(Gap("roles", "no corolistener runs on this node"),))
    assert only(without, Kind.DAEMON).node == ONE
    bare = without._replace(nodes=tuple(one._replace(prio=None) for one in without.nodes))
    assert alarms(bare, NOW) == ()
    silent = bare._replace(gaps=(Gap("corolistener", "corolistener does not answer"),))
    assert only(silent, Kind.DAEMON).text == "corolistener does not answer"


@pytest.mark.parametrize(("skew_ms", "text"), [(61_000, "61.0 s ahead of"), (-1_000, "1.0 s behind")])
def test_clocks_that_differ(skew_ms: int, text: str) -> None:
    assert text in only(changed(TWO, skew_ms=skew_ms), Kind.CLOCK).text
    assert not found(changed(TWO, skew_ms=999), Kind.CLOCK)


def test_a_late_lease() -> None:
    assert SERVED.lease is not None
    assert only(served(lease=SERVED.lease._replace(age_ms=1001)), Kind.LEASE).node == ONE
    assert not found(served(lease=SERVED.lease._replace(age_ms=1000)), Kind.LEASE)


def test_nobody_is_master() -> None:
    assert only(served(master=None, lease=None), Kind.MASTER).text.startswith("nobody is master (n2: ")
    keeps = changed(ONE, served(master=None), eligible=False, reason="suspended by an operator", role=Role.SUSPENDED)
    assert only(keeps, Kind.MASTER).text == "nobody may be master; n1 only keeps the lease: suspended by an operator"
    assert not found(keeps._replace(quorate=False), Kind.MASTER)


def test_a_manager_that_does_not_answer() -> None:
    trying = changed(ONE, served(master=None), reason="being promoted: check the ports", role=Role.SLAVE)
    alarm = only(trying, Kind.MANAGER)
    assert alarm.text == "n1 holds the lease, and its manager does not serve: being promoted: check the ports"
    assert "m.service" in alarm.todo


def test_nobody_could_take_over() -> None:
    idle = changed(THREE, changed(TWO, eligible=False, reason="priority 0"), eligible=None, reason="")
    assert only(idle, Kind.FAILOVER).text == "no other node could be master now (n2: priority 0; n3: it is not known)"
    two = WELL._replace(nodes=WELL.nodes[:2])
    assert only(two, Kind.FAILOVER).text.startswith("two voters")
    witness = changed(THREE, votes=0)
    assert only(witness, Kind.FAILOVER).text.startswith("two voters")


def test_a_majority_that_needs_the_quorum_device() -> None:
    device = Qdevice("net", 1, alive=True, casts_vote=True)
    parted = changed(TWO, LEFT, status=NodeStatus.LEFT)._replace(qdevice=device)
    assert any("quorum device" in alarm.text for alarm in found(parted, Kind.FAILOVER))
    assert not found(WELL._replace(qdevice=device), Kind.FAILOVER)


def test_what_the_daemon_has_found() -> None:
    told = served(
        alarms=("a promotion failed: start the manager", "something new"),
        warnings=(
            "not safe against a frozen process: nftables is not usable, only the address's lifetime serves",
            "no guard: the manager would outlive its lease if corolistener froze",
            "link 1 is not usable: no such address",
        ),
    )
    assert [alarm.severity for alarm in found(told, Kind.LISTENER)] == [Severity.CRITICAL] * 2 + [Severity.WARNING]
    assert "manager's unit" in found(told, Kind.LISTENER)[0].todo
    assert only(told, Kind.DEAD_MAN).severity is Severity.WARNING
    assert only(told, Kind.GUARD).todo.startswith("systemctl start corolistener-guard")


def waiting(waits_for: WaitsFor, until: float | None = None, why: str = "") -> Snapshot:
    return WELL._replace(machinery=Machinery(3, (Wait(TWO, waits_for.value, until, why),), (), ()))


@pytest.mark.parametrize("waits_for", list(WaitsFor))
def test_what_recovery_waits_for(waits_for: WaitsFor) -> None:
    """Critical is what does not pass by itself."""
    alarm = only(waiting(waits_for), Kind.RECOVERY)
    by_hand = waits_for not in (WaitsFor.AGENT, WaitsFor.RETRY, WaitsFor.WATCHDOG)
    assert (alarm.severity is Severity.CRITICAL, "coroctl confirm-dead n2" in alarm.todo) == (by_hand, by_hand)
    assert (alarm.text, alarm.node) == (f"n2 is lost, and its machines wait for {waits_for.value}", TWO)


def test_the_wait_counts_down_and_says_what_went_wrong() -> None:
    assert only(waiting(WaitsFor.WATCHDOG, NOW + 12), Kind.RECOVERY).text.endswith("must have fired, 12 s more")
    failed = only(waiting(WaitsFor.RETRY, NOW - 1, "no route"), Kind.RECOVERY)
    assert failed.text.endswith("the next call of its fence agent, 0 s more (no route)")
    assert (failed.severity, "coroctl fence test n2" in failed.todo) == (Severity.CRITICAL, True)


@pytest.mark.parametrize("alarm", list(EstateAlarm))
def test_every_alarm_about_machines_has_a_remedy(alarm: EstateAlarm) -> None:
    known = [start for start in machine_alarms.ADVICE if alarm.value.startswith(start)]
    told = WELL._replace(machinery=Machinery(3, (), (), (Trouble(alarm.value, "2", TWO),)))
    if alarm is EstateAlarm.NOT_RECOVERED:  # what recovery waits for says more
        assert (known, found(told, Kind.MACHINES)) == ([], [])
    else:
        assert len(known) == 1
        assert only(told, Kind.MACHINES).text == f"{alarm.value}: n2"


@pytest.mark.parametrize("alarm", list(DaemonAlarm))
def test_every_alarm_of_the_daemon_has_a_remedy(alarm: DaemonAlarm) -> None:
    assert sum(alarm.value.startswith(start) for start in ADVICE) == 1
