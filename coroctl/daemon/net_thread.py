"""Where calls into the kernel wait for its locks: two threads, one for nftables and one for the routing netlink.

A call takes a fraction of a millisecond, unless somebody else holds the lock: while a blocklist of 300,000 elements
was loaded, one transaction of ours waited for 6.5 s. The loop, and with it the lease, must not wait along. Each
thread makes its calls in the order in which they were asked for.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class KernelThread:
    """Awaited with a call and its arguments, it gives back what the call returns or raises."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A caller that is cancelled no longer waits; the call is made all the same."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(call, *args, **kwargs))


NFTABLES = KernelThread("nftables")
ROUTES = KernelThread("rtnetlink")
