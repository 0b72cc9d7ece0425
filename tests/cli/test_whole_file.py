"""node add, node remove, conf restore and conf adopt as an operator types them: on real cores, and guarded."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from coroctl.cli import former
from coroctl.daemon.history import Entry, HistoryError
from coroctl.model import NodeId
from tests.cli.shell import Shell
from tests.daemon.simulated import Nodes, master, simulated

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)

ADD = ("node", "add", "node4", "10.0.0.4,10.1.0.4", "--prio", "5")


class Remembered:
    """The history of a node of the simulator: its files are values."""

    def __init__(self, cluster: Nodes, at: int) -> None:
        self._history = cluster.machines[NodeId(at)].history

    def entries(self) -> tuple[Entry, ...]:
        return tuple(Entry(number, 0.0, one, "anna") for number, one in enumerate(self._history, 1))

    def read(self, number: int) -> bytes:
        if number > len(self._history):
            raise HistoryError(f"there is no file {number} in the history")
        return b""


async def test_a_node_is_added_and_what_comes_next_is_said(
    tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None
) -> None:
    async with simulated(tmp_path) as cluster:
        shell = Shell(cluster, 2, monkeypatch)
        assert await shell.type(*ADD, "--dry-run") == 0
        looked = capsys.readouterr().out
        assert "node4 (10.0.0.4, 10.1.0.4) becomes node 4, with priority 5 and one vote" in looked
        assert "The same as: coroctl node add node4 10.0.0.4,10.1.0.4 --prio 5 --yes" in looked
        assert "ssh" not in looked
        assert cluster.machines[NodeId(1)].loaded.version == 1
        assert await shell.type(*ADD) == 4
        assert "standard input is no terminal" in capsys.readouterr().err
        assert await shell.type(*ADD, "--yes") == 0
        assert "ssh root@10.0.0.4 systemctl enable --now corosync corolistener" in capsys.readouterr().out
        assert await shell.type(*ADD, "--nodeid", "4", "--yes") == 4
        assert "node 4 is in the node list" in capsys.readouterr().err


async def test_the_master_is_removed_by_force_and_by_its_name(
    tmp_path: Path, monkeypatch: Any, capsys: Any, keyboard: int
) -> None:
    async with simulated(tmp_path, prios=(100, 40, 10, 5)) as cluster:
        shell = Shell(cluster, 2, monkeypatch)
        assert await shell.type("node", "remove", "node1", "--dry-run") == 4
        assert "(--force master goes on all the same)" in capsys.readouterr().out
        os.write(keyboard, b"node1\n")
        assert await shell.type("node", "remove", "node1", "--force", "master") == 0
        assert master(cluster) == 2
        said = capsys.readouterr().out
        assert "Remove: type the node's name, node1, to go on: " in said
        assert "systemctl disable --now corolistener corosync" in said


async def test_a_former_file_is_restored(tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None) -> None:
    async with simulated(tmp_path) as cluster:
        shell = Shell(cluster, 3, monkeypatch)
        monkeypatch.setattr(former, "_history", lambda: Remembered(cluster, 3))
        assert await shell.type("priority", "node2", "200", "--yes") == 0
        assert await shell.type("conf", "restore", "9", "--yes") == 1
        capsys.readouterr()
        assert await shell.type("conf", "restore", "1", "--dry-run") == 0
        looked = capsys.readouterr().out
        assert "Preflight: restore version 1\n" in looked
        assert "What differs in corosync.conf:" in looked
        assert "10.0.0.100/32 moves from node2 to node1" in looked
        assert await shell.type("conf", "restore", "1", "--yes", "--json") == 0
        assert json.loads(capsys.readouterr().out)["outcome"]["verdict"] == "ok"
        assert master(cluster) == 1
        assert await shell.type("conf", "restore", "3", "--yes") == 4
        assert "refused: file: " in capsys.readouterr().err


async def test_a_restore_that_moves_the_role_asks_for_the_version(
    tmp_path: Path, monkeypatch: Any, keyboard: int
) -> None:
    async with simulated(tmp_path) as cluster:
        shell = Shell(cluster, 3, monkeypatch)
        monkeypatch.setattr(former, "_history", lambda: Remembered(cluster, 3))
        assert await shell.type("priority", "node2", "200", "--yes") == 0
        os.write(keyboard, b"y\n1\n")
        assert await shell.type("conf", "restore", "1") == 4
        assert await shell.type("conf", "restore", "1") == 0
        assert master(cluster) == 1


async def test_the_clusters_file_is_adopted(tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None) -> None:
    async with simulated(tmp_path) as cluster:
        shell = Shell(cluster, 3, monkeypatch)
        settings = cluster.files[cluster.machines[NodeId(3)].loaded].settings
        cluster.load_by_hand(NodeId(3), settings._replace(identity=settings.identity._replace(version=5)), "hand")
        assert await shell.type("conf", "adopt", "--from", "node9") == 1
        assert await shell.type("conf", "adopt", "--from", "node1", "--dry-run") == 0
        assert "The same as: coroctl conf adopt --from node1 --yes" in capsys.readouterr().out
        assert await shell.type("conf", "adopt", "--yes") == 0
        assert cluster.machines[NodeId(3)].loaded == settings.identity
        assert await shell.type("conf", "adopt") == 0
        assert "nothing to do: node3 has that file already" in capsys.readouterr().out
