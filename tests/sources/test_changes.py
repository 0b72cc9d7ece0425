"""What people are told has happened, from one snapshot to the next."""

from __future__ import annotations

from coroctl.model import (
    Availability,
    Configuration,
    Failure,
    Gap,
    Link,
    Machinery,
    Mastership,
    Node,
    NodeId,
    NodeStatus,
    Quorum,
    Role,
    Snapshot,
    Source,
    Wait,
)
from coroctl.sources.changes import Level, changes
from coroctl.sources.watch import silenced

LINK = Link(0, "a", "b", True, True, 1446, 100, 1, 0)
ONE = Node(NodeId(1), "n1", "10.0.0.1", NodeStatus.JOINED, Role.MASTER, 100, config_version=7)
TWO = Node(NodeId(2), "n2", "10.0.0.2", NodeStatus.JOINED, Role.SLAVE, 40, config_version=7, links=(LINK,))
QUORUM = Quorum(2, 2, 2, 2, ("Quorate",), "1.a")
WELL = Snapshot(Source.COROSYNC, Availability.ANSWERED, "c", (ONE, TWO), True, quorum=QUORUM)


def told(before: Snapshot | None, after: Snapshot) -> list[tuple[Level, str]]:
    return [(change.level, change.text) for change in changes(before, after)]


def with_two(**known: object) -> Snapshot:
    return WELL._replace(nodes=(ONE, TWO._replace(**known)))  # type: ignore[arg-type]


def test_nothing_happened() -> None:
    assert told(WELL, WELL) == []
    assert told(WELL, with_two(links=(LINK._replace(latency_us=999),))) == []


def test_the_first_snapshot_tells_what_is_wrong_in_it() -> None:
    assert told(None, WELL) == [(Level.INFO, "watching c through corosync")]
    ill = with_two(status=NodeStatus.LEFT)._replace(quorate=False)
    assert told(None, ill)[1:] == [(Level.BAD, "not quorate"), (Level.WARNING, "n2 is left")]


def test_a_node_dies_and_returns() -> None:
    dead = with_two(status=NodeStatus.LEFT, role=None, links=(LINK._replace(connected=False),))
    assert told(WELL, dead) == [(Level.BAD, "n2 has left")]
    assert told(dead, WELL) == [(Level.GOOD, "n2 joined"), (Level.INFO, "n2 is slave now")]


def test_quorum_is_lost_and_back() -> None:
    lost = WELL._replace(quorate=False, quorum=QUORUM._replace(present=1, ring_id="1.b"))
    assert told(WELL, lost) == [(Level.BAD, "QUORUM LOST: 1 of 2 votes"), (Level.INFO, "new ring 1.b")]
    assert told(lost, WELL)[0] == (Level.GOOD, "quorate: 2 of 2 votes")


def test_a_link_of_a_living_node() -> None:
    cut = with_two(links=(LINK._replace(connected=False),))
    assert told(WELL, cut) == [(Level.BAD, "link 0 to n2 is DOWN")]
    assert told(cut, WELL) == [(Level.GOOD, "link 0 to n2 is up")]


def test_roles_priorities_and_configuration() -> None:
    conf = Configuration("/f", 7, 7, "a" * 64)
    before = WELL._replace(configuration=conf)
    after = with_two(role=Role.MASTER, prio=101, config_version=8)._replace(
        configuration=conf._replace(version=8, sha256="b" * 64)
    )
    assert told(before, after) == [
        (Level.INFO, "n2 is master now"),
        (Level.INFO, "n2 has priority 101 (it was 40)"),
        (Level.INFO, "n2 has loaded configuration 8"),
        (Level.INFO, "/f is version 8 now (bbbbbbbbbbbb)"),
    ]


def test_nodes_added_and_removed() -> None:
    assert told(WELL, WELL._replace(nodes=(ONE,))) == [(Level.INFO, "n2 is no longer in the configuration")]
    assert told(WELL._replace(nodes=(ONE,)), WELL) == [(Level.INFO, "n2 is new in the configuration: joined")]


def test_a_frozen_corosync_is_one_event_and_not_the_end_of_every_node() -> None:
    silent = silenced(WELL, "corosync does not answer")
    assert told(WELL, silent) == [(Level.BAD, "corosync does not answer")]
    assert told(silent, WELL) == [
        (Level.GOOD, "corosync answers again (it was not answering)"),
        (Level.GOOD, "quorate: 2 of 2 votes"),
    ]


def test_a_corosync_that_comes_back_without_quorum_has_not_lost_it() -> None:
    silent = silenced(WELL, "gone")
    assert (Level.BAD, "not quorate: 2 of 2 votes") in told(silent, WELL._replace(quorate=False))


TOLD = Mastership(NodeId(1), None, None, "", "", "", "none", (), (), "", (), 0, 0, ())


def with_told(**known: object) -> Snapshot:
    return WELL._replace(mastership=TOLD._replace(**known))  # type: ignore[arg-type]


def test_alarms_come_and_go() -> None:
    ill = with_told(alarms=("state lost",), warnings=("no guard",))
    assert told(with_told(), ill) == [(Level.BAD, "ALARM: state lost"), (Level.WARNING, "no guard")]
    assert told(ill, ill) == []
    assert told(ill, with_told()) == [(Level.GOOD, "over: state lost")]
    assert (Level.BAD, "ALARM: state lost") in told(None, ill)


def test_corolistener_goes_and_comes() -> None:
    gone = WELL._replace(gaps=(Gap("corolistener", "corolistener does not answer"),))
    assert told(with_told(), gone) == [(Level.BAD, "corolistener does not answer")]
    assert told(gone, with_told(alarms=("a",))) == [(Level.GOOD, "corolistener answers"), (Level.BAD, "ALARM: a")]


def with_machinery(*waits: Wait, failures: tuple[Failure, ...] = ()) -> Snapshot:
    return WELL._replace(machinery=Machinery(3, waits, failures, ()))


def test_a_nodes_machines_wait_and_are_recovered() -> None:
    wait = Wait(NodeId(2), "its watchdog, until that must have fired", 1012.0, "")
    waits = with_machinery(wait)
    text = "machines of n2 wait for its watchdog, until that must have fired"
    assert told(with_machinery(), waits) == [(Level.WARNING, text)]
    assert (Level.WARNING, text) in told(None, waits)
    assert told(waits, with_machinery(wait._replace(until=1013.0))) == []
    assert told(waits, with_machinery(wait._replace(why="no route"))) == [(Level.WARNING, f"{text} (no route)")]
    failed = with_machinery(failures=(Failure(NodeId(2), "its watchdog (10 s) must have fired", 1012.0, 3),))
    assert told(waits, failed) == [
        (Level.BAD, "n2 has failed: its watchdog (10 s) must have fired; 3 machines to be started elsewhere")
    ]
    assert told(waits, with_machinery()) == [(Level.GOOD, "the machines of n2 wait for recovery no more")]
    assert told(WELL, failed) == []


def test_a_silent_corosync_is_one_event_and_not_two() -> None:
    assert told(with_told(), silenced(with_told(), "frozen")) == [(Level.BAD, "frozen")]
