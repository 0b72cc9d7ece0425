"""The guard as the process that it is, with real control groups, a real address and the real clock."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import pytest

from coroctl.daemon import guard
from coroctl.daemon.clock import now_us
from coroctl.daemon.notify import GuardLink, GuardMissing
from coroctl.lab import cgroups

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="control groups and namespaces are root's")

SLICE = f"t{os.getpid()}.slice"
DAEMON = f"t{os.getpid()}-daemon.service"
SERVICE = f"t{os.getpid()}-manager.service"
ADDRESS = "192.0.2.77"
SOON_US = 300_000
LATE_US = 200_000
"""How late the guard may be: it is given that in a loaded lab."""


class Program(NamedTuple):
    """A process of a unit that wants to run for ever."""

    pid: int
    handle: int

    def ended_by(self, deadline_us: int) -> int | None:
        """When it ended (now_us), or None if it still runs at the deadline."""
        wait_s = max(deadline_us - now_us(), 0) / 1e6
        return now_us() if select.select([self.handle], [], [], wait_s)[0] else None


class Units:
    """Control groups named like units, two slices deep, as systemd has them."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[bytes]] = []
        self._handles: list[int] = []

    def run(self, unit: str, below: str = "") -> Program:
        child = subprocess.Popen(["sleep", "1000"])
        self._children.append(child)
        for hierarchy in cgroups.hierarchies():
            group = hierarchy / SLICE / f"{SLICE.removesuffix('.slice')}-a.slice" / unit / below
            group.mkdir(parents=True, exist_ok=True)
            (group / "cgroup.procs").write_text(str(child.pid))
        handle = os.pidfd_open(child.pid)
        self._handles.append(handle)
        return Program(child.pid, handle)

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.wait()
        for handle in self._handles:
            os.close(handle)
        cgroups.remove(SLICE)


@pytest.fixture
def units() -> Iterator[Units]:
    made = Units()
    yield made
    made.close()


class Guarded(NamedTuple):
    """A folder like /run/corolistener, and the guard that watches it in a network namespace of its own."""

    folder: Path
    process: subprocess.Popen[str]

    def write(self, guard_until: int, **values: object) -> None:
        arm(self.folder, guard_until, **values)

    def addresses(self) -> str:
        return self.ip("-4", "address", "show", "br0")

    def ip(self, *words: str) -> str:
        command = ["nsenter", f"--target={self.process.pid}", "--net", "ip", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def arm(folder: Path, guard_until: int, **values: object) -> None:
    """Write /run as the daemon does, and not tell anybody."""
    facts = {"lease_until": guard_until, "guard_until": guard_until, "service": SERVICE}
    draft = folder / "run.new"
    draft.write_text(json.dumps(facts | values))
    draft.replace(folder / guard.RUN_FILE)


@contextmanager
def guarding(folder: Path) -> Iterator[Guarded]:
    """Run the guard, and return when it listens."""
    ready = folder / "ready"
    command = ["unshare", "--net", sys.executable, "-IS", guard.__file__, "watch", str(folder), DAEMON]
    with GuardNotify(ready) as notify:
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={"NOTIFY_SOCKET": str(ready), "PATH": os.environ["PATH"]}
        )
        notify.wait_for(b"READY=1")
        try:
            yield Guarded(folder, process)
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.communicate()


class GuardNotify:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(10)
        self._socket.bind(str(path))

    def __enter__(self) -> GuardNotify:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def wait_for(self, state: bytes) -> None:
        while self._socket.recv(100) != state:
            pass


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    with guarding(tmp_path) as made:
        yield made


@pytest.fixture
def link(guarded: Guarded) -> Iterator[GuardLink]:
    made = GuardLink(guarded.folder / guard.SOCKET, grace_us=0)
    yield made
    made.close()


