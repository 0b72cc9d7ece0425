"""What is shipped: exactly two packages, their type markers, and two commands."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=TOP, check=True, capture_output=True)
    [file] = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def test_wheel_roots(wheel: zipfile.ZipFile) -> None:
    roots = {name.split("/")[0] for name in wheel.namelist()}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"coroctl", "coroctl_widgets"}


def test_wheel_has_every_module(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    sources = {str(path.relative_to(TOP)) for path in (TOP / "coroctl").rglob("*.py")}
    sources |= {str(path.relative_to(TOP / "widgets")) for path in (TOP / "widgets").rglob("*.py")}
    assert sources <= names
    assert {"coroctl/py.typed", "coroctl_widgets/py.typed"} <= names


def test_wheel_has_both_commands(wheel: zipfile.ZipFile) -> None:
    [entry_points] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    text = wheel.read(entry_points).decode()
    assert "coroctl = coroctl.cli.main:main" in text
    assert "corolistener = coroctl.cli.corolistener:main" in text
