"""The manual pages, the completion and the units say what the program is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from coroctl.cli.main import COMMANDS
from coroctl.conf.schema import OUR_NODE_KEYS, SECTIONS

PACKAGING = Path(__file__).parents[2] / "packaging"
MANUALS = sorted((PACKAGING / "man").iterdir())


def text_of(manual: str) -> str:
    return (PACKAGING / "man" / manual).read_text().replace("\\-", "-")


@pytest.mark.parametrize("key", sorted({*SECTIONS["corolistener"], *OUR_NODE_KEYS}))
def test_every_key_of_ours_is_described(key: str) -> None:
    assert re.search(rf"^\.BR?\b.*\b{key}\b", text_of("corolistener.conf.5"), re.MULTILINE)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_described(command: str) -> None:
    assert re.search(rf'^\.(B|BI|BR) "?{command}\b', text_of("coroctl.8"), re.MULTILINE)


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_the_pages_are_sound(manual: Path) -> None:
    command = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(manual)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (run.returncode, run.stderr) == (0, "")


def test_what_can_be_completed_is_what_there_is() -> None:
    script = """
        source "$1"
        complete_() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _coroctl "$1"; echo "${COMPREPLY[*]}"; }
        complete_ coroctl ""
        complete_ coroctl conf li
        complete_ coroctl lab up --netw
    """
    words = ["bash", "-c", script, "bash", str(PACKAGING / "completion/coroctl")]
    run = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60, env=environment())
    first, lint, networks = run.stdout.splitlines()
    assert set(COMMANDS) <= set(first.split())
    assert (lint, networks) == ("lint", "--networks")


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
