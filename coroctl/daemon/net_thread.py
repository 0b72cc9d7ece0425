"""Where calls into the kernel wait for its locks: two threads, one for nftables and one for the routing netlink.

A call takes a fraction of a millisecond, unless somebody else holds the lock: while a blocklist of 300,000 elements
was loaded, one transaction of ours waited for 6.5 s. The loop, and with it the lease, must not wait along. Each
thread makes its calls in the order in which they were asked for.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class _Call(NamedTuple):
    call: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    told: Callable[[Any], None] | None
    """None: the loop is not even woken."""
    failed: Callable[[BaseException], None]
    hurry: bool = True
    """Not: an answer that is true wakes nobody, and waits for `catch_up`."""


class KernelThread:
    """Awaited with a call and its arguments, it gives back what the call returns or raises.

    A thread of the standard library's pool does the same for twice the CPU time, with each renewal.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._waiting: deque[Callable[[], None]] = deque()
        self._thread: threading.Thread | None = None

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A caller that is cancelled no longer waits; the call is made all the same."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        settled, failed = partial(_settle, answer, answer.set_result), partial(_settle, answer, answer.set_exception)
        self._put(_Call(partial(call, *args, **kwargs), loop, settled, failed))
        return await answer

    def begin(
        self,
        call: Callable[[], T],
        failed: Callable[[BaseException], None],
        told: Callable[[T], None] | None = None,
        *,
        hurry: bool = True,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Make the call, in its turn; what it returns is `told`, if anybody wants to hear it, on the loop.

        Without `hurry` a success waits until `catch_up`: to wake an idle loop costs more than most calls. From another
        thread than the loop's it takes the `loop`.
        """
        self._put(_Call(call, loop or asyncio.get_running_loop(), told, failed, hurry))

    def catch_up(self) -> None:
        """On the loop's thread, which is awake anyway: tell what was not worth waking it for."""
        while self._waiting:
            self._waiting.popleft()()

    def _put(self, one: _Call) -> None:
        if self._thread is None or not self._thread.is_alive():  # a fork has none of its parent's
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._calls.put(one)

    def _work(self) -> None:
        while True:
            self._make(self._calls.get())

    def _make(self, one: _Call) -> None:
        try:
            answer = one.call()
        except BaseException as error:  # noqa: BLE001 - it is the caller's, who is told
            _wake(one.loop, partial(one.failed, error))
            return
        if one.told is None:
            return
        told = partial(one.told, answer)
        if one.hurry or answer is not True:
            _wake(one.loop, told)
        else:
            self._waiting.append(told)


def _wake(loop: asyncio.AbstractEventLoop, told: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(told)


def _settle(future: asyncio.Future[Any], settle: Callable[[Any], None], answer: Any) -> None:
    if not future.done():
        settle(answer)


NFTABLES = KernelThread("nftables")
ROUTES = KernelThread("rtnetlink")
