"""A real corosync, started in the foreground with a given file, and what its cmap shows."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = Path("/etc/corosync/corosync.conf")
TIMEOUT_S = 30
_ADDED_BY_COROSYNC = re.compile(
    r"(runtime|internal_configuration|config|stats)\.|nodelist\.local_node_pos$|resources\.(system|watchdog_timeout)"
    r"|totem\.interface\.\d+\.bindnetaddr$"
)
_ROW = re.compile(r"(\S+) \((\w+)\) = ?(.*)", re.DOTALL)


class Outcome(NamedTuple):
    """Of a start."""

    started: bool
    code: int | None
    """Exit code, if it did not start; negative for a signal."""
    said: str
    cmap: dict[str, str | int]
    """Without what corosync adds of itself."""


def start(data: bytes) -> Outcome:
    """Start corosync with this file; when it is ready read its cmap and stop it."""
    CONFIG.write_bytes(data)
    with tempfile.TemporaryDirectory() as directory, _notify_socket(f"{directory}/notify") as ready:
        environment = {**os.environ, "NOTIFY_SOCKET": f"{directory}/notify"}
        output = Path(directory, "output")
        with output.open("wb") as stream:
            process = subprocess.Popen(["corosync", "-f"], stdout=stream, stderr=stream, env=environment)
        try:
            started = _wait_ready(process, ready)
            cmap = _read_cmap() if started else {}
        finally:
            code = _stop(process)
        return Outcome(started, None if started else code, output.read_text("utf-8", "replace"), cmap)


def check(data: bytes) -> int:
    """Exit code of ``corosync -t``."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "checked.conf")
        path.write_bytes(data)
        ran = subprocess.run(["corosync", "-t", "-c", path], capture_output=True, check=False, timeout=TIMEOUT_S)
        return ran.returncode


@contextmanager
def _notify_socket(path: str) -> Iterator[socket.socket]:
    """Where corosync says that it is ready, as to systemd."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        yield listener


def _wait_ready(process: subprocess.Popen[bytes], ready: socket.socket) -> bool:
    ended = os.pidfd_open(process.pid)
    try:
        watched: list[int | socket.socket] = [ended, ready]
        readable, _, _ = select.select(watched, [], [], TIMEOUT_S)
    finally:
        os.close(ended)
    assert readable, "corosync neither became ready nor ended"
    return ready in readable


def _read_cmap() -> dict[str, str | int]:
    ran = subprocess.run(["corosync-cmapctl"], capture_output=True, check=True, timeout=TIMEOUT_S)
    rows = re.split(r"\n(?=[\w.:/-]+ \(\w+\) = ?)", ran.stdout.decode("utf-8", "surrogateescape").removesuffix("\n"))
    found: dict[str, str | int] = {}
    for row in rows:
        match = _ROW.fullmatch(row)
        if match and not _ADDED_BY_COROSYNC.match(match[1]):
            found[match[1]] = match[3] if match[2] == "str" else int(match[3])
    return found


def _stop(process: subprocess.Popen[bytes]) -> int:
    # Killed, it would leave its shared memory behind, which the next one fills up.
    process.send_signal(signal.SIGTERM)
    return process.wait(TIMEOUT_S)
