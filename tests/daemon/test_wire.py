"""The wire format: what is sent arrives as it was, what is not a message is refused, and the sizes that this gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coroctl.daemon import wire
from coroctl.daemon.wire import (
    LISTS_MAX,
    NODES_MAX,
    WHY_MAX,
    WireError,
    decode_answer,
    decode_heartbeat,
    decode_request,
    encode_answer,
    encode_heartbeat,
    encode_request,
)
from coroctl.decision.estate.values import EMPTY, REPORTS_MAX, Position, Report, Seen, Stock, Wait, WaitsFor, Word
from coroctl.decision.messages import Answer, Edit, Request, Verb, Verdict
from coroctl.decision.values import (
    NOBODY,
    Ballot,
    Heartbeat,
    Identity,
    Mark,
    News,
    Office,
    Proposal,
    Reason,
    Staged,
    Tenure,
)
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Callable

nodes = st.integers(1, 2**32 - 1).map(NodeId)
anybody = st.integers(0, 2**32 - 1).map(NodeId)
counts = st.integers(0, 2**63 - 1)
durations = st.integers(0, 2**32 - 1)
tenures = st.builds(Tenure, counts, nodes, counts, counts)
identities = st.builds(Identity, st.integers(0, 2**64 - 1), st.binary(min_size=32, max_size=32).map(bytes.hex))
ballots = st.builds(Ballot, counts, counts, counts)
marks = st.dictionaries(nodes, st.builds(Mark, counts, counts), max_size=5)
weights = st.dictionaries(nodes, durations, max_size=5).map(lambda one: tuple(sorted(one.items())))
positions = st.builds(Position, counts, counts)
reports = st.builds(
    Report,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    positions,
    st.sampled_from(Seen),
    st.booleans(),
    positions,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
short = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
stocks = st.builds(
    Stock,
    positions,
    positions,
    positions,
    positions,
    st.integers(-1, 1000),
    st.booleans(),
    st.integers(-1, 2**31 - 1),
    st.lists(reports, max_size=REPORTS_MAX).map(tuple),
    durations,
    st.booleans(),
    st.lists(st.builds(Word, nodes, counts, durations, st.booleans()), max_size=3).map(tuple),
    st.lists(st.builds(Wait, nodes, st.sampled_from(WaitsFor), counts, short), max_size=3).map(tuple),
)
all_news = st.builds(
    News,
    office=st.sampled_from(Office),
    tenure=st.none() | tenures,
    lease_us=durations,
    promise_us=durations,
    vote=st.none() | tenures,
    vote_promise_us=durations,
    term=counts,
    would=anybody,
    reason=st.none() | st.sampled_from(Reason),
    prio=st.integers(0, 1_000_000),
    given_up=st.none() | tenures,
    handed_to=anybody,
    identity=identities,
    voters_digest=counts,
    former=st.lists(weights, max_size=3).map(tuple),
    serving=st.booleans(),
    stopping=st.booleans(),
    staged=st.none() | st.builds(Staged, ballots, st.none() | identities),
    proposal=st.none() | st.builds(Proposal, ballots, identities, st.none() | identities, nodes, st.booleans()),
    stock=st.just(EMPTY) | stocks,
)
heartbeats = st.builds(Heartbeat, nodes, counts, counts, marks, marks, all_news)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
edits = st.builds(Edit, st.sampled_from(Verb), anybody, st.integers(-(2**63), 2**63 - 1), texts, texts)
requests = st.builds(
    Request,
    texts,
    edits,
    nodes,
    counts,
    st.builds(Identity, st.integers(0, 2**64 - 1), texts),
    st.none() | st.tuples(tenures, counts),
    st.booleans(),
)
answers = st.builds(Answer, texts, st.sampled_from(Verdict), texts)

DECODERS: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    "heartbeat": (decode_heartbeat, encode_heartbeat),
    "request": (decode_request, encode_request),
    "answer": (decode_answer, encode_answer),
}
IDENTITY = Identity(7, "ab" * 32)
TENURE = Tenure(9, NodeId(1), 2**62, 2**61)


def heartbeat(size: int = 3, **changes: Any) -> Heartbeat:
    """The master's, in a cluster of that many nodes."""
    plain = News(
        office=Office.HOLDING,
        tenure=TENURE,
        lease_us=2_000_000,
        promise_us=2_200_000,
        vote=TENURE,
        vote_promise_us=2_200_000,
        term=9,
        would=NodeId(1),
        reason=None,
        prio=100,
        given_up=TENURE,
        handed_to=NOBODY,
        identity=IDENTITY,
        voters_digest=2**55,
        former=(),
        serving=True,
        stopping=False,
        staged=None,
        proposal=None,
        stock=EMPTY,
    )
    echo = {NodeId(number): Mark(7 << 20, 10**12 + number) for number in range(2, size + 1)}
    return Heartbeat(NodeId(1), 7 << 20, 10**12, echo, {}, plain._replace(**changes))


def request(name: str = "id") -> Request:
    """An ordinary one."""
    return Request(name, Edit(Verb.PRIORITY, NodeId(2), 50), NodeId(3), 9, IDENTITY, (TENURE, 7 << 20))


