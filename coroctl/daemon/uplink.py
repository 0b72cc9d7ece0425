"""The uplink: has the cluster address's device carrier, and does ping_target answer. Tells the core of each change.

Owns the one ping process. Carrier is told to it (`AddressWatch`).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from typing import TYPE_CHECKING

from coroctl.decision import events
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Callable

SILENCE_S = 3.0
_BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_ANSWER = b"bytes from "


class UplinkError(CoroctlError):
    """The uplink cannot be judged."""


def available() -> None:
    """UplinkError if there is no ping; without it no ping_target ever answers."""
    if shutil.which("ping") is None:
        raise UplinkError("ping is not installed (Debian package iputils-ping), so ping_target cannot be asked")


class Uplink:
    """Joins carrier and ping into `events.Uplink`: as soon as both are known, and on every change."""

    def __init__(self, device: str, ping_target: str | None, tell: Callable[[events.Uplink], None]) -> None:
        self.device = device
        self._tell = tell
        self._pinger = Pinger(ping_target, self._ping_is) if ping_target else None
        self._carrier: bool | None = None
        self._ping: bool | None = None if ping_target else True
        self._told: events.Uplink | None = None

    def start(self) -> None:
        """Begin to ping, if there is a target."""
        if self._pinger is not None:
            self._pinger.start()

    async def aim(self, ping_target: str | None) -> None:
        """Another target, or none."""
        await self.stop()
        self._pinger = Pinger(ping_target, self._ping_is) if ping_target else None
        self.start()
        if self._pinger is None:
            self._ping_is(True)

    async def stop(self) -> None:
        """End the ping process, and tell no more."""
        if self._pinger is not None:
            await self._pinger.stop()

    def carrier(self, up: bool) -> None:
        """What AddressWatch says of the device."""
        self._carrier = up
        self._tell_change()

    def _ping_is(self, answers: bool) -> None:
        self._ping = answers
        self._tell_change()

    def _tell_change(self) -> None:
        if self._carrier is None or self._ping is None:
            return
        now = events.Uplink(self._carrier, self._ping)
        if now != self._told:
            self._told = now
            self._tell(now)


class Pinger:
    """One long-lived ping, one packet a second; `answers` is told of each change, and of 3 s of silence at start."""

    def __init__(self, target: str, answers: Callable[[bool], None]) -> None:
        self._target = target
        self._answers = answers
        self._alive: bool | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._wait_for_silence()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End the process and wait for its end."""
        if self._silence is not None:
            self._silence.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        failures = 0
        while True:
            answered = await self._ping()
            failures = 0 if answered else failures + 1
            await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])

    async def _ping(self) -> bool:
        """One process, to its end; whether it ever got an answer. It ends by itself while there is no route."""
        try:
            process = await asyncio.create_subprocess_exec(
                "ping", "-n", "-i", "1", "--", self._target,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C"},
            )  # fmt: skip
        except OSError:
            return False
        answered = False
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                if _ANSWER in line:
                    answered = True
                    self._is(alive=True)
                    self._wait_for_silence()
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()
        return answered

    def _wait_for_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(SILENCE_S, self._fell_silent)

    def _fell_silent(self) -> None:
        self._is(alive=False)

    def _is(self, *, alive: bool) -> None:
        if alive is not self._alive:
            self._alive = alive
            self._answers(alive)
