"""Every widget has a demo, which can be run by name, and a picture of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl_widgets import demo
from coroctl_widgets.demo import Demo, demo_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Compare = Callable[..., bool]

FOLDER = Path(demo.__file__).parent
HAVE_PICTURES = ("event_list", "link_matrix", "listing", "live_table", "log_tail", "sparkline", "title_bar")
"""In tests of their own."""


def test_none_is_forgotten() -> None:
    having = {file.stem for file in FOLDER.glob("*.py") if "\ndef demo(" in file.read_text()}
    assert having == set(demo.NAMES)


def test_every_widget_is_shown_by_some_demo() -> None:
    shown = {type(widget).__name__ for name in demo.NAMES for widget in demo_of(name)()}
    public = {"Choice", "EventList", "LinkMatrix", "Listing", "LiveTable", "LogTail", "LogView", "Notes", "Paper"}
    assert shown == public | {"QuorumGauge", "SheetDialog", "Sparkline", "TitleBar"}


def test_without_a_name_they_are_listed() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "coroctl_widgets.demo"], capture_output=True, text=True, check=True, timeout=30
    )
    assert all(any(line.split()[:1] == [name] for line in run.stdout.splitlines()) for name in demo.NAMES)


@pytest.mark.parametrize("name", [name for name in demo.NAMES if name not in HAVE_PICTURES])
def test_picture(snap_compare: Compare, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["demo", "nowhere.log"])
    assert snap_compare(Demo(demo_of(name)), terminal_size=(80, 24))
