"""The messages to systemd, over real datagram sockets."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon.notify import Systemd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["path", "abstract"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """systemd's socket, and how NOTIFY_SOCKET names it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@coroctl-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name if request.param == "path" else f"\0{name[1:]}")
        sock.settimeout(5)
        yield name, sock


def test_what_systemd_is_told(receiver: tuple[str, socket.socket]) -> None:
    name, sock = receiver
    systemd = Systemd({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "3000000"})
    assert systemd.watchdog_us == 3_000_000
    assert systemd.ready()
    assert systemd.alive()
    assert systemd.status("master since\nREADY=1")
    assert [sock.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STATUS=master since"]
    systemd.close()


def test_an_end_that_takes_long_asks_for_more_time(receiver: tuple[str, socket.socket]) -> None:
    name, sock = receiver
    systemd = Systemd({"NOTIFY_SOCKET": name})
    assert systemd.stopping()
    assert systemd.extend(30.5)
    assert [sock.recv(100) for _ in range(2)] == [b"STOPPING=1", b"EXTEND_TIMEOUT_USEC=30500000"]
    systemd.close()


def test_a_full_queue_does_not_block(receiver: tuple[str, socket.socket]) -> None:
    name, _ = receiver
    systemd = Systemd({"NOTIFY_SOCKET": name})
    taken = [systemd.alive() for _ in range(10_000)]
    assert taken[0]
    assert not taken[-1]
    systemd.close()


def test_without_systemd_nothing_is_sent(tmp_path: Path) -> None:
    for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}):
        systemd = Systemd(environment)
        assert systemd.watchdog_us == 0
        assert not systemd.ready()
        systemd.close()
        assert not systemd.alive()
