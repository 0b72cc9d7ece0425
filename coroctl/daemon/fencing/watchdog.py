"""The watchdog of this node: armed, fed and disarmed. When it may be fed is not decided here.

Feeds are asked for on the loop and written by a thread of its own, since a driver may take its time. A feed that is
late is not written: the loop said that all was well *then*. The device is never closed without need: a daemon that
dies leaves it armed, and the node restarts unless another life of the daemon feeds it in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import queue
import stat
import struct
import threading
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.clock import now_us
from coroctl.errors import CoroctlError

if TYPE_CHECKING:
    from collections.abc import Callable

# <linux/watchdog.h>; a test compares them with what a C compiler makes of it.
WDIOC_GETSUPPORT = 0x80285700
WDIOC_SETTIMEOUT = 0xC0045706
WDIOC_GETTIMEOUT = 0x80045707
WDIOF_MAGICCLOSE = 0x0100
INFO = struct.Struct("II32s")
"""struct watchdog_info: options, firmware_version, identity."""
MAGIC = b"V"
"""Written last, it makes a close disarm."""
FEED = b"\0"

STALE_US = 1_000_000
FEEDS_A_TIMEOUT = 5


class WatchdogError(CoroctlError):
    """The watchdog is not armed, or not disarmed; why."""


class Armed(NamedTuple):
    """A device that counts."""

    descriptor: int
    timeout_us: int
    """What the driver made of the wanted one."""
    name: str
    """As the driver calls itself; for people."""


class Watchdog:
    """One device, from `arm` to `disarm`; `failed` is told, on the loop, why it could not be fed."""

    def __init__(self, path: str, timeout_s: int, failed: Callable[[str], None]) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._failed = failed
        self._feeds: queue.Queue[int | None] = queue.Queue(1)
        self._armed: Armed | None = None
        self._thread: threading.Thread | None = None

    @property
    def timeout_us(self) -> int:
        """0: not armed."""
        return self._armed.timeout_us if self._armed is not None else 0

    @property
    def feed_every_us(self) -> int:
        """How often `feed` is expected."""
        return self.timeout_us // FEEDS_A_TIMEOUT

    async def arm(self) -> Armed:
        """Open the device, which begins to count. WatchdogError: it is not armed."""
        self._armed = await asyncio.to_thread(_open, self.path, self._timeout_s)
        work = (self._armed.descriptor, asyncio.get_running_loop())
        self._thread = threading.Thread(target=self._work, args=work, name="watchdog", daemon=True)
        self._thread.start()
        return self._armed

    def feed(self) -> None:
        """All is well now. Never blocks: while one feed is being written, further ones are one."""
        if self._armed is not None:
            with contextlib.suppress(queue.Full):
                self._feeds.put_nowait(now_us())

    async def disarm(self) -> None:
        """Stop the device from counting. WatchdogError: it goes on counting, and the node will restart."""
        armed, self._armed = self._armed, None
        if armed is None or self._thread is None:
            return
        await asyncio.to_thread(self._feeds.put, None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(_close, armed.descriptor, self.path)

    def _work(self, descriptor: int, loop: asyncio.AbstractEventLoop) -> None:
        told = ""
        while (asked := self._feeds.get()) is not None:
            if now_us() - asked > STALE_US:
                continue
            why = _fed(descriptor)
            if why and why != told:
                with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody is left to be told
                    loop.call_soon_threadsafe(self._failed, why)
            told = why


def _fed(descriptor: int) -> str:
    try:
        os.write(descriptor, FEED)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _open(path: str, timeout_s: int) -> Armed:
    try:
        # A FIFO without a reader must not block; to a device this flag means nothing.
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise WatchdogError(f"{path}: {_why_not(error)}") from None
    try:
        return _prepared(descriptor, path, timeout_s)
    except (OSError, WatchdogError) as error:
        # Opened, it counts: closing it properly is all that can be done.
        with contextlib.suppress(WatchdogError):
            _close(descriptor, path)
        if isinstance(error, WatchdogError):
            raise
        raise WatchdogError(f"{path}: {error.strerror}") from None


def _prepared(descriptor: int, path: str, timeout_s: int) -> Armed:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode):
        # Somebody outside counts in the place of hardware, and knows the timeout.
        return Armed(descriptor, timeout_s * 1_000_000, "FIFO")
    if not stat.S_ISCHR(mode):
        raise WatchdogError(f"{path}: this is no watchdog")
    try:
        options, _, identity = INFO.unpack(fcntl.ioctl(descriptor, WDIOC_GETSUPPORT, bytes(INFO.size)))
    except OSError as error:
        raise WatchdogError(f"{path}: this is no watchdog ({error.strerror})") from None
    if not options & WDIOF_MAGICCLOSE:
        raise WatchdogError(f"{path}: its driver disarms it when the daemon dies (no magic close): it protects nothing")
    return Armed(
        descriptor, _set_timeout(descriptor, path, timeout_s), identity.partition(b"\0")[0].decode("ascii", "replace")
    )


def _set_timeout(descriptor: int, path: str, timeout_s: int) -> int:
    """What is in force then, us: drivers round, and some have only one."""
    try:
        found = fcntl.ioctl(descriptor, WDIOC_SETTIMEOUT, struct.pack("i", timeout_s))
    except OSError:
        found = fcntl.ioctl(descriptor, WDIOC_GETTIMEOUT, struct.pack("i", 0))
    seconds = int(struct.unpack("i", found)[0])
    if seconds <= 0:
        raise WatchdogError(f"{path}: its timeout is {seconds} s")
    return seconds * 1_000_000


def _close(descriptor: int, path: str) -> None:
    try:
        os.write(descriptor, MAGIC)
    except OSError as error:
        raise WatchdogError(f"{path}: not disarmed: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _why_not(error: OSError) -> str:
    match error.errno:
        case errno.EBUSY:
            return "another program uses it (systemd's RuntimeWatchdogSec, watchdog, sbd): not armed"
        case errno.ENXIO:
            return "nobody reads this FIFO"
        case _:
            return error.strerror or str(error)
