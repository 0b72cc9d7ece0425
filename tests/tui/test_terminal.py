"""However the console ends, the terminal is whole again; and where there is none, it is not opened."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = (sys.executable, "-m", "coroctl", "demo", "--simulated")
ALTERNATE, BACK, CURSOR = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25h"
DEADLINE_S = 20


class OnATerminal:
    """The console on a pty of 80x24, and what it wrote there."""

    def __init__(self, *, controlling: bool = True, term: str = "xterm-256color") -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = os.dup(slave)
        self.process = subprocess.Popen(
            COMMAND,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"TERM": term},
            start_new_session=True,
            preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if controlling else None,
        )
        os.close(slave)
        self.written = b""

    def until(self, wanted: bytes) -> None:
        """Read until it has written that."""
        end = time.monotonic() + DEADLINE_S
        while wanted not in self.written:
            ready, _, _ = select.select([self.master], [], [], end - time.monotonic())
            assert ready, f"no {wanted!r} in {self.written[-200:]!r}"
            self.written += os.read(self.master, 65536)

    def settings(self) -> list[object]:
        """The line discipline, without the speeds that a pty does not have."""
        return [*termios.tcgetattr(self.slave)[:4]]


@pytest.fixture
def console() -> Iterator[OnATerminal]:
    running = OnATerminal()
    running.until(b"QUORATE")
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait(DEADLINE_S)
    os.close(running.slave)
    if running.master >= 0:
        os.close(running.master)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_restores_the_terminal(console: OnATerminal, number: signal.Signals, code: int) -> None:
    assert ALTERNATE in console.written
    console.process.send_signal(number)
    console.until(BACK)
    console.until(CURSOR)
    assert console.process.wait(DEADLINE_S) == code
    assert console.settings() == console.before[:4]


def test_all_of_it_is_drawn_anew_when_that_is_asked_for(console: OnATerminal) -> None:
    """Else what the kernel has written over it would stay: only what differs is sent."""
    console.written = b""
    os.write(console.master, b"\x0c")
    console.until(b"\x1b[2J")
    console.until(b"QUORATE")
    console.until(b"Quit")


@pytest.mark.parametrize("key", [b"q", b"\x03"])
def test_leaving_restores_the_terminal(console: OnATerminal, key: bytes) -> None:
    os.write(console.master, key)
    console.until(BACK)
    assert console.process.wait(DEADLINE_S) == 0
    assert console.settings() == console.before[:4]


def test_a_vanished_terminal_ends_it(console: OnATerminal) -> None:
    os.close(console.master)
    console.master = -1
    assert console.process.wait(DEADLINE_S) in (129, -signal.SIGHUP)


def test_a_vanished_terminal_ends_it_without_sighup() -> None:
    """A terminal that is not the controlling one: nobody sends SIGHUP, and Textual's input thread would spin."""
    running = OnATerminal(controlling=False)
    running.until(b"QUORATE")
    os.close(running.slave)
    os.close(running.master)
    assert running.process.wait(DEADLINE_S) == 129


def stall(console: OnATerminal) -> None:
    """Ask for so many pictures, and read none, that it cannot write any more."""
    os.write(console.master, b"l\x7f" * 60)
    before, calm = -1, 0
    end = time.monotonic() + DEADLINE_S
    while calm < 20:
        assert time.monotonic() < end, "it goes on writing to nobody"
        unread = struct.unpack("i", fcntl.ioctl(console.master, termios.FIONREAD, b"    "))[0]
        calm = calm + 1 if unread == before and unread > 2000 else 0
        before = unread
        select.select([], [], [], 0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_also_while_the_terminal_reads_nothing(console: OnATerminal, number: signal.Signals) -> None:
    stall(console)
    console.process.send_signal(number)
    assert console.process.wait(DEADLINE_S) == 128 + number
    assert console.settings() == console.before[:4]


def type_until_refused(console: OnATerminal) -> int:
    """Keys without end, until the kernel takes none for a second; how many it took."""
    os.set_blocking(console.master, False)
    taken, end = 0, time.monotonic() + DEADLINE_S
    while select.select([], [console.master], [], 1.0)[1]:
        assert time.monotonic() < end, f"it reads on, though nobody sees what it shows: {taken} keys"
        taken += os.write(console.master, b"j" * 1000)
    os.set_blocking(console.master, True)
    return taken


def memory(console: OnATerminal) -> int:
    return int(Path(f"/proc/{console.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_what_is_typed_while_the_terminal_reads_nothing_costs_no_memory(console: OnATerminal) -> None:
    stall(console)
    before = memory(console)
    assert type_until_refused(console) > 1000
    assert memory(console) - before < 5 << 20


def test_it_goes_on_when_the_terminal_reads_again(console: OnATerminal) -> None:
    stall(console)
    console.until(b"Links")
    termios.tcflush(console.slave, termios.TCIFLUSH)
    console.written = b""
    os.write(console.master, b"\x03")
    console.until(BACK)
    assert console.process.wait(DEADLINE_S) == 0
    assert console.settings() == console.before[:4]


@pytest.mark.parametrize("term", ["linux", "screen"])
def test_it_starts_and_ends_on_other_terminals(term: str) -> None:
    running = OnATerminal(term=term)
    running.until(b"QUORATE")
    os.write(running.master, b"q")
    running.until(CURSOR)
    assert running.process.wait(DEADLINE_S) == 0
    beyond = re.findall(rb"\x1b\[[0-9;]*[34]8;[25];[0-9;]*m", running.written) if term == "linux" else []
    assert not beyond, "more than sixteen colours"
    os.close(running.slave)
    os.close(running.master)


@pytest.mark.parametrize(("environment", "frames"), [({"SSH_CONNECTION": "a 1 b 22"}, "15"), ({}, "60")])
def test_over_ssh_there_are_fewer_frames(environment: dict[str, str], frames: str) -> None:
    program = (
        "from coroctl.tui.terminal import suit_the_line as s; s(); import textual.constants as c; print(c.MAX_FPS)"
    )
    bare = {name: value for name, value in os.environ.items() if name not in ("SSH_CONNECTION", "TEXTUAL_FPS")}
    run = subprocess.run(
        [sys.executable, "-c", program], env=bare | environment, capture_output=True, text=True, check=True, timeout=30
    )
    assert run.stdout.strip() == frames


def test_a_terminal_that_can_only_print_gets_the_list() -> None:
    running = OnATerminal(term="dumb")
    running.until(b"Master/Slave")
    running.until(b"10\r\n")
    assert running.process.wait(DEADLINE_S) == 0
    assert b"\x1b" not in running.written
    os.close(running.slave)
    os.close(running.master)


def test_without_a_terminal_the_list_is_printed() -> None:
    run = subprocess.run(COMMAND, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert run.returncode == 0
    assert run.stdout.startswith(" VMmanager-cloud node list\n")
    assert "\x1b" not in run.stdout
