"""The manager: one systemd unit, started, stopped and killed, each in bounded time.

It asks systemd through systemctl: a child process that waits for a job costs the daemon nothing while it waits and is
given up by a kill, where a D-Bus library would stay in memory. Kills go to the control group itself first and need no
systemd. It does not know when a manager may run: the lease's end is handed in, and read once more by systemd itself
in the moment of the start (`guard.py may-start`).
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import NamedTuple

from coroctl.daemon import guard
from coroctl.daemon.clock import now_us
from coroctl.errors import CoroctlError

UNITS = Path("/run/systemd/system")
DROP_IN = "50-corolistener.conf"

_UNIT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9:_.\\@-]{0,245}\.service")
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "SYSTEMD_COLORS": "0"}
_ANSWER_S = 5.0
"""What systemd is given to answer a question."""
_RELOAD_S = 30.0
_AGAIN_S = 0.01
_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "ExecMainStatus",
    "MainPID",
    "UnitFileState",
    "PrivateTmp",
    "KillMode",
    "SendSIGKILL",
    "ExecCondition",
)


class ManagerError(CoroctlError):
    """The manager did not do what it was told."""


class Description(NamedTuple):
    """What systemd says of the unit, in systemd's words."""

    load: str
    active: str
    sub: str
    result: str
    status: str
    """Exit code of its main process, the last time that it ended."""
    pid: int
    enabled: str
    private_tmp: bool
    kill_mode: str
    send_sigkill: bool
    condition: str
    """The effective ExecCondition, as `systemctl show` prints it."""

    @property
    def running(self) -> bool:
        return self.active in {"active", "reloading"}

    @property
    def ended(self) -> bool:
        return self.active in {"inactive", "failed"}


