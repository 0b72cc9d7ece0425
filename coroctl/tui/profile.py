"""What a user wants the console to be like, and what follows from the terminal it runs on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIGHT = {"7", "15"}
"""Background colours of light terminals, in COLORFGBG."""


class Profile(NamedTuple):
    """A user's wishes, already judged."""

    name: str = ""
    """In every title bar, so that production looks unlike test."""
    colour: str = ""
    """Of that name."""
    bell: bool = False
    theme: str = "auto"
    """auto, dark, light."""
    keys: Mapping[str, str] = {}
    """Id of a binding -> its keys, separated by commas."""
    problems: tuple[str, ...] = ()
    """What is wrong in the file that it comes from."""


def theme(profile: Profile) -> str:
    """Textual's name of the theme: both have only the terminal's own colours, which every terminal has."""
    wanted = profile.theme
    if wanted == "auto":
        background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
        wanted = "light" if background in _LIGHT else "dark"
    return f"ansi-{wanted}"
