"""The user's own configuration file, ``~/.config/coroctl/config.toml``: what they want always."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from coroctl.errors import ConfigError


class Preferences(NamedTuple):
    """What it says, defaults filled in."""

    read_only: bool = False
    """The console offers no actions."""


def path() -> Path:
    """Where the file is, whether there is one or not."""
    base = os.environ.get("XDG_CONFIG_HOME") or ""
    return (Path(base) if base.startswith("/") else Path("~/.config").expanduser()) / "coroctl/config.toml"


def load(file: Path) -> Preferences:
    """The file's; the defaults if there is none. ConfigError if it cannot be read, or says what is not known."""
    import tomllib

    try:
        said = tomllib.loads(file.read_text())
    except FileNotFoundError:
        return Preferences()
    except OSError as error:
        raise ConfigError(str(file), 0, error.strerror or str(error)) from None
    except ValueError as error:
        raise ConfigError(str(file), 0, f"not TOML: {error}") from None
    for key, value in said.items():
        if key not in Preferences._fields:
            raise ConfigError(str(file), 0, f"unknown key {key}; known are {', '.join(Preferences._fields)}")
        if not isinstance(value, bool):
            raise ConfigError(str(file), 0, f"{key} must be true or false")
    return Preferences(**said)
