"""The user's configuration file: where it is, what it says, and what is wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.cli import preferences
from coroctl.cli.preferences import Preferences
from coroctl.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_there_need_be_none(tmp_path: Path) -> None:
    assert preferences.load(tmp_path / "config.toml") == Preferences(read_only=False)


def test_read_only(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("read_only = true\n")
    assert preferences.load(tmp_path / "config.toml").read_only


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert preferences.path() == tmp_path / "coroctl/config.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/eve")
    assert str(preferences.path()) == "/home/eve/.config/coroctl/config.toml"


@pytest.mark.parametrize(
    ("text", "why"),
    [("read_only", "not TOML"), ("read_onyl = true", "unknown key read_onyl"), ("read_only = 1", "true or false")],
)
def test_what_is_wrong_in_it(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=why):
        preferences.load(file)


def test_a_folder_instead(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="directory"):
        preferences.load(tmp_path)
