"""Where calls into the kernel wait for its locks: two threads, one for nftables and one for the routing netlink.

A call takes a fraction of a millisecond, unless somebody else holds the lock: while a blocklist of 300,000 elements
was loaded, one transaction of ours waited for 6.5 s. The loop, and with it the lease, must not wait along. Each
thread makes its calls in the order in which they were asked for.
"""

from __future__ import annotations

import asyncio
import threading
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
    succeeded: Callable[[Any], None] | None
    """None: the loop is not even woken."""
    failed: Callable[[BaseException], None]


class KernelThread:
    """Awaited with a call and its arguments, it gives back what the call returns or raises.

    A thread of the standard library's pool does the same for twice the CPU time, six times a second.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A caller that is cancelled no longer waits; the call is made all the same."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        settled, failed = partial(_settle, answer, answer.set_result), partial(_settle, answer, answer.set_exception)
        self._put(_Call(partial(call, *args, **kwargs), loop, settled, failed))
        return await answer

    def begin(self, call: Callable[[], object], failed: Callable[[BaseException], None]) -> None:
        """Make the call, in its turn; the loop hears of it only if it fails."""
        self._put(_Call(call, asyncio.get_running_loop(), None, failed))

    def _put(self, one: _Call) -> None:
        if self._thread is None or not self._thread.is_alive():  # a fork has none of its parent's
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._calls.put(one)

    def _work(self) -> None:
        while True:
            one = self._calls.get()
            told: Callable[[Any], None] | None
            try:
                answer, told = one.call(), one.succeeded
            except BaseException as error:  # noqa: BLE001 - it is the caller's, who is told
                answer, told = error, one.failed
            if told is not None:
                with suppress(RuntimeError):  # the loop has ended
                    one.loop.call_soon_threadsafe(told, answer)
            del one, answer, told


def _settle(future: asyncio.Future[Any], settle: Callable[[Any], None], answer: Any) -> None:
    if not future.done():
        settle(answer)


NFTABLES = KernelThread("nftables")
ROUTES = KernelThread("rtnetlink")
