"""libcpg against a running corosync."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from coroctl.corosync.cpg import (
    MESSAGE_MAX,
    Address,
    Confchg,
    Cpg,
    Deliver,
    Description,
    FlowControlState,
    Guarantee,
    IterationType,
    Reason,
    TotemConfchg,
)
from coroctl.errors import BadArgument, CorosyncBusy, CorosyncError, CorosyncLost, NoSuchKey
from tests.on_node.corosync_control import events, some

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("whole_cluster")
GROUP = "coroctltest"
MEMBER = """
import sys
from coroctl.corosync.cpg import Cpg
cpg = Cpg.initialize()
cpg.join(sys.argv[1])
print("joined", flush=True)
sys.stdin.read()
cpg.finalize()
"""


@pytest.fixture
def cpg() -> Iterator[Cpg]:
    """A connection that has joined GROUP, its own Confchg taken."""
    with Cpg.initialize() as connection:
        connection.join(GROUP)
        some(connection)
        yield connection


@contextmanager
def another_process() -> Iterator[subprocess.Popen[str]]:
    """A process that is a member of GROUP until its standard input ends."""
    command = [sys.executable, "-c", MEMBER, GROUP]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "joined\n"
        try:
            yield process
        finally:
            process.kill()


def confchg(connection: Cpg) -> Confchg:
    """The next Confchg."""
    found = [event for event in events(connection, has_confchg) if isinstance(event, Confchg)]
    assert len(found) == 1
    return found[0]


def has_confchg(seen: list[Deliver | Confchg | TotemConfchg]) -> bool:
    return any(isinstance(event, Confchg) for event in seen)


def test_join_tells_the_members() -> None:
    with Cpg.initialize() as cpg:
        cpg.join(GROUP)
        me = cpg.local_get()
        member = Address(me, os.getpid(), Reason.UNDEFINED)
        assert confchg(cpg) == Confchg(GROUP, (member,), (), (member._replace(reason=Reason.JOIN),))
        assert cpg.membership_get(GROUP) == (member,)


def test_the_first_ring_is_told_if_wanted() -> None:
    with Cpg.initialize(initial_totem_conf=True) as cpg:
        cpg.join(GROUP)
        [ring] = [event for event in some(cpg, 2) if isinstance(event, TotemConfchg)]
        assert len(ring.members) == 3
        assert ring.ring_id.seq > 0


def test_another_process_joins_and_leaves(cpg: Cpg) -> None:
    with another_process() as process:
        change = confchg(cpg)
        assert [(address.pid, address.reason) for address in change.joined] == [(process.pid, Reason.JOIN)]
        assert {address.pid for address in change.members} == {os.getpid(), process.pid}
        process.communicate()
        change = confchg(cpg)
        assert [(address.pid, address.reason) for address in change.left] == [(process.pid, Reason.PROCDOWN)]


def test_another_process_dies(cpg: Cpg) -> None:
    with another_process() as process:
        confchg(cpg)
        process.kill()
        change = confchg(cpg)
        assert [(address.pid, address.reason) for address in change.left] == [(process.pid, Reason.PROCDOWN)]
        assert [address.pid for address in change.members] == [os.getpid()]


def test_leave(cpg: Cpg) -> None:
    cpg.leave(GROUP)
    [left] = confchg(cpg).left
    assert (left.pid, left.reason) == (os.getpid(), Reason.LEAVE)
    assert cpg.membership_get(GROUP) == ()
    with pytest.raises(NoSuchKey):
        cpg.leave(GROUP)


def test_leaving_another_group_is_refused_and_harmless(cpg: Cpg) -> None:
    with pytest.raises(NoSuchKey):
        cpg.leave("another")
    cpg.mcast_joined(b"still here")
    assert [event.message for event in some(cpg) if isinstance(event, Deliver)] == [b"still here"]


def test_a_connection_joins_once(cpg: Cpg) -> None:
    for group in (GROUP, "another"):
        with pytest.raises(CorosyncError) as raised:
            cpg.join(group)
        assert raised.value.status == "EXIST"
    cpg.leave(GROUP)
    confchg(cpg)
    with pytest.raises(CorosyncError):
        cpg.join("another")


@pytest.mark.parametrize("group", ["", "g" * 129, "é" * 65, "a\0b"])
def test_a_name_that_no_group_can_have(group: str) -> None:
    with Cpg.initialize() as cpg, pytest.raises(BadArgument):
        cpg.join(group)


def test_the_longest_name() -> None:
    group = "g" * 128
    with Cpg.initialize() as cpg:
        cpg.join(group)
        assert confchg(cpg).group == group
        assert len(cpg.membership_get(group)) == 1


@pytest.mark.parametrize("guarantee", Guarantee)
@pytest.mark.parametrize("message", [b"", b"x", b"nul\0inside", bytes(range(256)) * 400])
def test_a_message_comes_back_as_it_was(cpg: Cpg, message: bytes, guarantee: Guarantee) -> None:
    cpg.mcast_joined(message, guarantee)
    assert some(cpg) == [Deliver(GROUP, cpg.local_get(), os.getpid(), message)]


def test_the_largest_message(cpg: Cpg) -> None:
    assert cpg.max_atomic_msgsize_get() == MESSAGE_MAX
    cpg.mcast_joined(b"x" * MESSAGE_MAX)
    [event] = some(cpg)
    assert isinstance(event, Deliver)
    assert len(event.message) == MESSAGE_MAX
    with pytest.raises(BadArgument, match=str(MESSAGE_MAX)):
        cpg.mcast_joined(b"x" * (MESSAGE_MAX + 1))


def test_sending_without_a_group_is_refused() -> None:
    with Cpg.initialize() as cpg, pytest.raises(NoSuchKey):
        cpg.mcast_joined(b"x")


def test_ten_thousand_messages_while_gc_runs(cpg: Cpg) -> None:
    seen: list[bytes] = []
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(10_000):
            send(cpg, number.to_bytes(4, "big"), seen)
            if number % 500 == 499:
                gc.collect()
        while len(seen) < 10_000:
            seen += messages(some(cpg))
    finally:
        gc.set_threshold(*before)
    assert [int.from_bytes(message, "big") for message in seen] == list(range(10_000))


def send(cpg: Cpg, message: bytes, seen: list[bytes]) -> None:
    """Send, and when corosync wants a rest, take what has come meanwhile."""
    while True:
        try:
            return cpg.mcast_joined(message)
        except CorosyncBusy:
            seen += messages(some(cpg))


def messages(found: list[Deliver | Confchg | TotemConfchg]) -> list[bytes]:
    return [event.message for event in found if isinstance(event, Deliver)]


def test_flow_control_is_off_in_an_idle_group(cpg: Cpg) -> None:
    assert cpg.flow_control_state_get() is FlowControlState.DISABLED


def test_iteration(cpg: Cpg) -> None:
    mine = Description(GROUP, cpg.local_get(), os.getpid())
    with Cpg.initialize() as other:
        other.join("another")
        some(other)
        assert mine in cpg.iteration()
        assert mine._replace(group="another") in cpg.iteration()
        assert list(cpg.iteration(IterationType.ONE_GROUP, GROUP)) == [mine]
        names = [description.group for description in cpg.iteration(IterationType.NAME_ONLY)]
        assert sorted(names) == sorted({*names, "another", GROUP})
    assert list(cpg.iteration(IterationType.ONE_GROUP, "nobody")) == []


def test_an_iteration_outlives_nothing() -> None:
    cpg = Cpg.initialize()
    cpg.join(GROUP)
    some(cpg)
    descriptions = cpg.iteration()
    next(descriptions)
    cpg.finalize()
    with pytest.raises(CorosyncLost):
        next(descriptions)


def test_after_finalize_every_call_says_so() -> None:
    cpg = Cpg.initialize()
    cpg.join(GROUP)
    cpg.finalize()
    for call in (lambda: cpg.join(GROUP), lambda: cpg.leave(GROUP), lambda: cpg.mcast_joined(b"x"), cpg.local_get):
        with pytest.raises(CorosyncLost):
            call()
