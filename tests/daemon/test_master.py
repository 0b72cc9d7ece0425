"""What of a master's steps needs no kernel and no systemd; the rest is shown by tests/lab."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from coroctl.daemon.configuration import Outfit
from coroctl.daemon.kit import Kit
from coroctl.daemon.locks import SERVICE_LOCK
from coroctl.daemon.master import Master
from coroctl.daemon.notify import GuardLink
from coroctl.decision.actions import Step

if TYPE_CHECKING:
    from pathlib import Path

    from coroctl.daemon.rendering import Level, Value

DEADLINE_S = 10.0
MANY = 64
"""More than the loop has threads."""


def unheard(level: Level, name: str, **details: Value) -> None:
    """Nobody reads it."""


async def unasked(step: Step) -> None:
    """No machines here."""
    raise AssertionError(step)


async def test_lock_files_do_not_wait_for_a_disk_that_hangs_elsewhere(tmp_path: Path) -> None:
    outfit = Outfit("", 32, "", "", 30, 30, 500, (), str(tmp_path), "")
    guard = GuardLink(tmp_path / "guard")
    master = Master(Kit(outfit, None, None), tmp_path / "run.json", guard, unheard, unasked)
    thaws = threading.Event()
    hanging = [asyncio.ensure_future(asyncio.to_thread(thaws.wait, DEADLINE_S)) for _ in range(MANY)]
    try:
        await asyncio.wait_for(master.carry_out(Step.LOCK, 0), DEADLINE_S / 2)
        assert (tmp_path / SERVICE_LOCK).is_file()
    finally:
        thaws.set()
        await asyncio.gather(*hanging)
        guard.close()
