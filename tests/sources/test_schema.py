"""The JSON schema: lossless, plain, and as documented."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroctl.model import (
    Availability,
    Configuration,
    Failure,
    Gap,
    Lease,
    Link,
    Load,
    Machinery,
    Mastership,
    Node,
    NodeId,
    NodeStatus,
    Pause,
    Qdevice,
    Quorum,
    Role,
    Snapshot,
    Source,
    Transition,
    Trouble,
    Wait,
)
from coroctl.sources.schema import from_json, to_json

DOCUMENT = Path(__file__).parents[2] / "docs/status-json.md"

counts = st.integers(0, 2**32)
maybe = st.none() | counts
links = st.builds(Link, counts, st.text(), st.text(), st.booleans(), st.booleans(), maybe, maybe, maybe, maybe)
nodes = st.builds(
    Node,
    nodeid=counts.map(NodeId),
    name=st.text(),
    address=st.text(),
    status=st.sampled_from(NodeStatus),
    role=st.none() | st.sampled_from(Role),
    prio=maybe,
    votes=maybe,
    addresses=st.lists(st.text(), max_size=2).map(tuple),
    config_version=maybe,
    heard_ms=maybe,
    current=st.none() | st.booleans(),
    skew_ms=maybe,
    reason=st.text(),
    config_sha256=st.text(),
    links=st.lists(links, max_size=2).map(tuple),
    load=st.none() | st.builds(Load, st.floats(0, 1e6), counts),
)
quorums = st.builds(Quorum, counts, counts, counts, counts, st.just(("Quorate", "2Node")), st.text(), st.text())
moments = st.floats(allow_nan=False, allow_infinity=False)
texts = st.lists(st.text(), max_size=2).map(tuple)
masterships = st.builds(
    Mastership,
    master=maybe.map(lambda number: number and NodeId(number)),
    since=st.none() | moments,
    lease=st.none() | st.builds(Lease, counts.map(NodeId), counts, counts, counts, counts),
    warnings=texts,
    alarms=texts,
    transitions=st.lists(st.builds(Transition, moments, counts, st.text(), st.text(), counts), max_size=2).map(tuple),
    dropped=st.dictionaries(st.text(), counts, max_size=2).map(lambda found: tuple(found.items())),
)
snapshots = st.builds(
    Snapshot,
    source=st.sampled_from(Source),
    availability=st.sampled_from(Availability),
    cluster_name=st.text(),
    nodes=st.lists(nodes, max_size=3).map(tuple),
    quorate=st.none() | st.booleans(),
    reason=st.text(),
    local=st.none() | counts.map(NodeId),
    transport=st.text(),
    quorum=st.none() | quorums,
    qdevice=st.none() | st.builds(Qdevice, st.text(), counts, st.booleans(), st.booleans()),
    configuration=st.none() | st.builds(Configuration, st.text(), maybe, maybe, st.text()),
    gaps=st.lists(st.builds(Gap, st.text(), st.text()), max_size=2).map(tuple),
    mastership=st.none() | masterships,
    machinery=st.none()
    | st.builds(
        Machinery,
        counts,
        st.lists(st.builds(Wait, counts.map(NodeId), st.text(), st.none() | moments, st.text()), max_size=2).map(tuple),
        st.lists(st.builds(Failure, counts.map(NodeId), st.text(), moments, counts), max_size=2).map(tuple),
        st.lists(st.builds(Trouble, st.text(), st.text(), st.none() | counts.map(NodeId)), max_size=2).map(tuple),
    ),
    pauses=st.none() | st.lists(st.builds(Pause, moments, counts), max_size=2).map(tuple),
)


@given(snapshots)
def test_round_trip_through_text(snapshot: Snapshot) -> None:
    assert from_json(json.loads(json.dumps(to_json(snapshot)))) == snapshot


def test_every_key_is_documented() -> None:
    node = Node(NodeId(1), "", "", NodeStatus.JOINED, links=(Link(0, "", "", True, True, 1, 2, 3, 4),))
    quorum = Quorum(1, 1, 1, 1, (), "1.1")
    full = Snapshot(
        Source.COROSYNC,
        Availability.ANSWERED,
        "",
        (node,),
        True,
        quorum=quorum,
        qdevice=Qdevice("", 1, True, True),
        configuration=Configuration("", 1, 1, ""),
        mastership=Mastership(
            None,
            None,
            Lease(NodeId(1), 1, 2, 3, 4),
            "",
            "",
            "",
            "none",
            (),
            (),
            "",
            (Transition(0, 1, "", "", 0),),
            0,
            0,
            (),
        ),
        machinery=Machinery(
            1, (Wait(NodeId(1), "", None, ""),), (Failure(NodeId(1), "", 1, 1),), (Trouble("", "", None),)
        ),
    )
    documented = set(re.findall(r"`(\w+)`", DOCUMENT.read_text()))
    assert keys_of(to_json(full)) <= documented


def keys_of(value: object) -> set[str]:
    match value:
        case dict():
            return set(value).union(*(keys_of(inner) for inner in value.values()))
        case list():
            return set().union(*(keys_of(inner) for inner in value))
        case _:
            return set()


def test_another_schema_is_refused() -> None:
    stored = to_json(Snapshot(Source.FILE, Availability.DOWN, "", (), None)) | {"schema": 99}
    with pytest.raises(ValueError, match="schema 99"):
        from_json(stored)


@pytest.mark.parametrize(
    ("votes", "needed", "spare"),
    [((1, 1, 1), 2, 1), ((1, 1), 2, 0), ((1,) * 5, 3, 2), ((3, 1, 1), 3, 0), ((1, 1, 1), 1, 2), ((1, 0, 1), 1, 1)],
)
def test_how_many_may_fail_at_worst(votes: tuple[int, ...], needed: int, spare: int) -> None:
    members = tuple(Node(NodeId(i), "", "", NodeStatus.JOINED, votes=vote) for i, vote in enumerate(votes, 1))
    gone = Node(NodeId(99), "", "", NodeStatus.LEFT, votes=5)
    quorum = Quorum(sum(votes), needed, sum(votes), sum(votes), (), "")
    snapshot = Snapshot(Source.COROSYNC, Availability.ANSWERED, "", (*members, gone), True, quorum=quorum)
    assert snapshot.can_lose == spare
    assert snapshot._replace(quorate=False).can_lose is None