def test_nothing_of_a_master_outlives_its_lease(units: Units, guarded: Guarded, link: GuardLink) -> None:
    daemon, manager, child = units.run(DAEMON), units.run(SERVICE), units.run(SERVICE, "deeper")
    stranger = units.run("other.service")
    guarded.ip("link", "add", "br0", "type", "bridge")
    guarded.ip("address", "add", f"{ADDRESS}/32", "dev", "br0")
    guarded.ip("address", "add", "192.0.2.1/24", "dev", "br0")
    lock = guarded.folder / "lock"
    lock.touch()
    due = now_us() + SOON_US
    guarded.write(due, address=ADDRESS, prefix=32, device="br0", lock=str(lock))
    link.nudge()

    for program in (daemon, manager, child):
        ended = program.ended_by(due + guard.GRACE_US + LATE_US)
        assert ended is not None
        assert ended >= due + guard.GRACE_US
        print(f"ended {(ended - due - guard.GRACE_US) / 1000:.1f} ms after it was due")
    assert guarded.process.stderr is not None
    line = guarded.process.stderr.readline()
    assert f"processes killed: 1 of {DAEMON}, 2 of {SERVICE}; address {ADDRESS} removed" in line
    assert ADDRESS not in guarded.addresses()
    assert "192.0.2.1/24" in guarded.addresses()
    assert not lock.exists()
    assert stranger.ended_by(now_us()) is None


def test_a_renewed_lease_is_left_alone(units: Units, guarded: Guarded, link: GuardLink) -> None:
    manager = units.run(SERVICE)
    guarded.write(now_us() + SOON_US)
    link.nudge()
    due = now_us() + 2 * SOON_US
    guarded.write(due)  # as a renewal does: no nudge is needed
    ended = manager.ended_by(due + guard.GRACE_US + LATE_US)
    assert ended is not None
    assert ended >= due + guard.GRACE_US


def test_a_disarmed_guard_does_nothing(units: Units, guarded: Guarded, link: GuardLink) -> None:
    manager = units.run(SERVICE)
    due = now_us() + SOON_US
    guarded.write(due)
    link.nudge()
    guarded.write(0)
    assert manager.ended_by(due + guard.GRACE_US + LATE_US) is None


@pytest.mark.parametrize("damage", ["", "{", "[]"])
def test_a_file_that_cannot_be_read_renews_nothing(units: Units, tmp_path: Path, damage: str) -> None:
    manager = units.run(SERVICE)
    due = now_us() + SOON_US
    arm(tmp_path, due)
    with guarding(tmp_path):
        (tmp_path / guard.RUN_FILE).write_text(damage)
        assert manager.ended_by(due + guard.GRACE_US + LATE_US) is not None


def test_frozen_itself_it_acts_when_it_thaws(units: Units, guarded: Guarded, link: GuardLink) -> None:
    manager = units.run(SERVICE)
    due = now_us() + SOON_US
    guarded.write(due)
    link.nudge()
    guarded.process.send_signal(signal.SIGSTOP)
    assert manager.ended_by(due + guard.GRACE_US + LATE_US) is None
    thawed = now_us()
    guarded.process.send_signal(signal.SIGCONT)
    ended = manager.ended_by(thawed + LATE_US)
    assert ended is not None
    print(f"ended {(ended - thawed) / 1000:.1f} ms after the thaw")


def test_it_acts_once_on_a_lease(units: Units, guarded: Guarded, link: GuardLink) -> None:
    first = units.run(SERVICE)
    due = now_us()
    guarded.write(due)
    link.nudge()
    assert first.ended_by(due + guard.GRACE_US + LATE_US) is not None
    assert guarded.process.stderr is not None
    assert "the lease ended" in guarded.process.stderr.readline()
    later = units.run(SERVICE)
    link.nudge()
    assert later.ended_by(now_us() + LATE_US) is None
    with guarding(guarded.folder):  # nor does the one that is started after it
        assert later.ended_by(now_us() + LATE_US) is None


