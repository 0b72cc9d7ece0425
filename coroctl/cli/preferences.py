"""The user's own configuration file, ``~/.config/coroctl/config.toml``: what they want always.

What is wrong in it stops nobody: it is told, and the rest counts. Where the file, or what it says of read_only, cannot
be understood, the console is read-only: that may be what it asked for.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from coroctl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

COLOURS = ("red", "green", "yellow", "blue", "magenta", "cyan", "white")
THEMES = ("auto", "dark", "light")
NAME_MAX = 24


class Preferences(NamedTuple):
    """What it says, defaults filled in."""

    name: str = ""
    """Of the cluster to its user, say ``PRODUCTION``: stands in every title bar."""
    colour: str = ""
    """Of that name: one of `COLOURS`."""
    read_only: bool = False
    """The console offers no actions."""
    bell: bool = False
    """Rings for a new critical alarm."""
    theme: str = "auto"
    """One of `THEMES`."""
    keys: Mapping[str, str] = {}
    """Name of a key, as the README's table has it -> which it shall be."""
    problems: tuple[str, ...] = ()
    """What is wrong: file, line, reason."""


def path() -> Path:
    """Where the file is, whether there is one or not."""
    base = os.environ.get("XDG_CONFIG_HOME") or ""
    return (Path(base) if base.startswith("/") else Path("~/.config").expanduser()) / "coroctl/config.toml"


def load(file: Path) -> Preferences:
    """The file's; the defaults if there is none. Never raises: see `Preferences.problems`."""
    import tomllib

    text = ""
    try:
        text = file.read_text()
        said = tomllib.loads(text)
    except FileNotFoundError:
        return Preferences()
    except OSError as error:
        return _unusable(file, 0, error.strerror or str(error))
    except ValueError as error:
        return _unusable(file, _line_of(error, text), f"not TOML: {error}")
    good: dict[str, Any] = {}
    problems = []
    for key, value in said.items():
        reason = _wrong(key, value)
        if reason:
            problems.append(problem(file, key, reason))
        else:
            good[key] = value
    if "read_only" in said and "read_only" not in good:
        good["read_only"] = True
    return Preferences(**good, problems=tuple(problems))


def _unusable(file: Path, line: int, reason: str) -> Preferences:
    told = f"{ConfigError(str(file), line, reason)}; the console is read-only until that is mended"
    return Preferences(read_only=True, problems=(told,))


def _wrong(key: str, value: object) -> str:
    """Why a value cannot be used; empty if it can."""
    match key:
        case "read_only" | "bell":
            return "" if isinstance(value, bool) else f"{key} must be true or false"
        case "name":
            good = isinstance(value, str) and value.isprintable() and len(value) <= NAME_MAX
            return "" if good else f"name must be a text of at most {NAME_MAX} characters"
        case "colour":
            return "" if value in COLOURS else f"colour must be one of {', '.join(COLOURS)}"
        case "theme":
            return "" if value in THEMES else f"theme must be one of {', '.join(THEMES)}"
        case "keys":
            good = isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
            return "" if good else 'keys must be a table such as [keys], with lines such as links = "L"'
        case _:
            known = [name for name in Preferences._fields if name != "problems"]
            return f"unknown key {key}; known are {', '.join(known)}"


def problem(file: Path, key: str, reason: str) -> str:
    """What is wrong with a key, with its line."""
    return str(ConfigError(str(file), _line_with(file, key), reason))


def _line_with(file: Path, key: str) -> int:
    """Where a key is set; 0 if that cannot be told."""
    found = re.compile(rf"""\s*\[?["']?{re.escape(key)}["']?\s*[]=]""")
    try:
        lines = file.read_text().splitlines()
    except (OSError, ValueError):
        return 0
    return next((number for number, line in enumerate(lines, 1) if found.match(line)), 0)


def _line_of(error: ValueError, text: str) -> int:
    """As tomllib tells it."""
    found = re.search(r"at line (\d+)", str(error))
    return int(found[1]) if found else len(text.splitlines())