class Manager:
    """One unit. Its methods may overlap: `stop` and `kill` end a start that is under way."""

    def __init__(self, unit: str, units: Path = UNITS) -> None:
        """ManagerError if that cannot be the name of a service."""
        if not _UNIT.fullmatch(unit):
            raise ManagerError(f"service {unit!r}: the name of a systemd service is expected, such as vmmgr.service")
        self.unit = unit
        self._drop_in = units / f"{unit}.d" / DROP_IN
        self._command = f"{sys.executable} -IS {Path(guard.__file__)} may-start"
        self._starts = 0
        """systemctl processes that wait for a start, or have not asked for it yet."""

    async def prepare(self) -> None:
        """Put the lease in the way of every start of the unit, whoever starts it. Takes as long as a daemon-reload.

        ManagerError if systemd did not take it; a unit that does not exist yet is no error.
        """
        # "+": whatever user and sandbox the manager has, this must be able to read /run.
        _write(self._drop_in, f"[Service]\nExecCondition=+{self._command}\n")
        if self._guarded(await self.describe()):
            return
        code, text = await _systemctl("daemon-reload", timeout_s=_RELOAD_S)
        state = await self.describe()
        if state.load == "loaded" and not self._guarded(state):
            raise ManagerError(f"{self.unit}: systemd does not heed {self._drop_in} ({text or code})")

    async def withdraw(self) -> None:
        """Undo `prepare`: another unit is the manager from now on."""
        if not self._drop_in.exists():
            return
        self._drop_in.unlink()
        if not any(self._drop_in.parent.iterdir()):
            self._drop_in.parent.rmdir()
        await _systemctl("daemon-reload", timeout_s=_RELOAD_S)

    async def start(self, before: int, timeout_s: float) -> None:
        """Return when it runs. It is not started at or after ``before`` (CLOCK_BOOTTIME, us; 0: no limit) nor when
        this node has no lease.

        ManagerError: refused, failed, or not started in time. In the last case the start is still under way: another
        `start` waits on, `stop` or `kill` ends it.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._clear_the_way()
                if before and now_us() >= before:
                    raise ManagerError(f"{self.unit}: start refused: the lease has ended")
                code, _ = await self._start()
        except TimeoutError:
            raise ManagerError(f"{self.unit} did not start within {timeout_s:g} s") from None
        state = await self.describe()
        if state.running and not code:
            return
        if not code and (before and now_us() >= before):
            raise ManagerError(f"{self.unit}: start refused: the lease has ended")
        raise ManagerError(f"{self.unit} did not start: {_why(code, state)} (journalctl -u {self.unit})")

    async def stop(self, timeout_s: float) -> None:
        """Return when systemd has stopped it and no process is left; ManagerError if that takes longer."""
        await self._end(timeout_s, kill=False)

    async def kill(self, timeout_ms: int) -> None:
        """SIGKILL to the whole control group. Returns when no process is left and nothing of it is being started.

        ManagerError if that takes longer. It also ends a start or a stop; for a unit that does not run, or does not
        exist, there is nothing to do.
        """
        await self._end(timeout_ms / 1000, kill=True)

    async def running(self) -> bool:
        """Whether the unit is active."""
        return (await self.describe()).running

    async def describe(self) -> Description:
        """What systemd knows of the unit; ManagerError if it does not answer."""
        code, text = await _systemctl("show", "-p", ",".join(_PROPERTIES), "--", self.unit, timeout_s=_ANSWER_S)
        if code:
            raise ManagerError(f"{self.unit}: systemd does not say how it is: {text}")
        values = dict(line.partition("=")[::2] for line in text.splitlines())
        return Description(
            load=values.get("LoadState", ""),
            active=values.get("ActiveState", ""),
            sub=values.get("SubState", ""),
            result=values.get("Result", ""),
            status=values.get("ExecMainStatus", ""),
            pid=int(values.get("MainPID") or 0),
            enabled=values.get("UnitFileState", ""),
            private_tmp=values.get("PrivateTmp") == "yes",
            kill_mode=values.get("KillMode", ""),
            send_sigkill=values.get("SendSIGKILL") == "yes",
            condition=values.get("ExecCondition", ""),
        )

    async def preflight(self) -> tuple[str, ...]:
        """What an operator should change about the unit, one line each; nothing is changed."""
        state = await self.describe()
        if state.load != "loaded":
            return (f"{self.unit} cannot be started here: {state.load}",)
        checks = {
            "is enabled at boot, and would start on a slave: systemctl disable it": state.enabled.startswith("enabled"),
            "has PrivateTmp=yes, and does not see the lock files": state.private_tmp,
            f"has KillMode={state.kill_mode}: stopping it can leave processes": state.kill_mode != "control-group",
            "has SendSIGKILL=no: stopping it can leave processes": not state.send_sigkill,
            "is not held back by the lease": not self._guarded(state),
        }
        return tuple(f"{self.unit} {text}" for text, wrong in checks.items() if wrong)

    async def _clear_the_way(self) -> None:
        """A unit that was killed often must not run into its own start limit, nor start without the lease."""
        state = await self.describe()
        if state.load == "loaded" and not self._guarded(state):
            await self.prepare()
        if state.active == "failed":
            await _systemctl("reset-failed", "--", self.unit, timeout_s=_ANSWER_S)

    async def _start(self) -> tuple[int, str]:
        self._starts += 1
        try:
            return await _systemctl("start", "--", self.unit, timeout_s=None)
        finally:
            self._starts -= 1

    async def _end(self, timeout_s: float, *, kill: bool) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._stop_once(kill=kill)
                while not await self._is_gone():
                    await self._stop_once(kill=kill)
        except TimeoutError:
            left = len(guard.processes(self.unit))
            raise ManagerError(f"{self.unit} has not ended in {timeout_s:g} s; processes left: {left}") from None

    async def _stop_once(self, *, kill: bool) -> None:
        if kill:
            guard.kill_group(self.unit)
        stop = asyncio.create_task(_systemctl("stop", "--", self.unit, timeout_s=None))
        try:
            while not (await asyncio.wait({stop}, timeout=_AGAIN_S))[0]:
                if kill:  # a start or a stop that is under way begins new processes
                    guard.kill_group(self.unit)
            # Not by a TaskGroup: its errors come in groups, which nobody here takes for a step's failure.
            stop.result()
        finally:
            stop.cancel()
            await asyncio.gather(stop, return_exceptions=True)

    async def _is_gone(self) -> bool:
        """While a systemctl is asking for a start, the start may come after our stop: then it has to be stopped too."""
        state = await self.describe()
        return state.ended and not guard.processes(self.unit) and not self._starts

    def _guarded(self, state: Description) -> bool:
        return f"argv[]={self._command} ;" in state.condition


async def _systemctl(*words: str, timeout_s: float | None) -> tuple[int, str]:
    """Exit code and what it printed. Whoever is cancelled, or out of time, leaves no process behind."""
    try:
        process = await asyncio.create_subprocess_exec(
            "systemctl",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_ENVIRONMENT,
        )
    except OSError as error:
        raise ManagerError(f"systemctl cannot be run: {error.strerror}") from None
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await process.communicate()
    except TimeoutError:
        raise ManagerError(f"systemd does not answer: systemctl {words[0]}") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode or 0, output.decode(errors="replace").strip()


def _why(code: int, state: Description) -> str:
    if state.load != "loaded":
        return state.load
    if code:
        return f"{state.result}, exit code {state.status}"
    # A start that a condition refuses succeeds for systemctl, and systemd may have forgotten the reason by now.
    return "refused by a condition (the lease), or ended at once"


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and not at all if it says so already."""
    try:
        if path.is_file() and path.read_text() == text:
            return
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(text)
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        raise ManagerError(f"{path}: {error.strerror}") from None
