"""``coroctl fence test``, run as an operator runs it, with agents that are real programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from coroctl.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="fence_conf is root's")

CONF = """\
totem {{
  version: 2
  cluster_name: c
}}
nodelist {{
  node {{
    ring0_addr: 10.0.0.7
    name: n7
    nodeid: 7
  }}
  node {{
    ring0_addr: 10.0.0.9
    name: n9
    nodeid: 9
  }}
}}
corolistener {{
  fence_conf: {0}/fence.conf
}}
"""


@pytest.fixture
def conf(tmp_path: Path) -> str:
    """n7 is off; the agent of n9 answers nothing that makes sense."""
    for name, code in (("off", 2), ("broken", 3)):
        agent = tmp_path / name
        agent.write_text(f"#!/bin/sh\ngrep -qx action=status && exit {code}; exit 99")
        agent.chmod(0o755)
    fences = tmp_path / "fence.conf"
    fences.write_text(f"[n7]\nagent = {tmp_path}/off\n[9]\nagent = {tmp_path}/broken\n")
    fences.chmod(0o600)
    path = tmp_path / "corosync.conf"
    path.write_text(CONF.format(tmp_path))
    return str(path)


def test_what_an_agent_says_is_told(conf: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fence", "test", "n7", "--conf", conf]) == 0
    assert capsys.readouterr().out.startswith("n7: off (off, 0.")


def test_without_a_node_all_are_asked(conf: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fence", "test", "--conf", conf]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("n7: off")
    assert second.startswith("n9: unknown (broken, ")
    assert second.endswith(": status ended with 3")


def test_who_has_no_agent_is_named(conf: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fence.conf").write_text("")
    assert main(["fence", "test", "9", "--conf", conf]) == 1
    assert "no section for n9" in capsys.readouterr().err
    assert main(["fence", "test", "n8", "--conf", conf]) == 1
    assert "no node is called 'n8'" in capsys.readouterr().err
