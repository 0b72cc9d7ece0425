"""The two commands that a newcomer types, and the list that explains the others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
TARGETS = ("venv", "demo", "test", "check", "bench", "soak", "screenshots")


def make(*words: str) -> str:
    """make's stdout, without the variables of the make that runs us."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    run = subprocess.run(["make", *words], cwd=TOP, check=True, capture_output=True, text=True, env=environment)
    return run.stdout


def test_make_alone_lists_the_targets() -> None:
    listed = [line.split()[1] for line in make().splitlines()]
    assert set(TARGETS) <= set(listed)


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_install_what_they_need(target: str) -> None:
    assert "scripts/debian-packages lab" in make("--dry-run", "--always-make", target)


def test_ci_runs_what_the_readme_says() -> None:
    assert (TOP / ".ci/run").read_text().splitlines()[-1] == "make test"
    assert "make test" in (TOP / "README.md").read_text()


def test_packages_are_refused_by_an_unknown_group() -> None:
    run = subprocess.run(
        [TOP / "scripts/debian-packages", "nonsense"], capture_output=True, text=True, check=False, timeout=10
    )
    assert run.returncode == 2
    assert "no group named 'nonsense'" in run.stderr
