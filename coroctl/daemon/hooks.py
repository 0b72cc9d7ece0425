"""Operators' own programs that are told what happens here: executables in a folder, one after the other by name.

They run as transient units, outside the daemon's sandbox, and nothing waits for them: neither the core nor a
failover. What came of each is in the log. What they are told is in their environment; docs/hooks.md lists it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.fencing import call
from coroctl.daemon.fencing.conf import check_agent
from coroctl.daemon.rendering import MOST_TEXT, Level
from coroctl.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coroctl.daemon.kit import Note
    from coroctl.daemon.rendering import Value

FOLDER = Path("/etc/corolistener/hooks.d")
TIMEOUT_S = 30
"""Of each program; it is killed then, and the next one runs."""
WAITING_MAX = 100
"""Events that wait for their turn; with more of them the oldest are dropped, and that is said."""

CLOSE_S = 5.0

_BEYOND_S = 10.0
"""What systemd is given to start, and to end, what a program runs in."""
_PREFIX = "COROLISTENER_"
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
_SYSTEMD = Path("/run/systemd/system")
_NAME = re.compile(r"[A-Za-z0-9_-]+")


class Hook(Enum):
    """What is told of."""

    PROMOTE = "promote"
    """This node has become master: address and manager are here."""
    DEMOTE = "demote"
    """It is master no more."""
    SUSPEND = "suspend"
    """It has lost quorum, or an operator has suspended it."""
    RESUME = "resume"
    """It is suspended no more."""
    RECOVERED = "recovered"
    """A machine of a failed node runs here."""
    ALARM = "alarm"


class _Told(NamedTuple):
    hook: Hook
    details: dict[str, str]


class Hooks:
    """One queue and one task. `fire` returns at once."""

    def __init__(self, note: Note, node: str, folder: Path = FOLDER) -> None:
        """``node``: this one's name."""
        self._note = note
        self._node = node
        self._folder = folder
        self._waiting: asyncio.Queue[_Told] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def fire(self, hook: Hook, **details: object) -> None:
        """Something has happened. Names of details are told in capitals."""
        if self._waiting.qsize() >= WAITING_MAX:
            dropped = self._waiting.get_nowait()
            self._waiting.task_done()
            self._note(Level.WARNING, "hook-dropped", hook=dropped.hook.value, text=f"{WAITING_MAX} events wait")
        self._waiting.put_nowait(_Told(hook, {name.upper(): str(value) for name, value in details.items()}))
        if self._task is None:
            self._task = asyncio.create_task(self._work())

    def role_is(self, role: Role, former: Role | None, **details: object) -> None:
        """Another role than before; a daemon that has just started is what it is, which is no event."""
        if former is None:
            return
        if former is Role.MASTER:
            self.fire(Hook.DEMOTE, **details)
        if former is Role.SUSPENDED:
            self.fire(Hook.RESUME, **details)
        if role is Role.SUSPENDED:
            self.fire(Hook.SUSPEND, **details)
        if role is Role.MASTER:
            self.fire(Hook.PROMOTE, **details)

    async def close(self) -> None:
        """What happened last is told, within `CLOSE_S`; a program that runs longer goes on without us."""
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._waiting.join(), CLOSE_S)
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _work(self) -> None:
        while True:
            told = await self._waiting.get()
            for program in await asyncio.to_thread(programs, self._folder):
                await self._run(program, told)
            self._waiting.task_done()

    async def _run(self, program: Path, told: _Told) -> None:
        what = {"hook": told.hook.value, "program": program.name}
        began = time.monotonic()
        try:
            if problem := await asyncio.to_thread(_check, program):
                self._note(Level.WARNING, "hook-refused", **what, why=problem)
                return
            code, text = await _call(program, {"NODE": self._node, "EVENT": told.hook.value, **told.details})
        except OSError as error:
            code, text = None, str(error)
        ended: Value = "unknown" if code is None else code
        took = round((time.monotonic() - began) * 1000)
        self._note(Level.WARNING if code != 0 else Level.INFO, "hook", **what, code=ended, took_ms=took, text=text)


def programs(folder: Path) -> tuple[Path, ...]:
    """What is to be run, in order of name: executables with plain names, as run-parts does it."""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return ()
    return tuple(path for path in found if _NAME.fullmatch(path.name) and path.is_file() and os.access(path, os.X_OK))


def _check(program: Path) -> str:
    """Why it is not to be run as root; empty if it may be."""
    status = program.parent.stat()
    if status.st_uid != 0 or status.st_mode & 0o022:
        return f"{program.parent} may be changed by others than root"
    return check_agent(program)


async def _call(program: Path, told: Mapping[str, str]) -> tuple[int | None, str]:
    """Exit code, None if it is not known; and what it said."""
    environment = {_PREFIX + name: _printable(value) for name, value in told.items()}
    systemd = await asyncio.to_thread(_SYSTEMD.is_dir)
    process = await asyncio.create_subprocess_exec(
        *(_outside(environment) if systemd else ()),
        *(sys.executable, "-IS", call.__file__, str(TIMEOUT_S), str(program)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**_ENVIRONMENT, **environment},
    )
    try:
        async with asyncio.timeout(TIMEOUT_S + _BEYOND_S):
            output, complaints = await process.communicate()
    except TimeoutError:
        return None, "systemd did not end it in time"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    try:
        found = json.loads(output)
        return found["code"], str(found["text"])
    except (ValueError, KeyError, TypeError):
        return None, complaints.decode(errors="replace").strip()


def _outside(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The words that put a command into a unit of its own. Without --wait, which needs D-Bus: the pipes end with it."""
    return (
        "systemd-run", "--quiet", "--collect", "--pipe", "--service-type=exec",
        "--description=Hook of corolistener",
        f"--property=RuntimeMaxSec={TIMEOUT_S + _BEYOND_S / 2:g}",
        "--property=TimeoutStopSec=2", "--property=SendSIGKILL=yes",
        *(f"--setenv={name}={value}" for name, value in environment.items()), "--",
    )  # fmt: skip


def _printable(value: str) -> str:
    """One line, as in the log."""
    return "".join(letter if letter.isprintable() else " " for letter in value)[:MOST_TEXT]
