"""libquorum and libvotequorum against a running corosync."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from coroctl.corosync.cfg import Cfg
from coroctl.corosync.corotypes import Track
from coroctl.corosync.cpg import Cpg, TotemConfchg
from coroctl.corosync.quorum import NodelistNotification, Quorum, QuorumNotification, QuorumType
from coroctl.corosync.votequorum import (
    InfoFlags,
    NodeState,
    Votequorum,
    VotequorumExpectedvotesNotification,
    VotequorumNodelistNotification,
    VotequorumQuorumNotification,
)
from coroctl.errors import BadArgument, CorosyncError, NoSuchKey
from tests.on_node.corosync_control import REJOIN, events, is_whole, some, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coroctl.model import NodeId

pytestmark = pytest.mark.usefixtures("whole_cluster")
CURRENT_AND_CHANGES = Track.CURRENT | Track.CHANGES


@pytest.fixture
def quorum() -> Iterator[Quorum]:
    with Quorum.initialize() as connection:
        yield connection


@pytest.fixture
def votes() -> Iterator[Votequorum]:
    with Votequorum.initialize() as connection:
        yield connection
        info = connection.getinfo(0)
        if info.node_votes != 1:
            connection.setvotes(info.node_id, 1)
        until(lambda: connection.getinfo(0).total_votes == 3)
        connection.setexpected(3)


@pytest.fixture
def me() -> NodeId:
    with Cfg.initialize() as cfg:
        return cfg.local_get()


@contextmanager
def cut_off() -> Iterator[None]:
    """This node without its network, for the time of the block."""
    chain = "  chain {0} {{ type filter hook {0} priority 0; policy drop; }}"
    chains = "\n".join(chain.format(hook) for hook in ("input", "output"))
    text = f"table inet coroctltest {{\n{chains}\n}}\n"
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "coroctltest"], check=True)


def test_quorum_as_it_is(quorum: Quorum, me: NodeId) -> None:
    assert quorum.quorum_type is QuorumType.SET
    assert quorum.getquorate() is True
    quorum.trackstart(Track.CURRENT)
    nodelist, state = sorted(some(quorum, 2), key=lambda event: type(event).__name__)
    assert isinstance(nodelist, NodelistNotification)
    assert isinstance(state, QuorumNotification)
    assert state.quorate
    assert me in state.members
    assert len(set(state.members)) == 3
    assert nodelist == NodelistNotification(state.ring_id, nodelist.members, (), ())
    assert set(nodelist.members) == set(state.members)
    assert state.ring_id.seq > 0
    assert state.ring_id.nodeid in state.members


def test_tracking_twice_is_an_error(quorum: Quorum) -> None:
    quorum.trackstart(Track.CHANGES)
    with pytest.raises(CorosyncError) as raised:
        quorum.trackstart(Track.CHANGES)
    assert raised.value.status == "EXIST"
    quorum.trackstop()
    quorum.trackstart(Track.CHANGES)


@pytest.mark.timeout(3 * REJOIN)
def test_a_cut_is_seen_by_quorum_votequorum_and_cpg(quorum: Quorum, votes: Votequorum, me: NodeId) -> None:
    quorum.trackstart(Track.CHANGES)
    votes.trackstart(Track.CHANGES)
    with Cpg.initialize() as cpg:
        cpg.join("coroctltest")
        others = set(some_state(quorum))
        with cut_off():
            lost = events(quorum, lambda seen: sum(has_members(event, (me,)) for event in seen) >= 2)
            alone = events(votes, lambda seen: any(is_vote_change(event, quorate=False) for event in seen))
            ring = events(cpg, lambda seen: any(isinstance(event, TotemConfchg) for event in seen))
        back = events(quorum, lambda seen: any(is_whole(event) for event in seen), REJOIN)
        again = events(votes, lambda seen: any(is_vote_change(event, quorate=True) for event in seen))

    [state] = [event for event in lost if isinstance(event, QuorumNotification)][-1:]
    assert not state.quorate
    assert {node for event in lost if isinstance(event, NodelistNotification) for node in event.left} == others - {me}
    assert {node for event in back if isinstance(event, NodelistNotification) for node in event.joined} == others - {me}
    [members] = [event.members for event in ring if isinstance(event, TotemConfchg)][-1:]
    assert members == (me,)
    assert any(isinstance(event, VotequorumNodelistNotification) and event.members == (me,) for event in alone)
    [seen_votes] = [event for event in again if is_vote_change(event, quorate=True)][-1:]
    assert isinstance(seen_votes, VotequorumQuorumNotification)
    assert {node for node, _ in seen_votes.nodes} == others


def some_state(quorum: Quorum) -> tuple[NodeId, ...]:
    """The present members, by a connection of its own."""
    assert quorum.getquorate()
    with Quorum.initialize() as other:
        other.trackstart(Track.CURRENT)
        return some(other, 2)[0].members


def has_members(event: object, members: tuple[NodeId, ...]) -> bool:
    return isinstance(event, QuorumNotification | NodelistNotification) and event.members == members


def is_vote_change(event: object, *, quorate: bool) -> bool:
    return isinstance(event, VotequorumQuorumNotification) and event.quorate is quorate


def test_getinfo(votes: Votequorum, me: NodeId) -> None:
    info = votes.getinfo(me)
    assert info.node_id == me
    assert info.node_state is NodeState.MEMBER
    assert (info.node_votes, info.node_expected_votes, info.highest_expected) == (1, 3, 3)
    assert (info.total_votes, info.quorum) == (3, 2)
    assert InfoFlags.QUORATE in info.flags
    assert InfoFlags.QDEVICE_REGISTERED not in info.flags
    assert (info.qdevice_votes, info.qdevice_name) == (0, "")
    assert votes.getinfo(0) == info


def test_getinfo_of_a_node_that_does_not_exist(votes: Votequorum) -> None:
    with pytest.raises(NoSuchKey, match=r"^votequorum_getinfo: node 4242: does not exist$"):
        votes.getinfo(4242)


def test_votequorum_tracking_begins_with_the_present_state(votes: Votequorum, me: NodeId) -> None:
    votes.trackstart(CURRENT_AND_CHANGES)
    nodelist, state = sorted(some(votes, 2), key=lambda event: type(event).__name__)
    assert isinstance(nodelist, VotequorumNodelistNotification)
    assert isinstance(state, VotequorumQuorumNotification)
    assert state.quorate
    assert (me, NodeState.MEMBER) in state.nodes
    assert len(nodelist.members) == 3
    votes.trackstop()
    with pytest.raises(NoSuchKey):
        votes.trackstop()


def test_setexpected_is_told_to_whoever_tracks(votes: Votequorum) -> None:
    votes.trackstart(Track.CHANGES)
    votes.setexpected(5)
    seen = events(votes, lambda seen: VotequorumExpectedvotesNotification(5) in seen)
    assert seen
    assert votes.getinfo(0).highest_expected == 5


@pytest.mark.parametrize("number", [0, 1])
def test_an_impossible_number_of_expected_votes(votes: Votequorum, number: int) -> None:
    with pytest.raises(BadArgument):
        votes.setexpected(number)


def test_setvotes(votes: Votequorum, me: NodeId) -> None:
    votes.setvotes(me, 2)
    assert votes.getinfo(me).node_votes == 2
    with pytest.raises(NoSuchKey):
        votes.setvotes(4242, 1)
    with pytest.raises(BadArgument):
        votes.setvotes(me, -1)
