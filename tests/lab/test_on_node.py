"""Runs ``tests/on_node/`` on a lab node: corosync answers only on the machine that it runs on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from coroctl.lab.handle import Lab

TOP = Path(__file__).parents[2]
FILES = sorted(file for file in (TOP / "tests/on_node").rglob("test_*.py") if file.parent.name != "machines")

pytestmark = pytest.mark.lab


@pytest.mark.timeout(600)
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TOP / "tests/on_node")))
def test_on_node(three_nodes: Lab, file: Path) -> None:
    environment = ("COROCTL_ON_NODE=1", f"PYTHONPATH={TOP}", "PYTHONDONTWRITEBYTECODE=1")
    pytest_ = (
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"--rootdir={TOP}",
        "-c",
        f"{TOP}/pyproject.toml",
    )
    answer = three_nodes.ask("node1", "env", *environment, *pytest_, str(file), timeout_s=590)
    print(answer.stdout)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_there_are_such_files() -> None:
    assert {"conf", "corosync"} <= {file.parent.name for file in FILES}
