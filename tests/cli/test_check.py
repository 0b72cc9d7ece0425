"""``coroctl check``: one line that a monitoring system can read, whatever the cluster says of itself."""

from __future__ import annotations

import argparse
import json
import re

import pytest

from coroctl.alarms import alarms
from coroctl.cli import check
from coroctl.cli.status import as_json
from coroctl.model import Availability, NodeStatus, Pause, Snapshot
from tests.alarms.build import NOW, THREE, TWO, WELL, changed, link

PERFDATA = re.compile(r"[a-z_]+=\d+(us|ms|c)?(;[\d:]*){0,4}")


def checked(snapshot: Snapshot) -> tuple[int, str]:
    found = list(alarms(snapshot, NOW))
    code = check.code_of(found)
    return code, check.line(snapshot, found, code)


def test_well() -> None:
    code, line = checked(WELL)
    assert code == check.OK
    text, _, numbers = line.partition(" | ")
    assert text == "COROCTL OK - VMmanager: quorate, can lose 1 more node, master n1"
    assert numbers.split()[:3] == ["nodes_joined=3;;;0;3", "votes=3;;2:;0;3", "can_lose=1;1:;;0"]
    assert "link_latency_max=300us" in numbers
    assert "lease_age=150ms;1000;2000;0" in numbers
    assert numbers.endswith("alarms=0;0;;0")


def test_the_worst_counts() -> None:
    left = changed(THREE, status=NodeStatus.LEFT)
    assert checked(left)[0] == check.WARNING
    assert checked(left._replace(quorate=False))[0] == check.CRITICAL
    assert checked(left._replace(quorate=False))[1].startswith("COROCTL CRITICAL - VMmanager: not quorate: ")


@pytest.mark.parametrize(
    ("availability", "code"),
    [
        (Availability.DOWN, check.CRITICAL),
        (Availability.SILENT, check.CRITICAL),
        (Availability.DENIED, check.UNKNOWN),
        (Availability.UNUSABLE, check.UNKNOWN),
    ],
)
def test_what_cannot_be_asked(availability: Availability, code: int) -> None:
    blind = WELL._replace(availability=availability, reason="why", quorate=None, quorum=None, mastership=None)
    assert checked(blind)[0] == code


def test_numbers_are_perfdata_in_every_state() -> None:
    down = changed(TWO, links=(link(0, TWO)._replace(connected=False, latency_us=None, downs=None),))
    bare = WELL._replace(quorum=None, mastership=None, nodes=())
    for snapshot in (WELL, down, bare, WELL._replace(quorate=False), WELL._replace(pauses=(Pause(NOW, 5),))):
        numbers = checked(snapshot)[1].split(" | ")[1]
        assert all(PERFDATA.fullmatch(word) for word in numbers.split()), numbers


def test_no_name_breaks_the_line() -> None:
    _, line = checked(changed(THREE, name="\x1b[2J|\n", status=NodeStatus.LEFT)._replace(cluster_name="a|b\n"))
    assert line.isprintable()
    assert line.count("|") == 1


def test_what_to_do_is_told_if_asked_for() -> None:
    [detail, *_] = check.details(alarms(changed(THREE, status=NodeStatus.LEFT, heard_ms=None), NOW))
    assert detail.startswith("warning [node] n3 has left the cluster. To do: look at its power")


def test_a_known_state_can_be_ignored(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    left = changed(THREE, status=NodeStatus.LEFT)
    monkeypatch.setattr("coroctl.sources.once.everything", lambda: left)
    parser = argparse.ArgumentParser()
    check.configure(parser)
    assert check.run(parser.parse_args([])) == check.WARNING
    assert check.run(parser.parse_args(["--ignore", "node", "-v"])) == check.OK
    assert "To do" not in capsys.readouterr().out


def test_an_error_is_unknown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> Snapshot:
        raise OSError("no\nmemory")

    monkeypatch.setattr("coroctl.sources.once.everything", fail)
    assert check.run(argparse.Namespace(ignore=[], verbose=False)) == check.UNKNOWN
    assert capsys.readouterr().out == "COROCTL UNKNOWN - no\\nmemory\n"


def test_an_error_while_it_is_judged_is_unknown_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("coroctl.sources.once.everything", lambda: None)
    assert check.run(argparse.Namespace(ignore=[], verbose=False)) == check.UNKNOWN
    assert capsys.readouterr().out.startswith("COROCTL UNKNOWN - ")


def test_status_has_the_same_alarms_as_json() -> None:
    told = json.loads(json.dumps(as_json(changed(THREE, status=NodeStatus.LEFT))))
    assert told["alarms"][0]["kind"] == "node"
    assert told["alarms"][0]["node"] == THREE
    assert told["alarms"][0]["severity"] == "warning"
