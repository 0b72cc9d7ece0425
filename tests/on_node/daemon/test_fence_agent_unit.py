"""A fence agent as a unit of a real systemd, called from within the daemon's sandbox, and outside of it itself."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from coroctl.daemon.fencing.agent import Power, fence
from coroctl.daemon.fencing.conf import Device
from coroctl.model import NodeId

NODE = NodeId(9)
TOP = Path(__file__).parents[3]
SANDBOX = ("PrivateDevices=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "SystemCallFilter=@system-service",
           "RestrictAddressFamilies=AF_UNIX", "CapabilityBoundingSet=")  # fmt: skip
CALL = """
import asyncio, sys
from pathlib import Path
from coroctl.daemon.fencing.agent import fence
from coroctl.daemon.fencing.conf import Device
print(asyncio.run(fence(9, Device(Path(sys.argv[1]), 20, ()))))
"""


def agent(folder: Path, program: str) -> Path:
    path = folder / "fence_test"
    path.write_text(f"#!/bin/sh\n{program}\n")
    path.chmod(0o755)
    return path


def unit_state() -> str:
    command = ("systemctl", "show", "-p", "ActiveState", "--value", f"corolistener-fence-{NODE}.service")
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()


def test_the_agent_has_rights_that_the_daemon_has_not(tmp_path: Path) -> None:
    """It writes below /usr and makes a device, which the caller's sandbox forbids."""
    proof = Path("/usr/local/fence-proof")
    program = agent(
        tmp_path, f"grep -q action=off || exit 2\nmknod {proof} c 1 3 && cat /proc/self/cgroup >{tmp_path}/group"
    )
    command = ("systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--setenv=PYTHONPATH={TOP}")
    inside = (*(f"--property={one}" for one in SANDBOX), sys.executable, "-c", CALL, str(program))
    try:
        run = subprocess.run([*command, *inside], check=False, capture_output=True, text=True, timeout=60)
        assert "Outcome(off=True" in run.stdout, run.stdout + run.stderr
        assert proof.is_char_device()
        assert f"corolistener-fence-{NODE}.service" in (tmp_path / "group").read_text()
    finally:
        proof.unlink(missing_ok=True)


def test_each_call_is_over_before_the_next(tmp_path: Path) -> None:
    device = Device(agent(tmp_path, "grep -q action=off && exit 0; exit 2"), 20, ())
    for _ in range(5):
        outcome = asyncio.run(fence(NODE, device))
        assert (outcome.off, outcome.power, outcome.why) == (True, Power.OFF, "")


def test_what_hangs_is_ended_by_its_time_even_outside_its_group(tmp_path: Path) -> None:
    device = Device(agent(tmp_path, "setsid sleep 987 </dev/null >/dev/null 2>&1 &\nsleep 987"), 1, ())
    outcome = asyncio.run(fence(NODE, device))
    assert not outcome.off
    assert "no end within 1 s" in outcome.why
    assert unit_state() == "inactive"
    left = subprocess.run(["pgrep", "-fx", "sleep 987"], check=False, capture_output=True, text=True, timeout=20)
    assert not left.stdout


@pytest.mark.parametrize("kind", ["stop", "kill"])
def test_a_call_whose_unit_is_ended_by_somebody_else_proves_nothing(tmp_path: Path, kind: str) -> None:
    device = Device(agent(tmp_path, f"systemctl {kind} corolistener-fence-{NODE}.service; sleep 987"), 20, ())
    outcome = asyncio.run(fence(NODE, device))
    assert (outcome.off, outcome.power) == (False, Power.UNKNOWN)
