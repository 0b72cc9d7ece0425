"""Calling a fence agent (ClusterLabs' fence-agents API): parameters and action on stdin, the exit code says the rest.

Exit codes: 0 done, or for `status`: on; 2 for `status`: off. Everything else, and every delay, proves nothing.
Where systemd runs, the agent runs as a transient unit of its own: the daemon's sandbox has no devices and hardly any
rights, and an agent that hangs or leaves processes behind is the manager's to clean up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.clock import now_us
from coroctl.daemon.fencing import call
from coroctl.daemon.fencing.conf import check_agent

if TYPE_CHECKING:
    from coroctl.daemon.fencing.conf import Device
    from coroctl.model import NodeId

BEYOND_S = 10.0
"""What systemd is given to start, and to end, what an agent runs in."""
LETTING_GO_S = 1.0
ON, OFF = 0, 2

_SYSTEMD = Path("/run/systemd/system")
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class Power(Enum):
    """What an agent's `status` says."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class Said(NamedTuple):
    """How a call of an agent ended."""

    code: int | None
    """None: it did not end by itself in time, or could not be called at all."""
    text: str
    """For people: what it printed, or why it was not called."""


class Outcome(NamedTuple):
    """What came of fencing a node."""

    off: bool
    """Proven: `off` succeeded, and a `status` that was asked for after it said off."""
    power: Power
    why: str
    """Why it is not off; empty if it is."""
    asked_at: int
    """CLOCK_BOOTTIME, us, before that `status` was begun; 0: none was."""


async def status(node: NodeId, device: Device) -> tuple[Power, str]:
    """Ask the agent whether the node is on, and what it says."""
    said = await _call(node, device, "status")
    power = {ON: Power.ON, OFF: Power.OFF}.get(-1 if said.code is None else said.code, Power.UNKNOWN)
    return power, _words("status", said)


async def fence(node: NodeId, device: Device) -> Outcome:
    """Switch the node off and have that confirmed: C1 of docs/machines.md. Takes twice the device's timeout at most."""
    said = await _call(node, device, "off")
    if said.code != 0:
        return Outcome(off=False, power=Power.UNKNOWN, why=_words("off", said), asked_at=0)
    asked_at = now_us()
    power, words = await status(node, device)
    why = {Power.OFF: "", Power.ON: "off was reported as done, but status says on"}.get(power, words)
    return Outcome(power is Power.OFF, power, why, asked_at)


def _words(action: str, said: Said) -> str:
    how = "was not called or did not end" if said.code is None else f"ended with {said.code}"
    return f"{action} {how}" + (f": {' '.join(said.text.split())}" if said.text else "")


async def _call(node: NodeId, device: Device, action: str) -> Said:
    if problem := await asyncio.to_thread(check_agent, device.agent):
        return Said(None, problem)
    lines = [*device.parameters, ("action", action)]
    given = "".join(f"{key}={value}\n" for key, value in lines).encode()
    command = (sys.executable, "-IS", call.__file__, str(device.timeout_s), str(device.agent))
    try:
        process = await asyncio.create_subprocess_exec(
            *(await asyncio.to_thread(_outside, node, device)),
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_ENVIRONMENT,
        )
    except OSError as error:
        return Said(None, f"{error.filename}: {error.strerror}")
    try:
        async with asyncio.timeout(device.timeout_s + BEYOND_S):
            output, complaints = await process.communicate(given)
    except TimeoutError:
        return Said(None, "systemd did not end it in time")
    finally:
        await _let_go(process)
    return _said(output, complaints)


async def _let_go(process: asyncio.subprocess.Process) -> None:
    """Its pipes may be held by what systemd still has to end: that is not waited for."""
    if process.returncode is None:
        process.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), LETTING_GO_S)


def _outside(node: NodeId, device: Device) -> tuple[str, ...]:
    """The words that put a command into a unit of its own; none where no systemd runs.

    One name a node: as long as one call is not surely over, systemd refuses the next. Without --wait, since that needs
    D-Bus; the pipes end with the command.
    """
    if not _SYSTEMD.is_dir():
        return ()
    return (
        "systemd-run", "--quiet", "--collect", "--pipe", "--service-type=exec",
        f"--unit=corolistener-fence-{node}",
        f"--description=Fence agent for node {node}",
        f"--property=RuntimeMaxSec={device.timeout_s + BEYOND_S / 2:g}",
        "--property=TimeoutStopSec=2", "--property=SendSIGKILL=yes", "--",
    )  # fmt: skip


def _said(output: bytes, complaints: bytes) -> Said:
    try:
        found = json.loads(output)
        code, text = found["code"], found["text"]
    except (ValueError, KeyError, TypeError):
        return Said(None, complaints.decode(errors="replace").strip() or "it ended without an answer")
    return Said(code if isinstance(code, int) else None, str(text))