@given(heartbeats)
def test_a_heartbeat_arrives_as_it_was(sent: Heartbeat) -> None:
    found = decode_heartbeat(encode_heartbeat(sent))
    assert found == sent
    assert type(found.news.serving) is bool
    assert type(found.news.office) is Office


@given(requests)
def test_a_request_arrives_as_it_was(sent: Request) -> None:
    assert decode_request(encode_request(sent)) == sent


@given(answers)
def test_an_answer_arrives_as_it_was(sent: Answer) -> None:
    assert decode_answer(encode_answer(sent)) == sent


@pytest.mark.parametrize(
    ("choice", "enum"),
    [(wire.OFFICE, Office), (wire.REASON, Reason), (wire.VERB, Verb), (wire.VERDICT, Verdict)],
)
def test_every_member_has_a_number(choice: Any, enum: Any) -> None:
    assert set(choice.members) == set(enum)
    assert len(choice.members) == len(enum)


def test_a_heartbeat_fits_into_a_frame() -> None:
    full = heartbeat(
        32,
        former=(tuple((NodeId(number), 1) for number in range(1, 33)),) * 2,
        staged=Staged(Ballot(9, 7, 1), IDENTITY),
        proposal=Proposal(Ballot(9, 7, 1), IDENTITY, IDENTITY, NodeId(1), committed=True),
    )
    assert len(encode_heartbeat(heartbeat(3))) < 300
    assert len(encode_heartbeat(heartbeat(32))) < 1400
    assert len(encode_heartbeat(full)) < 8192


@settings(max_examples=400)
@pytest.mark.parametrize("kind", DECODERS)
@given(junk=st.binary(max_size=600))
def test_junk_is_refused_or_is_a_message(kind: str, junk: bytes) -> None:
    decode, encode = DECODERS[kind]
    try:
        found = decode(junk)
    except WireError:
        return
    assert encode(found) == junk


@settings(max_examples=600)
@given(sent=heartbeats, data=st.data())
def test_a_changed_heartbeat_is_refused_or_is_another_one(sent: Heartbeat, data: st.DataObject) -> None:
    changed = bytearray(encode_heartbeat(sent))
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        found = decode_heartbeat(bytes(changed))
    except WireError:
        return
    assert found != sent
    assert encode_heartbeat(found) == changed


@pytest.mark.parametrize("kind", DECODERS)
def test_every_truncation_and_every_addition_is_refused(kind: str) -> None:
    decode, encode = DECODERS[kind]
    whole = encode({"heartbeat": heartbeat(), "request": request(), "answer": Answer("id", Verdict.OK, "why")}[kind])
    assert encode(decode(whole)) == whole
    for size in range(len(whole)):
        with pytest.raises(WireError, match="the message ends in it"):
            decode(whole[:size])
    with pytest.raises(WireError, match="1 bytes follow its end"):
        decode(whole + b"\0")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lease_us": 2**32}, "news.lease_us"),
        ({"term": -1}, "news.term"),
        ({"term": 2**63}, "news.term"),
        ({"prio": 1_000_001}, "news.prio"),
        ({"vote": TENURE._replace(node=NOBODY)}, "news.vote.node"),
        ({"identity": Identity(7, "ab")}, "news.identity.digest"),
        ({"identity": Identity(7, "AB" * 32)}, "news.identity.digest"),
        ({"former": (((NodeId(2), 1), (NodeId(1), 1)),)}, "news.former"),
        ({"former": (((NodeId(1), 1), (NodeId(1), 1)),)}, "news.former"),
        ({"former": ((),) * (LISTS_MAX + 1)}, "news.former"),
    ],
)
def test_a_value_that_no_message_holds_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(WireError) as raised:
        encode_heartbeat(heartbeat(**changes))
    assert raised.value.field == field


def test_a_field_that_is_wrong_is_named() -> None:
    whole = bytearray(encode_heartbeat(heartbeat(2)))
    places = {"sender": (3, 0), "echo": (20, 255), "news.office": (44, 5), "news.tenure": (45, 2)}
    for field, (place, value) in places.items():
        changed = bytearray(whole)
        changed[place] = value
        with pytest.raises(WireError) as raised:
            decode_heartbeat(bytes(changed))
        assert raised.value.field == field, field


def test_the_largest_cluster_fits_into_a_datagram() -> None:
    assert len(encode_heartbeat(heartbeat(NODES_MAX))) < 60_000


def test_rows_in_another_order_are_refused() -> None:
    whole = encode_heartbeat(heartbeat(3))
    first, second = whole[22:42], whole[42:62]
    assert decode_heartbeat(whole[:22] + first + second + whole[62:]) == heartbeat(3)
    for rows in (second + first, first + first):
        with pytest.raises(WireError, match="stands behind"):
            decode_heartbeat(whole[:22] + rows + whole[62:])


def test_a_long_reason_is_cut_between_characters() -> None:
    found = decode_answer(encode_answer(Answer("id", Verdict.REFUSED, "ä" * WHY_MAX)))
    assert found.why == "ä" * (WHY_MAX // 2)
    assert decode_answer(encode_answer(Answer("id", Verdict.REFUSED, "\udc80"))).why == "\\udc80"


@pytest.mark.parametrize("name", ["x" * 257, "\ud800"])
def test_an_id_that_cannot_be_sent_is_refused(name: str) -> None:
    with pytest.raises(WireError, match=r"^id: "):
        encode_request(request(name))
