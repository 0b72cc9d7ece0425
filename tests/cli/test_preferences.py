"""The user's configuration file: where it is, what it says, and what is wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.cli import preferences
from coroctl.cli.console import profile
from coroctl.cli.preferences import Preferences

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
    ("text", "line", "why"),
    [
        ("read_only", 1, "not TOML"),
        ("bell = true\nread_onyl = true", 2, "unknown key read_onyl"),
        ("read_only = 1", 1, "true or false"),
        ("\ncolour = 'pink'", 2, "one of red, green"),
        ("theme = []", 1, "one of auto, dark, light"),
        ('name = "a\\nb"', 1, "at most 24 characters"),
        ("[keys]\nlinks = 7", 1, "must be a table"),
    ],
)
def test_what_is_wrong_in_it_is_told_with_its_line(tmp_path: Path, text: str, line: int, why: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    [told] = preferences.load(file).problems
    assert told.startswith(f"{file}:{line}: ")
    assert why in told


def test_the_rest_counts(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('name = "TEST"\nbell = 3\n[keys]\nlinks = "L"\n')
    liked = preferences.load(file)
    assert (liked.name, liked.bell, liked.read_only, liked.keys) == ("TEST", False, False, {"links": "L"})


@pytest.mark.parametrize("text", ["read_only = yes", "read_only = 1", "\xff"])
def test_what_may_have_asked_for_it_makes_the_console_read_only(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(text.encode("latin-1"))
    assert preferences.load(file).read_only


def test_a_folder_instead(tmp_path: Path) -> None:
    liked = preferences.load(tmp_path)
    assert liked.read_only
    assert "directory" in liked.problems[0]


def test_wishes_for_keys_are_judged_where_they_have_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "coroctl/config.toml"
    file.parent.mkdir()
    file.write_text('[keys]\nlinks = "L"\nalarms = "j"\n')
    found = profile(preferences.load(file))
    assert found.keys == {"links": "L"}
    assert found.problems == (f"{file}:3: 'j' is down (overview)",)
