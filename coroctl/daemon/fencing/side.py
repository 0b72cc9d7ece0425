"""Fencing on this daemon's loop, wired: fence agents that the estate asks for, and this node's own watchdog.

Feeds while the estate says that it may be fed, several times a timeout: a loop that hangs feeds nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from coroctl.daemon.fencing.fencer import Fencer
from coroctl.daemon.fencing.watchdog import Watchdog, WatchdogError
from coroctl.daemon.rendering import Level
from coroctl.decision.estate.events import Disarm
from coroctl.decision.estate.events import Watchdog as Armed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from coroctl.daemon.kit import Note
    from coroctl.decision.estate.actions import Fence
    from coroctl.decision.estate.events import Event
    from coroctl.model import NodeId

LEAVE_S = 5.0
"""How long a stop waits until a majority has heard that the watchdog is disarmed."""


class FencingSide:
    """`tell` takes the estate's events, `may_feed` asks it; `conf` gives fence_conf's path and the nodes' names."""

    def __init__(
        self,
        conf: Callable[[], tuple[str, Mapping[NodeId, str]]],
        tell: Callable[[Event], None],
        may_feed: Callable[[], bool],
        note: Note,
    ) -> None:
        self._fencer = Fencer(conf, tell)
        self._tell = tell
        self._may_feed = may_feed
        self._note = note
        self._watchdog: Watchdog | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._disarming: asyncio.Task[None] | None = None
        self._disarmed = asyncio.Event()

    async def begin(self, device: str | None, timeout_s: int) -> None:
        """Arm the watchdog, if there is one. What is not armed is told, and is no reason not to start."""
        if not device:
            return
        watchdog = Watchdog(device, timeout_s, lambda why: self._note(Level.ALERT, "watchdog-not-fed", why=why))
        try:
            armed = await watchdog.arm()
        except WatchdogError as error:
            self._note(Level.ALERT, "watchdog-not-armed", why=str(error))
            return
        self._watchdog = watchdog
        self._note(
            Level.NOTICE, "watchdog-armed", device=device, driver=armed.name, timeout_ms=armed.timeout_us // 1000
        )
        self._tell(Armed(armed.timeout_us))
        self._feed(watchdog)

    def fence(self, action: Fence) -> None:
        """Have a node switched off. Ends in Fenced."""
        self._fencer.fence(action)

    def disarm(self) -> None:
        """A majority knows that it will be: now."""
        if self._watchdog is not None and self._disarming is None:
            self._disarming = asyncio.get_running_loop().create_task(self._disarm(self._watchdog))

    async def leave(self) -> None:
        """Before the daemon stops: disarm, if that is safe in time; else the node will be reset, and that is said."""
        if self._watchdog is None:
            return
        self._tell(Disarm())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._disarmed.wait(), LEAVE_S)
        if not self._disarmed.is_set():
            self._note(Level.ALERT, "watchdog-left-armed", text="no majority could be told: this node will be reset")

    async def close(self) -> None:
        """What is armed counts on: another life of the daemon feeds it in time, or the node is reset."""
        if self._beat is not None:
            self._beat.cancel()
        await self._fencer.close()
        if self._disarming is not None:
            await asyncio.gather(self._disarming, return_exceptions=True)

    def _feed(self, watchdog: Watchdog) -> None:
        if not watchdog.timeout_us:
            return
        if self._may_feed():
            watchdog.feed()
        loop = asyncio.get_running_loop()
        self._beat = loop.call_later(watchdog.feed_every_us / 1_000_000, self._feed, watchdog)

    async def _disarm(self, watchdog: Watchdog) -> None:
        try:
            await watchdog.disarm()
        except WatchdogError as error:
            self._note(Level.ALERT, "watchdog-left-armed", why=str(error))
        else:
            self._note(Level.NOTICE, "watchdog-disarmed")
            self._disarmed.set()
