"""coroctl conf history and show, on a real history; restore and adopt are tried on labs."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from coroctl.cli import former
from coroctl.cli.main import main
from coroctl.daemon.history import FOUND, History
from tests.conf.samples import GOOD, changed

if TYPE_CHECKING:
    from pathlib import Path

V8 = changed("config_version: 7", "config_version: 8")


@pytest.fixture(autouse=True)
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """Two files; the second one is in place."""
    conf = tmp_path / "corosync.conf"
    conf.write_bytes(V8)
    monkeypatch.setattr(former, "STATE", str(tmp_path))
    monkeypatch.setattr(former, "DEFAULT_FILE", str(conf))
    history = History(tmp_path / "conf")
    history.keep(GOOD, FOUND)
    history.keep(V8, "priority of node 9 to 101, by uid 0\x1b[2J")
    return history


def test_the_history_says_when_which_and_by_whom(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conf", "history"]) == 0
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["number", "in", "force", "since", "file", "by"]
    assert first.split()[3:] == [f"7:{sha256(GOOD).hexdigest()[:8]}", "found", "on", "this", "node"]
    assert " * " in second
    assert "by uid 0\\x1b[2J" in second


def test_the_history_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conf", "history", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["in_place"] == told["entries"][1]["digest"]
    assert [(one["number"], one["version"]) for one in told["entries"]] == [(1, 7), (2, 8)]


def test_a_file_is_shown_to_the_byte(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["conf", "show", "1"]) == 0
    assert capfdbinary.readouterr().out == GOOD


@pytest.mark.parametrize("verb", ["show", "restore"])
def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert main(["conf", verb, "9"]) == 1
    assert "there is no file 9 in the history" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["conf", "restore", "1"], ["conf", "adopt"], ["node", "remove", "n9"]])
def test_without_a_daemon_nothing_is_changed(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main([*words, "--yes"]) == 1
    assert "no corolistener runs on this node" in capsys.readouterr().err
