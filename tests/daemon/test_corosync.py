"""The thread that follows corosync; what it hears is shown in tests/on_node and tests/lab."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

from coroctl.daemon import corosync
from coroctl.daemon.corosync import Corosync

if TYPE_CHECKING:
    import pytest

DEADLINE_S = 10.0


async def test_what_nobody_expected_is_not_the_silent_end_of_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the node would stay quorate for ever."""

    def broken(_stack: object) -> NoReturn:
        raise ValueError("a bug")

    loop, unexpected = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any]]()
    loop.set_exception_handler(lambda _loop, context: unexpected.put_nowait(context))
    monkeypatch.setattr(corosync, "_Session", broken)
    follower = Corosync(loop, lambda _told: None)
    follower.start()
    context = await asyncio.wait_for(unexpected.get(), DEADLINE_S)
    assert str(context["exception"]) == "a bug"
    follower.stop()
