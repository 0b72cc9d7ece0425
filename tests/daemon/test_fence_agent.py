"""Fence agents that are real programs: which of them prove that a node is off, and what is said of the others."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from coroctl.daemon.clock import now_us
from coroctl.daemon.fencing.agent import Outcome, Power, fence, status
from coroctl.daemon.fencing.conf import Device
from coroctl.lab.run import until
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Callable

NODE = NodeId(9)
HONEST = """\
#!/bin/sh
# Keeps the power in a file, and what it was asked beside it.
while IFS='=' read -r key value; do
    case $key in
    action) action=$value ;;
    file) file=$value ;;
    esac
    echo "$key=$value" >>"$0.asked"
done
case $action in
off) echo off >"$file" ;;
status) [ "$(cat "$file")" = off ] && exit 2 || exit 0 ;;
*) exit 1 ;;
esac
"""


@pytest.fixture
def make_device(tmp_path: Path) -> Callable[[str], Device]:
    """A program, and a device that uses it with a file as the node's power."""
    power = tmp_path / "power"
    power.write_text("on")

    def make(program: str) -> Device:
        agent = tmp_path / "fence_test"
        agent.write_text(program)
        agent.chmod(0o755)
        return Device(agent, 1, (("file", str(power)), ("password", "pass=word and blanks")))

    return make


def alive(group: int) -> list[psutil.Process]:
    """Processes of a group; a dead one that nobody has asked after is no more alive."""
    found = []
    for process in psutil.process_iter(["status"]):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def run_fence(device: Device) -> Outcome:
    return asyncio.run(fence(NODE, device))


def test_off_and_then_status_off_is_a_proof(make_device: Callable[[str], Device]) -> None:
    device = make_device(HONEST)
    assert asyncio.run(status(NODE, device))[0] is Power.ON
    before = now_us()
    outcome = run_fence(device)
    assert (outcome.off, outcome.power, outcome.why) == (True, Power.OFF, "")
    assert before < outcome.asked_at < now_us()
    assert asyncio.run(status(NODE, device))[0] is Power.OFF
    asked = Path(f"{device.agent}.asked").read_text().splitlines()
    assert [line for line in asked if line.startswith("action=")] == [
        f"action={action}" for action in ("status", "off", "status", "status")
    ]
    assert "password=pass=word and blanks" in asked


def test_status_alone_switches_nothing_off(make_device: Callable[[str], Device]) -> None:
    device = make_device(HONEST)
    asyncio.run(status(NODE, device))
    assert "action=off" not in Path(f"{device.agent}.asked").read_text()


@pytest.mark.parametrize(
    ("program", "power", "why"),
    [
        ("#!/bin/sh\ncat >/dev/null; exit 0", Power.ON, "status says on"),
        ("#!/bin/sh\ncat >/dev/null; echo no route; exit 1", Power.UNKNOWN, "off ended with 1: no route"),
        ("#!/bin/sh\ncat >/dev/null; exit 2", Power.UNKNOWN, "off ended with 2"),
        ("#!/bin/sh\ngrep -q action=off && exit 0; exit 7", Power.UNKNOWN, "status ended with 7"),
        ("#!/bin/sh\ngrep -q action=off && exit 0; kill -9 $$", Power.UNKNOWN, "status was not called or did not end"),
        ("#!/bin/sh\nexit 0", Power.ON, "status says on"),
        ("no program at all", Power.UNKNOWN, "Exec format error"),
    ],
    ids=["lies", "fails", "off is 2", "status fails", "status dies", "reads nothing", "no program"],
)
def test_everything_else_proves_nothing(
    make_device: Callable[[str], Device], program: str, power: Power, why: str
) -> None:
    outcome = run_fence(make_device(program))
    assert (outcome.off, outcome.power) == (False, power)
    assert why in outcome.why


def test_an_agent_that_hangs_is_ended_with_what_it_started(make_device: Callable[[str], Device]) -> None:
    device = make_device('#!/bin/sh\necho $$ >"$0.pid"; sleep 600 & sleep 600')
    outcome = run_fence(device)
    assert (outcome.off, outcome.power) == (False, Power.UNKNOWN)
    assert "no end within 1 s" in outcome.why
    group = int(Path(f"{device.agent}.pid").read_text())
    until(lambda: not alive(group), 5, "the agent's processes to end")


def test_the_loop_goes_on_meanwhile(make_device: Callable[[str], Device]) -> None:
    async def look() -> int:
        task = asyncio.create_task(fence(NODE, make_device("#!/bin/sh\nexec sleep 600")))
        turns = 0
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert asyncio.run(look()) > 1000


def test_much_that_is_printed_is_cut(make_device: Callable[[str], Device]) -> None:
    outcome = run_fence(make_device("#!/bin/sh\ncat >/dev/null; yes | head -c 3000000; echo the end; exit 1"))
    assert outcome.why.endswith("the end")
    assert len(outcome.why) < 3000


def test_an_agent_that_others_could_change_is_not_run(make_device: Callable[[str], Device]) -> None:
    device = make_device(HONEST)
    device.agent.chmod(0o777)
    assert "others than root" in run_fence(device).why
    assert not Path(f"{device.agent}.asked").exists()
