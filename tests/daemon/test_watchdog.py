"""The watchdog: what is written when; constants against the kernel's header; a driver that a C program plays."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon.fencing import watchdog
from coroctl.daemon.fencing.watchdog import Watchdog, WatchdogError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROBE = """
#include <stdio.h>
#include <linux/watchdog.h>
int main(void)
{
    printf("%u %u %u %u %zu\\n", (unsigned)WDIOC_GETSUPPORT, (unsigned)WDIOC_SETTIMEOUT, (unsigned)WDIOC_GETTIMEOUT,
           (unsigned)WDIOF_MAGICCLOSE, sizeof(struct watchdog_info));
    return 0;
}
"""


class Fifo:
    """A watchdog that is played: what reaches it, in order."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def read(self) -> bytes | None:
        """What has come since; None: whoever fed it has closed it."""
        try:
            return os.read(self._reader, 65536) or None
        except BlockingIOError:
            return b""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._reader)


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Fifo]:
    found = Fifo(tmp_path / "watchdog")
    yield found
    found.close()


def made(path: str) -> tuple[Watchdog, list[str]]:
    """A watchdog of 10 s, and why it could not be fed."""
    troubles: list[str] = []
    return Watchdog(path, 10, troubles.append), troubles


async def turns_until(condition: object) -> None:
    async with asyncio.timeout(5):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0)


def test_constants_are_the_headers(tmp_path: Path) -> None:
    source = tmp_path / "probe.c"
    source.write_text(PROBE)
    subprocess.run(["cc", "-o", tmp_path / "probe", source], check=True)
    printed = subprocess.run([tmp_path / "probe"], capture_output=True, text=True, check=True).stdout
    assert [int(word) for word in printed.split()] == [
        watchdog.WDIOC_GETSUPPORT,
        watchdog.WDIOC_SETTIMEOUT,
        watchdog.WDIOC_GETTIMEOUT,
        watchdog.WDIOF_MAGICCLOSE,
        watchdog.INFO.size,
    ]


def test_feeds_arrive_and_only_disarm_writes_the_letter(fifo: Fifo) -> None:
    async def live() -> None:
        dog, troubles = made(fifo.path)
        armed = await dog.arm()
        assert (armed.timeout_us, dog.timeout_us, dog.feed_every_us) == (10_000_000, 10_000_000, 2_000_000)
        for _ in range(3):
            dog.feed()
            await turns_until(lambda: fifo.read() == watchdog.FEED)
        await dog.disarm()
        assert fifo.read() == watchdog.MAGIC
        assert fifo.read() is None
        assert (dog.timeout_us, troubles) == (0, [])

    asyncio.run(live())


def test_a_daemon_that_dies_disarms_nothing(fifo: Fifo) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from coroctl.daemon.fencing.watchdog import Watchdog\n"
        "asyncio.run(Watchdog(sys.argv[1], 10, print).arm())\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, fifo.path], check=False)
    assert fifo.read() is None


def test_what_was_asked_for_long_ago_is_not_written(fifo: Fifo, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a freeze: the thread finds a feed of before it."""
    asked = [0]
    monkeypatch.setattr(watchdog, "now_us", lambda: asked[0])

    async def live() -> None:
        dog, _ = made(fifo.path)
        await dog.arm()
        asked[0] = -watchdog.STALE_US - 1
        dog.feed()
        asked[0] = 0
        await turns_until(dog._feeds.empty)
        await dog.disarm()
        assert fifo.read() == watchdog.MAGIC

    asyncio.run(live())


def test_a_reader_that_went_is_told_once(fifo: Fifo) -> None:
    async def live() -> None:
        dog, troubles = made(fifo.path)
        await dog.arm()
        fifo.close()
        dog.feed()
        await turns_until(lambda: troubles)
        dog.feed()
        with pytest.raises(WatchdogError, match="not disarmed: Broken pipe"):
            await dog.disarm()
        assert troubles == ["Broken pipe"]

    asyncio.run(live())


@pytest.mark.parametrize(
    ("name", "why"),
    [("none", "No such file"), ("file", "no watchdog"), ("/dev/null", "no watchdog"), ("fifo", "nobody reads")],
)
def test_what_is_not_armed(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "fifo")
    dog, _ = made(str(tmp_path / name))
    with pytest.raises(WatchdogError, match=why):
        asyncio.run(dog.arm())
    assert dog.timeout_us == 0
    dog.feed()
    asyncio.run(dog.disarm())


class Driver:
    """A driver of the kernel, as far as ioctl goes: there is none here that would not restart this machine."""

    def __init__(self, options: int, timeout_s: int, *, settable: bool = True) -> None:
        self.options = options
        self.timeout_s = timeout_s
        self.settable = settable

    def ioctl(self, _descriptor: int, request: int, argument: bytes) -> bytes:
        match request:
            case watchdog.WDIOC_GETSUPPORT:
                return watchdog.INFO.pack(self.options, 1, b"test dog")
            case watchdog.WDIOC_SETTIMEOUT if self.settable:
                self.timeout_s = max(self.timeout_s, struct.unpack("i", argument)[0])
            case watchdog.WDIOC_GETTIMEOUT:
                pass
            case _:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return struct.pack("i", self.timeout_s)


@pytest.mark.parametrize(
    ("driver", "timeout_s"),
    [
        (Driver(watchdog.WDIOF_MAGICCLOSE | 0x8000, 1), 10),
        (Driver(watchdog.WDIOF_MAGICCLOSE, 16), 16),
        (Driver(watchdog.WDIOF_MAGICCLOSE, 30, settable=False), 30),
    ],
    ids=["takes it", "rounds up", "has only one"],
)
def test_what_the_driver_makes_of_the_timeout_counts(
    monkeypatch: pytest.MonkeyPatch, driver: Driver, timeout_s: int
) -> None:
    monkeypatch.setattr(fcntl, "ioctl", driver.ioctl)
    dog, _ = made("/dev/null")
    armed = asyncio.run(dog.arm())
    assert (armed.timeout_us, armed.name) == (timeout_s * 1_000_000, "test dog")


def test_a_driver_that_disarms_on_any_close_protects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", Driver(0x8000, 1).ioctl)
    with pytest.raises(WatchdogError, match="no magic close"):
        asyncio.run(made("/dev/null")[0].arm())


def test_busy_is_not_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: object) -> int:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(os, "open", taken)
    with pytest.raises(WatchdogError, match="another program uses it"):
        asyncio.run(made("/dev/watchdog")[0].arm())
