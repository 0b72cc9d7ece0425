"""What each way into the program costs and may know, beyond what the import contracts can say."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"textual", "rich", "asyncio", "argparse", "dataclasses", "subprocess", "psutil", "json", "logging", "pathlib"}
PROBE = """
import sys
from coroctl.cli.main import main
main({words})
print("MODULES", *sys.modules)
"""


def modules_after(*words: str) -> set[str]:
    """The modules that are loaded once a command has run; without a corosync it reads the file."""
    probe = PROBE.format(words=list(words))
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=30)
    [line] = [line for line in run.stdout.splitlines() if line.startswith("MODULES ")]
    return set(line.split()[1:])


def test_the_list_imports_nothing_heavy() -> None:
    loaded = modules_after("-l")
    assert loaded & HEAVY == set()
    assert "coroctl.sources.native" in loaded


def test_one_command_does_not_load_another() -> None:
    loaded = modules_after("conf", "diff", "/dev/null", "/dev/null")
    assert not {name for name in loaded if name.startswith(("coroctl.lab", "coroctl.corosync", "textual"))}
