"""The log as a screen of the console: pictures, ways in and out, and keys that stay in a prompt."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.client import Client
from coroctl.sources.logs import KnownLog, LogFollower
from coroctl.sources.spool import Spool
from coroctl.tui import app
from coroctl.tui.app import Console
from coroctl.tui.screens.log import LogScreen
from coroctl_widgets import LogView
from tests.alarms.build import WELL
from tests.daemon.control_sockets import serving
from tests.logfile.files import append, corosync_log
from tests.tui.feeds import ByHand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from textual.pilot import Pilot

    from coroctl.model import Snapshot

    Compare = Callable[..., bool]

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """With two known logs, by names that are the same on every machine."""
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("TZ", "UTC")
        time.tzset()
        corosync_log(tmp_path / "corosync.log", 500)
        append(tmp_path / "corolistener.log", "2026-11-22T12:00:00.000+00:00 notice node1 7 granted\n")
        known = (KnownLog("corolistener", "corolistener.log"), KnownLog("corosync", "corosync.log"))
        patch.setattr(app, "known_logs", lambda: known)
        yield Console(ByHand(), LogFollower("corosync.log"), wall_clock=lambda: "03:12:44")
    time.tzset()


async def shows(pilot: Pilot[Any], words: str) -> LogView:
    """Wait for the log that says this."""
    while True:
        screen = pilot.app.screen
        if isinstance(screen, LogScreen):
            frame = screen.query_one(LogView).frame
            if frame is not None and any(words in row.text for row in frame.rows):
                await pilot.pause()
                return screen.query_one(LogView)
        await pilot.pause(0.01)


@pytest.mark.parametrize("size", SIZES)
def test_picture(snap_compare: Compare, console: Console, size: tuple[int, int]) -> None:
    async def play(pilot: Pilot[Any]) -> None:
        await pilot.press("O")
        await shows(pilot, "(499)")

    assert snap_compare(console, terminal_size=size, run_before=play)


def test_picture_of_the_help(snap_compare: Compare, console: Console) -> None:
    async def play(pilot: Pilot[Any]) -> None:
        await pilot.press("O")
        await shows(pilot, "(499)")
        await pilot.press("question_mark")
        await pilot.pause()

    assert snap_compare(console, terminal_size=(120, 40), run_before=play)


def offered(pilot: Pilot[None]) -> set[str]:
    """Of the keys that open a known log."""
    return {"1", "2"} & set(pilot.app.screen.active_bindings)


async def test_the_known_logs_and_back(console: Console) -> None:
    async with console.run_test(size=(80, 24)) as pilot:
        await pilot.press("O")
        await shows(pilot, "(499)")
        assert offered(pilot) == {"1"}  # what is shown need not be opened
        await pilot.press("1")
        await shows(pilot, "granted")
        assert offered(pilot) == {"2"}
        await pilot.press("2")
        await shows(pilot, "(499)")
        assert offered(pilot) == {"1"}
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, LogScreen)


async def test_what_is_typed_into_a_prompt_does_nothing_else(console: Console) -> None:
    async with console.run_test(size=(80, 24)) as pilot:
        await pilot.press("O")
        view = await shows(pilot, "(499)")
        await pilot.press("slash", *"12gGnNFtqOo", "question_mark", "escape")
        await pilot.pause()
        assert pilot.app.screen.query_one(LogView) is view
        assert view.frame is not None
        assert view.frame.follows
        assert not pilot.app.screen.query("HelpPanel")
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, LogScreen)


@pytest.fixture
def told(console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    """Its corolisteners tell logs, at the sockets of `serving`."""
    client = Client(str(tmp_path / "run"))
    monkeypatch.setattr("coroctl.tui.screens.log.Spool", lambda names, log: Spool(names, log, client))
    return console


async def cluster(pilot: Pilot[Any], snapshot: Snapshot = WELL) -> None:
    """The console has seen it."""
    feed = pilot.app._feed  # type: ignore[attr-defined]
    while feed.publish is None:
        await pilot.pause()
    feed.say(snapshot)
    await pilot.pause()


def test_picture_of_whose(snap_compare: Compare, console: Console) -> None:
    async def play(pilot: Pilot[Any]) -> None:
        await cluster(pilot)
        await pilot.press("O", "w", "down")
        await pilot.pause()

    assert snap_compare(console, terminal_size=(80, 24), run_before=play)


async def test_another_nodes_log_and_those_of_all(told: Console, tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon, told.run_test(size=(80, 24)) as pilot:
        daemon.teller.pieces = [
            b'{"lines": [[1.5, "early"], [null, "more"], [9.5, "late"]]}',
            b'{"lines": [], "cut": false}',
            b'{"lines": []}',
        ]
        daemon.teller.goes_on.clear()
        await cluster(pilot)
        await pilot.press("O")
        await shows(pilot, "(499)")
        await pilot.press("w", "down", "enter")
        view = await shows(pilot, "late")
        assert view.frame is not None
        assert [row.text for row in view.frame.rows] == ["early", "more", "late"]
        await pilot.press("1", "w", "G", "enter")
        view = await shows(pilot, "n1 | late")
        assert view.frame is not None
        told_lines = [row.text for row in view.frame.rows]
        assert told_lines[:4] == ["n1 | early", "n1 | more", "n2 | early", "n2 | more"]
        assert told_lines[-3:] == ["n1 | late", "n2 | late", "n3 | late"]
        assert {wanted.name.value for _, wanted in daemon.teller.wanted} == {"corosync.log", "corolistener.log"}
        await pilot.press("w", "g", "enter")
        await shows(pilot, "granted")
        await pilot.press("escape")
        async with asyncio.timeout(10):
            while daemon.teller.under_way:
                await asyncio.sleep(0.01)


async def test_without_corolistener_nobody_is_offered(console: Console) -> None:
    async with console.run_test(size=(80, 24)) as pilot:
        await cluster(pilot, WELL._replace(mastership=None))
        await pilot.press("O", "w")
        await pilot.pause()
        assert isinstance(pilot.app.screen, LogScreen)
