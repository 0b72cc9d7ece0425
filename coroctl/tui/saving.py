"""A picture of the screen in two files, SVG and text, that never take another file's place. Blocks."""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path


def save(name: str, texts: dict[str, str]) -> list[Path]:
    """Write each text as NAME.ENDING into the first folder that lets us: here, at home, or where temporary files go.

    Returns the paths; raises OSError if it can be written nowhere.
    """
    trouble = OSError("no folder to write to")
    for folder in (Path.cwd, Path.home, lambda: Path(tempfile.gettempdir())):
        try:
            return _into(folder(), name, texts)
        except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
            trouble = error if isinstance(error, OSError) else trouble
    raise trouble


def _into(folder: Path, name: str, texts: dict[str, str]) -> list[Path]:
    for number in count(1):
        stem = name if number == 1 else f"{name}-{number}"
        paths = [folder / f"{stem}.{ending}" for ending in texts]
        if not any(path.exists() or path.is_symlink() for path in paths):
            break
    for path, text in zip(paths, texts.values(), strict=True):
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    return paths
