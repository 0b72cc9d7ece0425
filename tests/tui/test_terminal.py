"""However the console ends, the terminal is whole again; and where there is none, it is not opened."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
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
