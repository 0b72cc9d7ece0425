"""What a user id is called, and which groups it is in, as the system's user directory has it.

That may be a network's, and hang: a thread asks, one at a time, and is left behind when time is up.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_S = 2.0


class Account(NamedTuple):
    """What is known of a user id."""

    name: str = ""
    """Empty: it has none, or nobody answered in time."""
    groups: frozenset[int] | None = None
    """As of the next login; None: not known."""


def look_up(uid: int) -> Account:
    """Asks the directory, and waits for it."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account()
    with suppress(OSError):
        return Account(entry.pw_name, frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid)))
    return Account(entry.pw_name)


class Accounts:
    """Asks without making the loop wait."""

    def __init__(self, look: Callable[[int], Account] = look_up, within_s: float = LOOK_S) -> None:
        self._look = look
        self._within_s = within_s
        self._turn = asyncio.Lock()
        self._thread: threading.Thread | None = None

    async def of(self, uid: int) -> Account:
        """Never raises; empty after a while, and at once while an earlier question hangs."""
        async with self._turn:
            if self._thread is not None and self._thread.is_alive():
                return Account()
            answer: asyncio.Future[Account] = asyncio.get_running_loop().create_future()
            self._thread = threading.Thread(
                target=self._ask, args=(uid, asyncio.get_running_loop(), answer), name="user directory", daemon=True
            )
            self._thread.start()
            try:
                found = await asyncio.wait_for(answer, self._within_s)
            except TimeoutError:
                return Account()
            # It has answered, and so is over in a moment: the next question is not to find it alive.
            self._thread = None
            return found

    def _ask(self, uid: int, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Account]) -> None:
        found = self._look(uid)

        def tell() -> None:
            if not answer.done():
                answer.set_result(found)

        # The loop may be closed by the time that a directory answers.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(tell)
