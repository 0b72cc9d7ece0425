"""refused.sock: who says there that they were turned away, what becomes an event, and what liars and floods cannot."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl.client import Client
from coroctl.daemon.accounts import Account, Accounts
from coroctl.daemon.doors import Doors
from coroctl.daemon.quota import QUOTA, Excess, Quota
from coroctl.daemon.refusals import MODE, REFUSED, Refusals, parsed
from tests.daemon.beat import STALL_S, Beat
from tests.daemon.control_sockets import DEADLINE_S, open_files, serving
from tests.daemon.test_sockets import still_serves

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from coroctl.daemon.callers import Actor

GROUP = 4242
SAID = b"1 set-priority 192.0.2.9"
as_root = pytest.mark.skipif(os.getuid() != 0, reason="speaks as somebody else")


class Written:
    """The desk's notes."""

    def __init__(self) -> None:
        self.turned: list[tuple[str, Actor, str, str]] = []
        self.more: list[tuple[int | None, int]] = []

    def turned_away(self, verb: str, actor: Actor, user: str, why: str) -> None:
        self.turned.append((verb, actor, user, why))

    def turned_away_more(self, uid: int | None, count: int) -> None:
        self.more.append((uid, count))


class Place:
    """A socket of which a test sees all that it does."""

    def __init__(self, path: Path, written: Written, refusals: Refusals) -> None:
        self.path = path
        self.written = written
        self.refusals = refusals

    def say(self, message: bytes = SAID, uid: int | None = None) -> bool:
        """As that user, whose process is gone when it is looked for; False if the kernel does not take it now."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as speaker:
            speaker.connect(str(self.path))
            sender = [] if uid is None else [_credentials(uid)]
            try:
                speaker.sendmsg([message], sender)
            except BlockingIOError:
                return False
        return True

    async def until(self, wanted: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not wanted():
                await asyncio.sleep(0)


def _credentials(uid: int) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack("3i", os.getpid(), uid, uid)


def nobody_known(_uid: int) -> Account:
    return Account()


@asynccontextmanager
async def placed(
    folder: Path,
    quota: Quota = QUOTA,
    look: Callable[[int], Account] = nobody_known,
) -> AsyncIterator[Place]:
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o755)
    doors, written = Doors(folder), Written()
    refusals = Refusals(written, "coroctl-admin", GROUP, quota, Accounts(look, within_s=0.2))
    refusals.serve(doors.open(REFUSED, socket.SOCK_DGRAM, MODE, 0))
    try:
        yield Place(folder / REFUSED, written, refusals)
    finally:
        doors.remove()
        await refusals.close()


@contextmanager
def speaking(place: Place, groups: Sequence[int], uid: int = 65534) -> Iterator[int]:
    """A process of that user has said it, and is still there; its id."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os._exit(_speak(str(place.path), groups, uid, read))
    os.close(read)
    try:
        yield child
    finally:
        os.close(write)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _speak(path: str, groups: Sequence[int], uid: int, until: int) -> int:
    os.setgroups(groups)
    os.setgid(uid)
    os.setuid(uid)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
        speaker.sendto(SAID, path)
        os.read(until, 1)
    return 0


# Who says it, and whether it can be true


@as_root
async def test_a_user_outside_is_written_down_with_what_the_kernel_knows(tmp_path: Path) -> None:
    async with placed(tmp_path, look=lambda _: Account("jo", frozenset({100}))) as place:
        with speaking(place, []) as pid:
            await place.until(lambda: place.written.turned)
        [(verb, actor, user, why)] = place.written.turned
        assert (verb, user, why) == ("set-priority", "jo", "refused: not in group coroctl-admin")
        assert (actor.uid, actor.gid, actor.pid) == (65534, 65534, pid)
        assert actor.claimed.origin == "192.0.2.9"


@as_root
async def test_who_may_open_the_socket_was_not_turned_away_at_it(tmp_path: Path) -> None:
    async with placed(tmp_path) as place:
        with speaking(place, [7, GROUP]):
            await place.until(lambda: place.refusals.ignored["doubted"] == 1)
        assert place.say()
        await place.until(lambda: place.refusals.ignored["doubted"] == 2)
        assert place.written.turned == []


@as_root
@pytest.mark.parametrize(
    ("account", "why"),
    [
        (Account("jo", frozenset({100})), "refused: not in group coroctl-admin"),
        (Account(), "refused: not in group coroctl-admin"),
        (Account("jo", frozenset({100, GROUP})), None),
    ],
)
async def test_of_a_process_that_has_ended_the_directory_is_asked(
    tmp_path: Path, account: Account, why: str | None
) -> None:
    async with placed(tmp_path, look=lambda _: account) as place:
        assert place.say(uid=5000)
        await place.until(lambda: place.written.turned or place.refusals.ignored["doubted"])
        assert [told[2:] for told in place.written.turned] == ([] if why is None else [(account.name, why)])


@as_root
async def test_who_was_let_into_the_group_and_has_not_logged_in_anew(tmp_path: Path) -> None:
    async with placed(tmp_path, look=lambda _: Account("jo", frozenset({GROUP}))) as place:
        with speaking(place, []):
            await place.until(lambda: place.written.turned)
        assert place.written.turned[0][3] == "refused: in group coroctl-admin from the next login on"


