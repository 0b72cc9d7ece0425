"""The measure of the other tests measures."""

from __future__ import annotations

import asyncio
import threading

from tests.daemon.beat import STALL_S, Beat


async def test_a_loop_that_is_held_up_is_noticed() -> None:
    beat = Beat()
    await asyncio.sleep(0)
    threading.Event().wait(2 * STALL_S)  # the loop, on purpose
    await asyncio.sleep(0)
    assert await beat.worst() > STALL_S
