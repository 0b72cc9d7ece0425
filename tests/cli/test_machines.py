"""``coroctl machines`` and ``coroctl inventory``: what the daemon tells, as text and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from coroctl.cli import inventory
from coroctl.cli.main import main
from coroctl.daemon.inventory.database import Database
from coroctl.daemon.inventory.keeper import REPLICA
from coroctl.decision.core import Start, boot
from coroctl.decision.estate import core
from coroctl.decision.estate.facts import Leader, facts_of
from coroctl.decision.estate.inventory import Inventory, Move
from coroctl.decision.estate.picture import picture
from coroctl.decision.estate.values import Machine, Position, Seen, Stock, Wait, WaitsFor
from coroctl.decision.values import Record
from coroctl.model import NodeId
from tests.decision.build import ME, SETTINGS, THREE, TWO

if TYPE_CHECKING:
    from pathlib import Path

AT = Position(4, 7)
A = Machine("a", "u1", "<domain>a</domain>", TWO, seen=Seen.RUNNING, seen_on=TWO, memory_mib=512, priority=5)
B = Machine("b", "u2", "<domain>b</domain>", NodeId(0), seen=Seen.FAILED, seen_on=THREE, tried=(TWO, THREE))
KNOWN = Inventory(
    AT, {"a": A, "b": B}, (Move(AT, "b", THREE, NodeId(0), "its start failed", 1_700_000_000),), 1_700_000_000
)


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that knows two machines."""
    members = tuple(one._replace(replica=True) for one in SETTINGS.members)
    settings = SETTINGS._replace(members=members)
    lease, _ = boot(Start(ME, 1, settings, 1000, 5, Record(), None))
    found = picture(core.boot(core.Start(ME, KNOWN)), facts_of(lease, 2000))
    monkeypatch.setattr("coroctl.client.Client.machines", lambda _: found)


def test_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["machines"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "NODE", "STATE", "WANTED", "PRIO", "MEMORY", "LAST", "MOVE"]
    assert lines[1].split() == ["a", "2", "running", "running", "5", "512", "MiB", "-"]
    assert "failed on 3, failed on 2 3" in lines[2]
    assert lines[2].endswith("from 3: its start failed")


def test_what_recovery_waits_for_comes_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the master tells it, here the one that is asked."""
    lease, _ = boot(Start(ME, 1, SETTINGS, 1000, 5, Record(), None))
    facts = facts_of(lease, 2000)._replace(leader=Leader(4, ME))
    waits = (Wait(TWO, WaitsFor.WATCHDOG, 1_000_020), Wait(THREE, WaitsFor.RETRY, 0, "no route"))
    estate = core.boot(core.Start(ME, KNOWN))._replace(stock=Stock(waits=waits))
    monkeypatch.setattr("coroctl.client.Client.machines", lambda _: picture(estate, facts))
    monkeypatch.setattr("coroctl.cli.machines.time.time", lambda: 1_000_005.0)
    assert main(["machines"]) == 0
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first == "node 2 is lost, and its machines wait for its watchdog, until that must have fired, 15 s from now"
    assert second == "node 3 is lost, and its machines wait for the next call of its fence agent (no route)"


def test_json_has_no_definitions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["machines", "--json"]) == 0
    out = capsys.readouterr().out
    assert [one["name"] for one in json.loads(out)["machines"]] == ["a", "b"]
    assert "domain" not in out


def test_the_replicas(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inventory", "status"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("inventory at 4.7, changed ")
    assert "not caught up with the master yet" in out
    assert "not heard" in out
    assert main(["inventory", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["inventory"]["position"] == "4.7"


def test_export_is_the_whole_replica(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(inventory, "STATE", tmp_path)
    assert main(["inventory", "export"]) == 1
    assert "no replica" in capsys.readouterr().err
    Database(tmp_path / REPLICA).replace(KNOWN)
    assert main(["inventory", "export"]) == 0
    head, *rest = map(json.loads, capsys.readouterr().out.splitlines())
    assert head["machines"] == 2
    assert rest[0]["xml"] == A.xml


def test_no_machines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("coroctl.client.Client.machines", lambda _: {"machines": [], "recovery": []})
    assert main(["machines"]) == 0
    assert "no machines are managed" in capsys.readouterr().out
