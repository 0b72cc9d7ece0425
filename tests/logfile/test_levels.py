"""How much a line matters."""

from __future__ import annotations

import time

import pytest

from coroctl.daemon.rendering import Level, Row, line
from coroctl_widgets.logfile.levels import Weight, weigh

WORDS = {"why": "Failed to start m.service: timeout, error 5"}
WEIGHTS = {
    Level.INFO: Weight.NORMAL,
    Level.NOTICE: Weight.NORMAL,
    Level.WARNING: Weight.WARN,
    Level.ALERT: Weight.BAD,
}


@pytest.mark.parametrize("label", ["", "node2  | "])
@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns"])
@pytest.mark.parametrize("level", Level)
def test_a_line_of_corolistener_states_its_level(
    level: Level, zone: str, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        told = line(Row(1, 1_700_000_000_123_456, 1, "n1", 4, level, "manager", dict(WORDS)))
        assert weigh(label + told) is WEIGHTS[level]
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("Nov 22 11:51:18 node3 corosync error   [TOTEM ] no route", Weight.BAD),
        ("Nov 22 11:51:18 node3 systemd: m.service Failed", Weight.BAD),
        ("Nov 22 11:51:18 node3 corosync warning [KNET  ] link down", Weight.WARN),
        ("Nov 22 11:51:18 node3 corosync notice  [TOTEM ] Retransmit List: 1", Weight.WARN),
        ("2026-01-31T03:12:44+01:00 vmmgr it failed", Weight.BAD),
        ("2026-01-31T03:12:44Z alert", Weight.BAD),
        ("all is well", Weight.NORMAL),
    ],
)
def test_of_any_other_line_the_words_tell(text: str, weight: Weight) -> None:
    assert weigh(text) is weight