def test_killed_and_started_again_it_knows_what_to_guard(units: Units, guarded: Guarded, link: GuardLink) -> None:
    manager = units.run(SERVICE)
    due = now_us() + SOON_US
    guarded.write(due)
    link.nudge()
    guarded.process.kill()
    guarded.process.wait()
    with guarding(guarded.folder):
        assert manager.ended_by(due + guard.GRACE_US + LATE_US) is not None


def test_clean_leaves_a_running_lease_alone_and_ends_a_lapsed_one(units: Units, tmp_path: Path) -> None:
    def clean() -> str:
        command = ["unshare", "--net", sys.executable, "-IS", guard.__file__, "clean", str(tmp_path), DAEMON]
        return subprocess.run(command, check=True, capture_output=True, text=True).stderr

    # It is run in the daemon's own control group.
    daemon, manager = units.run(DAEMON), units.run(SERVICE)
    file = tmp_path / guard.RUN_FILE
    assert clean() == ""
    file.write_text(json.dumps({"guard_until": now_us() + 60_000_000, "service": SERVICE}))
    assert clean() == ""
    assert manager.ended_by(now_us()) is None
    file.write_text(json.dumps({"guard_until": now_us() - guard.GRACE_US, "service": SERVICE}))
    assert "1 of" in clean()
    assert manager.ended_by(now_us() + LATE_US) is not None
    assert daemon.ended_by(now_us()) is None
    assert clean() == ""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"lease_until": 9000000000000000}', 0),
        ('{"lease_until": 1}', 1),
        ('{"lease_until": 0, "guard_until": 9000000000000000}', 1),
        ("{}", 1),
        ("{", 1),
        ("[1]", 1),
        (None, 1),
    ],
)
def test_may_start_while_the_lease_runs(tmp_path: Path, text: str | None, code: int) -> None:
    if text is not None:
        (tmp_path / guard.RUN_FILE).write_text(text)
    began = time.monotonic()
    command = [sys.executable, "-IS", guard.__file__, "may-start", str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == code
    print(f"{(time.monotonic() - began) * 1000:.0f} ms")


def test_usage() -> None:
    run = subprocess.run([sys.executable, "-IS", guard.__file__], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "usage" in run.stderr


def test_a_guard_that_is_missing_is_noticed(guarded: Guarded, link: GuardLink) -> None:
    link.nudge()
    guarded.process.kill()
    guarded.process.wait()
    with pytest.raises(GuardMissing, match="systemctl restart"):
        link.nudge()


def test_a_guard_that_stands_still_is_noticed(guarded: Guarded, link: GuardLink) -> None:
    guarded.process.send_signal(signal.SIGSTOP)

    def nudge_for_long() -> None:
        for _ in range(10_000):
            link.nudge()

    with pytest.raises(GuardMissing):
        nudge_for_long()


def test_a_guard_that_is_being_restarted_is_no_error(guarded: Guarded) -> None:
    patient = GuardLink(guarded.folder / guard.SOCKET, grace_us=60_000_000)
    patient.nudge()
    guarded.process.kill()
    guarded.process.wait()
    patient.nudge()
    patient.close()


def test_a_guard_that_never_was_is_noticed_at_once(tmp_path: Path) -> None:
    link = GuardLink(tmp_path / "nobody", grace_us=60_000_000)
    with pytest.raises(GuardMissing):
        link.nudge()
    link.close()


def test_it_tells_systemd_that_it_lives(tmp_path: Path) -> None:
    with guarding(tmp_path) as guarded, suppress(GuardMissing), GuardNotify(tmp_path / "ready") as notify:
        link = GuardLink(guarded.folder / guard.SOCKET)
        link.nudge()
        link.close()
        notify.wait_for(b"WATCHDOG=1")


def test_units_with_names_that_the_kernel_keeps_for_itself(units: Units) -> None:
    program = units.run("_cpu.service")
    assert guard.kill_group("cpu.service") == {program.pid}
    assert program.ended_by(now_us() + LATE_US) is not None
    assert guard.kill_group("no-such-unit.service") == set()
