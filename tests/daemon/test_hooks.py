"""Hooks as real programs. On nodes, where systemd runs them: tests/lab/rows/test_actions.py."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon import hooks
from coroctl.daemon.hooks import Hook, Hooks, programs
from coroctl.daemon.inventory.side import Teller
from coroctl.daemon.rendering import Level
from coroctl.decision.estate.actions import Alarm, Event, Log, Warn
from coroctl.model import Role

if TYPE_CHECKING:
    from pathlib import Path

    from coroctl.daemon.rendering import Value


class Noted:
    """The log."""

    def __init__(self) -> None:
        self.lines: list[tuple[Level, str, dict[str, Value]]] = []
        self._news = asyncio.Event()

    def __call__(self, level: Level, name: str, **details: Value) -> None:
        self.lines.append((level, name, details))
        self._news.set()

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.lines) < count:
                await self._news.wait()
                self._news.clear()


def put(folder: Path, name: str, script: str, mode: int = 0o755) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(mode)
    return path


@pytest.fixture(autouse=True)
def without_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, whatever this machine runs."""
    monkeypatch.setattr(hooks, "_SYSTEMD", tmp_path / "no-systemd")


async def test_programs_run_in_order_and_know_what_happened(tmp_path: Path) -> None:
    folder, out = tmp_path / "hooks.d", tmp_path / "out"
    put(folder, "20-second", f'echo "2 $COROLISTENER_EVENT $COROLISTENER_NODE $COROLISTENER_TERM" >> {out}')
    put(folder, "10-first", f'echo "1 $COROLISTENER_EVENT $COROLISTENER_TEXT" >> {out}; echo seen')
    noted = Noted()
    told = Hooks(noted, "n7", folder)
    told.fire(Hook.PROMOTE, term=8, text="two\nlines")
    await noted.wait(2)
    await told.close()
    assert out.read_text() == "1 promote two lines\n2 promote n7 8\n"
    first = noted.lines[0]
    assert (first[0], first[1]) == (Level.INFO, "hook")
    assert {key: first[2][key] for key in ("hook", "program", "code", "text")} == {
        "hook": "promote",
        "program": "10-first",
        "code": 0,
        "text": "seen",
    }


async def test_one_that_fails_and_one_that_hangs_stop_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "TIMEOUT_S", 0.3)
    folder = tmp_path / "hooks.d"
    put(folder, "1-fails", "echo no >&2; exit 3")
    put(folder, "2-hangs", "read forever < /dev/zero")
    put(folder, "3-works", "true")
    noted = Noted()
    told = Hooks(noted, "n7", folder)
    told.fire(Hook.ALARM)
    await noted.wait(3)
    await told.close()
    assert [(line[0], line[2]["code"]) for line in noted.lines] == [
        (Level.WARNING, 3),
        (Level.WARNING, "unknown"),
        (Level.INFO, 0),
    ]
    assert noted.lines[0][2]["text"] == "no"
    assert "no end within 0.3 s" in str(noted.lines[1][2]["text"])


async def test_what_others_may_change_is_not_run(tmp_path: Path) -> None:
    folder, out = tmp_path / "hooks.d", tmp_path / "out"
    put(folder, "10-open", f"touch {out}", 0o777)
    noted = Noted()
    told = Hooks(noted, "n7", folder)
    told.fire(Hook.DEMOTE)
    await noted.wait(1)
    await told.close()
    assert noted.lines[0][1] == "hook-refused"
    assert "may be changed by others than root" in str(noted.lines[0][2]["why"])
    assert not out.exists()
    put(folder, "10-open", f"touch {out}")
    folder.chmod(0o777)
    told = Hooks(noted, "n7", folder)
    told.fire(Hook.DEMOTE)
    await noted.wait(2)
    await told.close()
    assert str(noted.lines[1][2]["why"]).startswith(f"{folder} may be changed")
    assert not out.exists()


async def test_a_machine_without_room_for_a_process_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "hooks.d"
    put(folder, "10-a", "true")
    noted = Noted()
    told = Hooks(noted, "n7", folder)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(tmp_path / "nowhere"))
        told.fire(Hook.PROMOTE)
        await noted.wait(1)
    told.fire(Hook.DEMOTE)
    await noted.wait(2)
    await told.close()
    assert [line[2]["code"] for line in noted.lines] == ["unknown", 0]


def test_leftovers_and_what_cannot_be_run_are_passed_over(tmp_path: Path) -> None:
    for name, mode in (("10-a", 0o755), ("20-b.dpkg-old", 0o755), ("30-c~", 0o755), ("README", 0o644)):
        put(tmp_path, name, "true", mode)
    assert [path.name for path in programs(tmp_path)] == ["10-a"]
    assert programs(tmp_path / "nowhere") == ()


async def test_what_happened_last_is_told_before_the_end(tmp_path: Path) -> None:
    folder, out = tmp_path / "hooks.d", tmp_path / "out"
    put(folder, "10-a", f'echo "$COROLISTENER_EVENT" >> {out}')
    told = Hooks(Noted(), "n7", folder)
    told.role_is(Role.MASTER, None)
    told.role_is(Role.SUSPENDED, Role.MASTER)
    told.role_is(Role.MASTER, Role.SUSPENDED)
    await told.close()
    assert out.read_text().split() == ["demote", "suspend", "resume", "promote"]


async def test_too_many_events_lose_the_oldest_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "WAITING_MAX", 2)
    folder, out = tmp_path / "hooks.d", tmp_path / "out"
    put(folder, "10-a", f'echo "$COROLISTENER_TERM" >> {out}')
    noted = Noted()
    told = Hooks(noted, "n7", folder)
    for term in range(4):
        told.fire(Hook.PROMOTE, term=term)
    await told.close()
    assert out.read_text().split() == ["2", "3"]
    assert [line[1] for line in noted.lines].count("hook-dropped") == 2


async def test_a_recovered_machine_and_an_alarm_about_machines_are_told(tmp_path: Path) -> None:
    folder, out = tmp_path / "hooks.d", tmp_path / "out"
    put(folder, "10-only", f'echo "$COROLISTENER_EVENT $COROLISTENER_MACHINE$COROLISTENER_DETAIL" >> {out}')
    noted = Noted()
    told = Hooks(noted, "n7", folder)
    teller = Teller(noted, told)
    teller.machine_logged(Log(Event.STARTED, "vm1"))
    teller.machine_logged(Log(Event.RECOVERED, "vm1"))
    teller.machine_warned(Warn(Alarm.NOT_PLACED, "vm2", "no node has 512 MiB free"))
    await told.close()
    assert out.read_text() == "recovered vm1\nalarm vm2 no node has 512 MiB free\n"
