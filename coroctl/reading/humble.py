"""What keeps a reading process from harming the daemon that has started it, or its machine."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

MEMORY_BYTES = 512 * 1024 * 1024
NICE = 15
FIRST_TO_GO = "800"
"""When the machine is out of memory; the daemon is to be the last."""

_SAYING = Lock()


def become_humble(cpu_s: int | None = None) -> None:
    """Behind everybody else on this machine, with little memory and, if that is given, so much processor time."""
    os.nice(NICE - os.nice(0))
    _limit(resource.RLIMIT_AS, MEMORY_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    if cpu_s is not None:
        _limit(resource.RLIMIT_CPU, cpu_s)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)


def say(line: bytes) -> None:
    """One line to whoever has started this process; its end if nobody reads any more."""
    left = memoryview(line + b"\n")
    with _SAYING:
        try:
            while left:
                left = left[os.write(1, left) :]
        except BrokenPipeError:
            os._exit(0)


def say_often(line: bytes, every_s: float) -> None:
    """The same again and again from now on, so that both ends know of each other; not while Python code hangs."""

    def go_on() -> None:
        while not never.wait(every_s):
            say(line)

    never = Event()
    Thread(target=go_on, name="says that it lives", daemon=True).start()


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard),) * 2)
