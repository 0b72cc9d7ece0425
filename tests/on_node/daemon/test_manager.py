"""The manager as a unit of a real systemd: started under a lease, stopped, and killed whatever it is doing."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon import guard
from coroctl.daemon.clock import now_us
from coroctl.daemon.manager import Manager, ManagerError

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIT = "coroctl-test.service"
FILE = Path("/run/systemd/system") / UNIT
RUN_FILE = Path(guard.FOLDER) / guard.RUN_FILE
SLEEP = "ExecStart=/bin/sleep 1000\n"
STUBBORN = "ExecStart=/bin/sh -c 'trap : TERM; while :; do sleep 1000; done'\n"
ALWAYS = "Restart=always\nRestartSec=0\n"


def systemctl(*words: str) -> str:
    return subprocess.run(["systemctl", *words], check=False, capture_output=True, text=True, timeout=60).stdout.strip()


def lease(left_s: float) -> None:
    """This node's lease, as the daemon writes it."""
    RUN_FILE.parent.mkdir(exist_ok=True)
    RUN_FILE.write_text(json.dumps({"lease_until": now_us() + int(left_s * 1e6), "guard_until": 0}))


async def ready(service: str) -> Manager:
    """A manager of that kind, known to systemd, under a lease of a minute."""
    FILE.write_text(f"[Service]\n{service}")
    systemctl("daemon-reload")
    manager = Manager(UNIT)
    await manager.prepare()
    lease(60)
    return manager


def is_dead() -> bool:
    return systemctl("is-active", UNIT) in {"inactive", "failed"} and not guard.processes(UNIT)


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    yield
    guard.kill_group(UNIT)
    systemctl("stop", UNIT)
    FILE.unlink(missing_ok=True)
    for file in Path(f"{FILE}.d").glob("*"):
        file.unlink()
    Path(f"{FILE}.d").rmdir()
    RUN_FILE.unlink(missing_ok=True)
    systemctl("daemon-reload")
    systemctl("reset-failed", UNIT)


async def test_it_starts_and_stops() -> None:
    manager = await ready(SLEEP)
    assert not await manager.running()
    began = time.monotonic()
    await manager.start(now_us() + 5_000_000, 10)
    started = time.monotonic()
    assert await manager.running()
    assert len(guard.processes(UNIT)) == 1
    await manager.start(0, 10)
    await manager.stop(10)
    assert is_dead()
    await manager.stop(10)
    print(f"start {(started - began) * 1000:.0f} ms")


@pytest.mark.parametrize("left_s", [-0.001, -100])
async def test_without_a_lease_nobody_starts_it(left_s: float) -> None:
    manager = await ready(SLEEP)
    lease(left_s)
    with pytest.raises(ManagerError, match="refused"):
        await manager.start(0, 10)
    systemctl("start", UNIT)  # as an administrator, or a timer, or the boot
    assert is_dead()


async def test_a_lease_that_has_ended_is_refused_before_systemd_is_asked() -> None:
    manager = await ready(SLEEP)
    with pytest.raises(ManagerError, match="the lease has ended"):
        await manager.start(now_us(), 10)
    assert is_dead()


async def test_restarted_by_systemd_it_asks_for_the_lease_again() -> None:
    manager = await ready(SLEEP + ALWAYS)
    await manager.start(0, 10)
    lease(-1)
    guard.kill_group(UNIT)
    while not is_dead():
        await asyncio.sleep(0)


async def test_kill_is_quick_and_final() -> None:
    manager = await ready(STUBBORN + ALWAYS)
    await manager.start(0, 10)
    began = time.monotonic()
    await manager.kill(500)
    print(f"kill {(time.monotonic() - began) * 1000:.0f} ms")
    assert is_dead()
    await manager.kill(500)
    await manager.start(0, 10)
    assert await manager.running()


