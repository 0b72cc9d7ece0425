"""Alarms on a real cluster: a cut in one direction is named, and `check` ends as a monitoring system expects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from coroctl.lab.lab import Wanted
from coroctl.lab.run import until

if TYPE_CHECKING:
    from coroctl.lab.fixtures import MakeLab
    from coroctl.lab.handle import Lab

pytestmark = pytest.mark.lab


def kinds(lab: Lab, name: str) -> set[str]:
    told = json.loads(lab.ask(name, "coroctl", "status", "--json").stdout)
    return {alarm["kind"] for alarm in told["alarms"]}


def test_a_one_way_cut_is_named_by_who_sees_both_ends(make_lab: MakeLab) -> None:
    lab = make_lab(Wanted(listener=True))
    until(lambda: kinds(lab, "node1") == set(), 60, "a cluster that is well", every_s=0.5)
    well = lab.ask("node1", "coroctl", "check")
    assert (well.returncode, well.stdout[:13]) == (0, "COROCTL OK - ")

    lab.part(["node2"], ["node3"], outward=False)
    until(lambda: "cut" in kinds(lab, "node1"), 60, "the cut to be told", every_s=0.5)
    cut = lab.ask("node1", "coroctl", "check", "-v")
    assert "ONE WAY: node2 does not hear node3, which hears node2" in cut.stdout
    assert cut.returncode in {1, 2}

    lab.heal()
    until(lambda: kinds(lab, "node1") == set(), 90, "a cluster that is well again", every_s=0.5)
