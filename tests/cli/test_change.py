"""priority, promote, suspend and resume as an operator types them: on real cores, with real questions at a real pty."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from coroctl import actions
from coroctl.actions import ACTIONS, IN_CONSOLE, ActionError, Ask, command_line, find_node
from coroctl.cli import change, main
from coroctl.client import Client
from coroctl.model import Availability, Node, NodeId, NodeStatus, Snapshot, Source
from tests.cli.shell import Shell
from tests.daemon.simulated import master, simulated, told_events

if TYPE_CHECKING:
    from pathlib import Path

    from coroctl.actions import Action

DEADLINE_S = 60.0

pytestmark = pytest.mark.timeout(120)


async def test_yes_answers_everything(tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None) -> None:
    async with simulated(tmp_path) as cluster:
        assert await Shell(cluster, 3, monkeypatch).type("priority", "node2", "200", "--yes") == 0
        assert master(cluster) == 2
    out = capsys.readouterr().out
    assert "10.0.0.100/32 moves from node1 to node2" in out
    assert "The same as: coroctl priority node2 200 --yes" in out
    assert "s  node2 is master\nok, after" in out
    assert [line.split()[0] for line in out.splitlines()[-3:]] == ["node1", "node2", "node3"]


async def test_a_dry_run_changes_nothing(tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None) -> None:
    async with simulated(tmp_path) as cluster:
        assert await Shell(cluster, 1, monkeypatch).type("promote", "node3", "--dry-run") == 0
        assert cluster.machines[NodeId(1)].loaded.version == 1
        assert told_events(cluster.served[NodeId(1)], "asked") == []
    assert "What will happen" in capsys.readouterr().out


async def test_without_a_terminal_nothing_is_done(tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None) -> None:
    async with simulated(tmp_path) as cluster:
        assert await Shell(cluster, 1, monkeypatch).type("resume", "node3") == 0
        said = capsys.readouterr().out
        assert "nothing to do: node3 is not suspended" in said
        assert "happen" not in said
        assert await Shell(cluster, 1, monkeypatch).type("suspend", "node3") == 4
    assert "standard input is no terminal: look with --dry-run, then give --yes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "typed", "code"),
    [
        (("suspend", "node3"), "node3\n", 0),
        (("suspend", "node3"), "3\n", 0),
        (("suspend", "node3"), "y\n", 4),
        (("suspend", "node3"), "\n", 4),
        (("promote", "2"), "node2\n", 0),
        (("priority", "node3", "11"), "y\n", 0),
        (("priority", "node3", "11"), "\n", 4),
        (("priority", "node3", "200"), "y\n", 4),
        (("priority", "node3", "200"), "node3\n", 0),
        (("suspend", "node3"), "\x04", 4),
    ],
)
async def test_questions(
    tmp_path: Path, monkeypatch: Any, keyboard: int, words: tuple[str, ...], typed: str, code: int
) -> None:
    async with simulated(tmp_path) as cluster:
        os.write(keyboard, typed.encode())
        assert await Shell(cluster, 1, monkeypatch).type(*words) == code
        assert (cluster.machines[NodeId(1)].loaded.version > 1) is (code == 0)


async def test_a_check_that_fails(tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None) -> None:
    async with simulated(tmp_path) as cluster:
        shell = Shell(cluster, 1, monkeypatch)
        assert await shell.type("suspend", "node2", "--yes") == 0
        assert await shell.type("promote", "node2", "--yes") == 4
        failed = capsys.readouterr()
        assert "FAIL  eligible" in failed.out
        assert "(--force eligible goes on all the same)" in failed.out
        assert failed.err.startswith("coroctl: refused: eligible: node2: suspended by an operator")
        assert await shell.type("promote", "node2", "--yes", "--force", "eligible") == 0
        assert "forced  eligible" in capsys.readouterr().out
        assert await shell.type("promote", "node2", "--force", "quorate") == 1
        assert await shell.type("promote", "node2", "--force", "luck") == 1
        wrong = capsys.readouterr().err
        assert "--force quorate: a safety check cannot be forced" in wrong
        assert "--force luck: no such check" in wrong


async def test_json(tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None) -> None:
    async with simulated(tmp_path) as cluster:
        shell = Shell(cluster, 1, monkeypatch)
        assert await shell.type("promote", "node2", "--yes", "--json") == 0
        made = json.loads(capsys.readouterr().out)
        assert await shell.type("promote", "node3", "--dry-run", "--json") == 0
        looked = json.loads(capsys.readouterr().out)
    assert (made["schema"], made["outcome"]["verdict"], made["preflight"]["gains"]) == (1, "ok", 2)
    assert [one["role"] for one in made["outcome"]["nodes"]] == ["slave", "master", "slave"]
    assert looked["outcome"] is None
    assert {"name": "quorate", "verdict": "pass", "reason": "3 votes, 2 needed", "safety": True} in looked["preflight"][
        "checks"
    ]


async def test_an_unknown_node(tmp_path: Path, monkeypatch: Any, capsys: Any, nobody: None) -> None:
    async with simulated(tmp_path) as cluster:
        assert await Shell(cluster, 1, monkeypatch).type("promote", "node9", "--yes") == 1
    assert capsys.readouterr().err == "coroctl: no node is called 'node9'; there are node1, node2, node3\n"


def test_without_a_daemon(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(change, "Client", lambda: Client(str(tmp_path)))
    assert main.main(["promote", "node1", "--yes"]) == 1
    assert "no corolistener runs on this node" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("priority", "node1"), ("priority", "node1", "-1"), ("priority", "node1", "1e3")])
def test_a_call_that_makes_no_sense(words: tuple[str, ...], capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(list(words))
    assert ended.value.code == 1


# The registry


def test_every_action_is_a_command_with_the_same_words() -> None:
    assert {one.name: one.help for one in ACTIONS if " " not in one.name}.items() <= main.COMMANDS.items()
    assert len({one.key for one in IN_CONSOLE}) == len(IN_CONSOLE)


@pytest.mark.parametrize("action", [one for one in ACTIONS if " " in one.name], ids=lambda one: one.name)
def test_so_is_every_action_on_the_file(action: Action, capsys: pytest.CaptureFixture[str]) -> None:
    command, verb = action.name.split()
    for words in ([command, "--help"], [command, verb, "--help"]):
        with pytest.raises(SystemExit):
            main.main(words)
    whole, options = " ".join(capsys.readouterr().out.split()).split(f"usage: coroctl {command} {verb}")
    assert f"{verb} {action.help}" in whole
    assert action.risk.value in options
    assert all(option in options for option in ("--yes", "--force", "--dry-run", "--json"))


def snapshot(*names: tuple[int, str]) -> Snapshot:
    nodes = tuple(Node(NodeId(nodeid), name, "", NodeStatus.JOINED) for nodeid, name in names)
    return Snapshot(Source.DAEMON, Availability.ANSWERED, "c", nodes, quorate=True)


def test_a_node_is_found_by_its_name_else_its_id() -> None:
    nodes = snapshot((1, "a"), (2, "b"), (3, ""))
    assert [find_node(nodes, word) for word in ("a", "2", "3")] == [1, 2, 3]
    with pytest.raises(ActionError, match="more than one node is named a: say which id"):
        find_node(snapshot((1, "a"), (2, "a")), "a")
    with pytest.raises(ActionError, match="2 is the name of node 1 and the id of another one"):
        find_node(snapshot((1, "2"), (2, "b")), "2")
    with pytest.raises(ActionError, match="no node is called"):
        find_node(nodes, "x")


def test_the_same_on_the_command_line() -> None:
    ask = Ask(actions.PRIORITY, NodeId(3), 7, frozenset({"quorum", "failback"}))
    assert command_line(ask, "my node") == "coroctl priority 'my node' 7 --force failback --force quorum"
    assert command_line(ask._replace(value=None), "node 3") == "coroctl priority 3 --force failback --force quorum"
