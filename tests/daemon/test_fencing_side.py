"""The watchdog on a daemon's loop: fed while the estate says so, disarmed when it says so, left armed otherwise."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from coroctl.daemon.fencing import side
from coroctl.daemon.fencing.side import FencingSide
from coroctl.daemon.fencing.watchdog import FEED, MAGIC
from coroctl.decision.estate.actions import Fence
from coroctl.decision.estate.events import Disarm, Fenced, Watchdog
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from coroctl.daemon.rendering import Level
    from coroctl.decision.estate.events import Event


class Estate:
    """Takes events as the estate's host does; a majority answers at once if `answers`."""

    def __init__(self, folder: Path, *, answers: bool = True) -> None:
        self.told: list[Event] = []
        self.notes: list[str] = []
        self.details: list[tuple[Level, dict[str, Any]]] = []
        self.may_feed = True
        self.answers = answers
        self.fifo = folder / "watchdog"
        os.mkfifo(self.fifo)
        self._reader = os.open(self.fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.conf = folder / "fence.conf"
        names = {NodeId(2): "n2"}
        self.side = FencingSide(lambda: (str(self.conf), names), self.tell, lambda: self.may_feed, self.note)

    def tell(self, event: Event) -> None:
        self.told.append(event)
        if isinstance(event, Disarm) and self.answers:
            self.side.disarm()

    def note(self, level: Level, name: str, **details: Any) -> None:
        self.notes.append(name)
        self.details.append((level, details))

    def read(self) -> bytes | None:
        """None: closed at the other end."""
        try:
            return os.read(self._reader, 4096) or None
        except BlockingIOError:
            return b""


async def turns_until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


def test_fed_while_it_may_be_and_disarmed_at_the_end(tmp_path: Path) -> None:
    async def live() -> None:
        estate = Estate(tmp_path)
        await estate.side.begin(str(estate.fifo), 1)
        assert estate.told == [Watchdog(1_000_000)]
        await turns_until(lambda: estate.read() == FEED)
        await turns_until(lambda: estate.read() == FEED)
        await estate.side.leave()
        assert estate.read() == MAGIC
        assert estate.read() is None
        assert estate.notes == ["watchdog-armed", "watchdog-disarmed"]
        await estate.side.close()

    asyncio.run(live())


def test_what_may_not_be_fed_is_not(tmp_path: Path) -> None:
    async def live() -> None:
        estate = Estate(tmp_path)
        estate.may_feed = False
        asked = []

        def may_feed() -> bool:
            asked.append(estate.read())
            return False

        estate.side = FencingSide(lambda: ("", {}), estate.tell, may_feed, estate.note)
        await estate.side.begin(str(estate.fifo), 1)
        await turns_until(lambda: len(asked) >= 4)
        assert asked[:4] == [b""] * 4
        await estate.side.close()

    asyncio.run(live())


def test_it_stays_armed_when_nobody_can_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side, "LEAVE_S", 0.05)

    async def live() -> None:
        estate = Estate(tmp_path, answers=False)
        await estate.side.begin(str(estate.fifo), 1)
        await estate.side.leave()
        assert MAGIC not in (estate.read() or b"")
        assert estate.notes[-1] == "watchdog-left-armed"
        await estate.side.close()

    asyncio.run(live())


def test_no_watchdog_is_said_and_stops_nothing(tmp_path: Path) -> None:
    async def live() -> None:
        estate = Estate(tmp_path)
        await estate.side.begin(None, 10)
        await estate.side.begin(str(tmp_path / "none"), 10)
        await estate.side.leave()
        assert (estate.told, estate.notes) == ([], ["watchdog-not-armed"])
        await estate.side.close()

    asyncio.run(live())


def test_a_call_of_an_agent_ends_in_one_event(tmp_path: Path) -> None:
    agent = tmp_path / "agent"
    agent.write_text("#!/bin/sh\ngrep -q action=off && exit 0; exit 2\n")
    agent.chmod(0o755)

    async def live() -> list[Event]:
        estate = Estate(tmp_path)
        estate.side.fence(Fence(1, NodeId(2)))
        await turns_until(lambda: estate.told)
        estate.conf.write_text(f"[n2]\nagent = {agent}\n")
        estate.conf.chmod(0o600)
        estate.side.fence(Fence(2, NodeId(2)))
        estate.side.fence(Fence(3, NodeId(4)))
        await turns_until(lambda: len(estate.told) == 3)
        await estate.side.close()
        return estate.told

    first, *others = asyncio.run(live())
    assert isinstance(first, Fenced)
    assert (first.number, first.off, "No such file" in first.why) == (1, False, True)
    by_number = {one.number: one for one in others if isinstance(one, Fenced)}
    assert by_number[2].off
    assert "no section for node 4" in by_number[3].why
