"""What the console does about its terminal: pictures of the screen, the clipboard, and too little room."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl.tui import clipboard, saving
from coroctl.tui.base import TerminalApp
from coroctl.tui.screens.overview import Overview
from coroctl.tui.screens.small import TooSmall
from coroctl_widgets import LiveTable
from tests.alarms.build import WELL
from tests.tui.test_screens import Compare, Stage, stage

if TYPE_CHECKING:
    from textual.pilot import Pilot

__all__ = ["stage"]


def told(pilot: Pilot[None]) -> list[str]:
    return [one.message for one in pilot.app._notifications]


async def told_of(pilot: Pilot[None], word: str) -> str:
    """Until something with that word is told."""
    while not (found := [text for text in told(pilot) if word in text]):
        await pilot.pause()
    return found[0]


async def until(pilot: Pilot[None], *, small: bool) -> None:
    while isinstance(pilot.app.screen, TooSmall) is not small:
        await pilot.pause()


async def test_the_screen_is_saved_as_picture_and_text(stage: Stage, tmp_path: Path) -> None:
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL, "S")
        where = re.search(r"saved as (\S+\.svg) and", await told_of(pilot, "saved as"))
        assert where is not None
        svg = Path(where[1])
        assert svg.parent == tmp_path
        assert svg.read_text().startswith("<svg")
        lines = svg.with_suffix(".txt").read_text().splitlines()
        assert len(lines) == 24
        assert "VMmanager" in lines[0]
        assert any(line.split()[:2] == [">", "1"] for line in lines)


def test_a_picture_takes_no_other_files_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").symlink_to(tmp_path / "b.svg")
    assert [path.name for path in saving.save("a", {"svg": "1", "txt": "2"})] == ["a-2.svg", "a-2.txt"]
    assert [path.name for path in saving.save("a", {"svg": "3", "txt": "4"})] == ["a-3.svg", "a-3.txt"]
    assert (tmp_path / "a-2.svg").read_text() == "1"
    assert not (tmp_path / "b.svg").exists()


def test_where_nothing_can_be_written_here_it_is_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc")
    monkeypatch.setenv("HOME", str(tmp_path))
    [path] = saving.save("a", {"txt": "1"})
    assert path == tmp_path / "a.txt"


async def test_a_failure_to_save_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "_into", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL, "S")
        assert "No space left" in await told_of(pilot, "not saved")


def test_the_clipboard_is_reached_by_an_escape_sequence_that_ssh_carries() -> None:
    sent = clipboard.sequence("n1 — 10.0.0.1", {})
    assert sent.startswith("\x1b]52;c;")
    assert base64.b64decode(sent[7:-1]).decode() == "n1 — 10.0.0.1"
    assert clipboard.sequence("x", {"STY": "1.pts"}) == f"\x1bP{clipboard.sequence('x', {})}\x1b\\"


async def test_a_row_is_copied(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL, "j", "y")
        assert "10.0.0.2" in await told_of(pilot, "copied")
        assert pilot.app.clipboard.startswith("2  n2  10.0.0.2  ● joined  S  50")


async def test_tmux_is_asked_where_there_is_one(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "tmux"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked; cat >> {tmp_path}/asked; [ ! -e {tmp_path}/sulks ]\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL, "y")
        await told_of(pilot, "copied by tmux")
        assert (tmp_path / "asked").read_text().startswith("load-buffer -w -\n1  n1*  10.0.0.1")
        (tmp_path / "sulks").touch()
        await pilot.press("y")
        await told_of(pilot, "not copied")


@pytest.mark.parametrize("size", [(40, 10), (20, 5)])
def test_picture_of_too_little_room(snap_compare: Compare, stage: Stage, size: tuple[int, int]) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await stage.show(pilot, WELL)

    assert snap_compare(stage.console, terminal_size=size, run_before=play)


async def test_what_is_too_small_can_only_be_left_or_made_larger(stage: Stage) -> None:
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL, "l")
        below = pilot.app.screen
        await pilot.resize_terminal(50, 24)
        await until(pilot, small=True)
        await pilot.press("escape", "a", "question_mark", "ctrl+p", "S")
        assert isinstance(pilot.app.screen, TooSmall)
        await pilot.resize_terminal(40, 10)
        await pilot.resize_terminal(80, 24)
        await until(pilot, small=False)
        assert pilot.app.screen is below
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, Overview)
        assert pilot.app.screen.query_one(LiveTable).cursor_key == "1"
        assert isinstance(pilot.app, TerminalApp)