@as_root
async def test_a_directory_that_hangs_costs_the_name_only(tmp_path: Path) -> None:
    answers = threading.Event()

    def look(_uid: int) -> Account:
        answers.wait()
        return Account("late")

    async with placed(tmp_path, look=look) as place:
        beat = Beat()
        for uid in (5000, 5001, 5002):
            assert place.say(uid=uid)
        await place.until(lambda: len(place.written.turned) == 3)
        assert {told[2] for told in place.written.turned} == {""}
        assert sum(thread.name == "user directory" for thread in threading.enumerate()) == 1
        assert await beat.worst() < STALL_S
        answers.set()
        await place.until(lambda: not any(thread.name == "user directory" for thread in threading.enumerate()))
        assert place.say(uid=5003)
        await place.until(lambda: place.written.turned[-1][2] == "late")


# What is no sentence


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"1",
        b"\0",
        b"1 set-priority",
        b"1 set-priority ",
        b"1 set-priority -\n",
        b"1 set-priority - -",
        b" 1 set-priority -",
        b"2 set-priority -",
        b"1 SET-PRIORITY -",
        b"1 snapshot -",
        b"1 set-priority 192.0.2.9\x1b[31m",
        b"1 set-priority fe80::1%eth0",
        b"1 set-priority \xd9\xa1\xd9\xa2",
        b"1 set-priority jo",
        b"1 set-priority " + b"1" * 46,
        b"\xff\xfe" * 20,
        b'{"v": 1, "verb": "promote"}',
        b"1 promote -" + b" " * 100_000,
    ],
)
async def test_junk_is_counted_and_ignored(tmp_path: Path, message: bytes) -> None:
    async with placed(tmp_path) as place:
        assert place.say(message)
        await place.until(lambda: place.refusals.ignored["junk"] == 1)
        assert place.written.turned == []


async def test_file_descriptors_that_come_along_are_not_opened(tmp_path: Path) -> None:
    async with placed(tmp_path) as place:
        before = open_files()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
            speaker.connect(str(place.path))
            for _ in range(5):
                socket.send_fds(speaker, [b"junk"], [0, 1, 2])
            await place.until(lambda: place.refusals.ignored["junk"] == 5)
            assert open_files() == before + 1


# Too many


@as_root
async def test_a_flood_costs_the_loop_nothing_and_is_told_once(tmp_path: Path) -> None:
    quota = Quota(burst=2, more_s=0.5, pause_s=0.05)
    async with placed(tmp_path, quota) as place:
        beat, taken = Beat(), 0
        async with asyncio.timeout(DEADLINE_S):
            while not place.written.more:
                taken += place.say(uid=5000)
                await asyncio.sleep(0)
        assert taken < 500, "more is read than a turn and a pause allow"
        assert len(place.written.turned) == 2
        [(uid, count)] = place.written.more
        assert uid == 5000
        assert 0 < count <= place.refusals.ignored["too many"]
        assert await beat.worst() < STALL_S


@as_root
async def test_what_was_counted_is_told_at_the_end(tmp_path: Path) -> None:
    async with placed(tmp_path, Quota(burst=1, more_s=3600)) as place:
        for _ in range(4):
            assert place.say(uid=5000)
        await place.until(lambda: place.refusals.ignored["too many"] == 3)
    assert place.written.more == [(5000, 3)]


@as_root
async def test_beside_a_flood_the_sockets_serve(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        beat = Beat()
        place = Place(daemon.folder / REFUSED, Written(), daemon.sockets._refusals)  # type: ignore[arg-type]
        for _ in range(50):
            while place.say(uid=5000):
                pass
            await still_serves(daemon)
        assert await beat.worst() < STALL_S
        assert daemon.sockets.ignored()["refused.sock too many"] > 0


def test_a_user_has_a_few_at_once_and_then_one_in_a_while() -> None:
    excess = Excess(Quota(burst=3, every_s=20), 0.0)
    assert [excess.admit(7, 1.0) for _ in range(5)] == [True, True, True, False, False]
    assert excess.admit(8, 1.0)
    assert not excess.admit(7, 20.0)
    assert excess.admit(7, 21.5)
    assert excess.exceeded
    assert excess.take_more() == ({7: 3}, 0)
    assert not excess.exceeded


def test_one_person_with_many_user_ids_is_bounded_too() -> None:
    quota = Quota(burst_of_all=10, every_s_of_all=3, users=4, burst=3)
    excess = Excess(quota, 0.0)
    admitted = sum(excess.admit(uid, 0.0) for uid in range(100_000, 165_536))
    assert admitted == 4
    users, others = excess.take_more()
    assert (users, others) == ({}, 65_532)
    assert len(excess._users) == 4
    # Later on, who has been quiet makes room.
    assert excess.admit(1, 3600.0)
    assert sum(excess.admit(uid, 3600.0) for uid in range(2, 5) for _ in range(4)) == 9


def test_a_liar_is_not_counted_either() -> None:
    excess = Excess(Quota(burst=1, every_s=20), 0.0)
    assert excess.admit(7, 0.0)
    excess.doubt(7)
    assert not excess.admit(7, 1.0)
    assert not excess.exceeded


# The client's side


@pytest.mark.parametrize(
    ("origin", "told"),
    [("192.0.2.9", "192.0.2.9"), ("fe80::1%eth0", "fe80::1"), ("", ""), ("\x1b[2J", ""), ("x" * 200, "")],
)
def test_what_the_client_says_is_understood(tmp_path: Path, origin: str, told: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / REFUSED))
        Client(str(tmp_path)).tell_refused("machine-move", origin)
        assert parsed(ear.recv(1000)) == ("machine-move", told)


def test_the_client_waits_for_nobody(tmp_path: Path) -> None:
    client = Client(str(tmp_path))
    client.tell_refused("promote")
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ear:
        ear.bind(str(tmp_path / REFUSED))
        most = 100 + int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
        for _ in range(most):
            client.tell_refused("promote")
    client.tell_refused("promote")