async def test_kill_ends_a_start_that_hangs() -> None:
    manager = await ready("Type=notify\nExecStart=/bin/sleep 1000\n")
    starting = asyncio.create_task(manager.start(0, 60))
    while not guard.processes(UNIT):
        await asyncio.sleep(0)
    await manager.kill(2000)
    assert is_dead()
    with pytest.raises(ManagerError, match="did not start"):
        await starting


async def test_kill_ends_a_start_that_has_only_been_asked_for() -> None:
    manager = await ready(SLEEP)
    starting = asyncio.create_task(manager.start(0, 60))
    await asyncio.sleep(0)
    await manager.kill(2000)
    assert is_dead()
    with pytest.raises(ManagerError):
        await starting
    assert is_dead()


async def test_kill_ends_a_stop_that_hangs() -> None:
    manager = await ready(STUBBORN + "TimeoutStopSec=1000\nExecStop=/bin/sleep 1000\nExecStopPost=/bin/sleep 1000\n")
    await manager.start(0, 10)
    stopping = asyncio.create_task(manager.stop(60))
    while len(guard.processes(UNIT)) < 3:
        await asyncio.sleep(0)
    await manager.kill(2000)
    assert is_dead()
    await stopping


async def test_a_stop_that_takes_too_long_says_what_is_left() -> None:
    manager = await ready(STUBBORN + "TimeoutStopSec=1000\n")
    await manager.start(0, 10)
    with pytest.raises(ManagerError, match=r"has not ended in 0\.3 s; processes left: \d"):
        await manager.stop(0.3)
    await manager.kill(2000)


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        ("Type=notify\nExecStart=/bin/sleep 1000\n", "did not start within 0.5 s"),
        ("Type=oneshot\nExecStart=/bin/sh -c 'exit 7'\n", "exit-code, exit code 7"),
    ],
)
async def test_a_start_that_fails_says_why(service: str, reason: str) -> None:
    manager = await ready(service)
    with pytest.raises(ManagerError, match=reason):
        await manager.start(0, 0.5)
    await manager.kill(2000)


async def test_killed_often_it_may_still_start() -> None:
    manager = await ready(SLEEP + "[Unit]\nStartLimitIntervalSec=1000\nStartLimitBurst=2\n")
    for _ in range(4):
        await manager.start(0, 10)
        await manager.kill(2000)


async def test_a_unit_that_does_not_exist() -> None:
    FILE.parent.joinpath(f"{UNIT}.d").mkdir(exist_ok=True)
    manager = Manager("coroctl-no-such.service")
    await manager.kill(2000)
    await manager.stop(2)
    assert not await manager.running()
    with pytest.raises(ManagerError, match="not-found"):
        await manager.start(0, 5)
    assert await manager.preflight() == ("coroctl-no-such.service cannot be started here: not-found",)


async def test_preflight_says_what_is_wrong_with_the_unit() -> None:
    manager = await ready(SLEEP)
    assert await manager.preflight() == ()
    bad = SLEEP + "PrivateTmp=yes\nKillMode=process\nSendSIGKILL=no\n[Install]\nWantedBy=coroctl-lab.target\n"
    manager = await ready(bad)
    systemctl("enable", "--runtime", UNIT)
    found = "\n".join(await manager.preflight())
    systemctl("disable", "--runtime", UNIT)
    for word in ("enabled at boot", "PrivateTmp=yes", "KillMode=process", "SendSIGKILL=no"):
        assert word in found


async def test_prepared_once_and_undone() -> None:
    manager = await ready(SLEEP)
    assert "may-start" in systemctl("show", "-P", "ExecCondition", UNIT)
    mark = systemctl("show", "-P", "UnitsLoadFinishTimestampMonotonic")
    await manager.prepare()
    assert systemctl("show", "-P", "UnitsLoadFinishTimestampMonotonic") == mark, "systemd was reloaded for nothing"
    await manager.withdraw()
    assert systemctl("show", "-P", "ExecCondition", UNIT) == ""
    Path(f"{FILE}.d").mkdir()
