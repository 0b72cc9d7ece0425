"""Whatever happens, and whatever a name contains: one line of printable text that can be read back."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroctl.daemon.rendering import MOST_TEXT, Entry, Level, Row, bounded, brief, describe, line, token
from coroctl.decision.actions import Alarm, Event, Log, Step, Warn
from coroctl.decision.values import Ballot, Identity, Reason, Staged, Tenure
from coroctl.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Iterator

TENURE = Tenure(12, NodeId(7), 99, 1234)
IDENTITY = Identity(8, "abcdef1234567890")
MOMENT = 1_795_354_245_123_987
WORD = re.compile(r'((?:[^\s"=]+=)?)("(?:[^"\\]|\\.)*"|\S+)(?: |$)')


def row(name: str = "lease", details: dict[str, str | int | float] | None = None, node: str = "n7") -> Row:
    return Row(1, MOMENT, 5, node, 12, Level.NOTICE, name, details or {})


def words(text: str) -> list[tuple[str, str]]:
    """Keys (empty for the first five words) and values, read as JSON strings where they are quoted."""
    found, at = [], 0
    while at < len(text):
        match = WORD.match(text, at)
        assert match is not None, text[at:]
        key, value = match.groups()
        found.append((key.rstrip("="), json.loads(value) if value.startswith('"') else value))
        at = match.end()
    return found


@pytest.fixture
def berlin() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "CET-1")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (Log(Event.INCARNATION, 12, 3), "notice n7 12 incarnation life=3"),
        (Log(Event.GRANTED, 12, TENURE), "info n7 12 granted tenure=12/7"),
        (Log(Event.CLAIM_FAILED, 12, TENURE), "warning n7 12 claim-failed tenure=12/7"),
        (Log(Event.LEASE, 12, TENURE, 3_140), "notice n7 12 lease tenure=12/7 took_ms=3.1"),
        (Log(Event.LEASE, 12, "serving", 673_000), "notice n7 12 lease state=serving took_ms=673.0"),
        (Log(Event.LEASE_LOST, 12, "not renewed"), 'alert n7 12 lease-lost why="not renewed"'),
        (Log(Event.STEP, 12, Step.ADD_ADDRESS, 1000), 'info n7 12 step step="add address" took_ms=1.0'),
        (Log(Event.STEP_FAILED, 12, Step.CHECK_PORTS), 'warning n7 12 step-failed step="check the ports"'),
        (Log(Event.MASTER, 12), "notice n7 12 master"),
        (Log(Event.SLAVE, 12, Reason.HOLDOFF), 'notice n7 12 slave reason="start hold-off"'),
        (Log(Event.SUSPENDED, 12, Reason.SUSPENDED), 'notice n7 12 suspended reason="suspended by an operator"'),
        (
            Log(Event.SUSPENDED, 12, Reason.NOT_QUORATE),
            'warning n7 12 suspended reason="corosync is not quorate there"',
        ),
        (Log(Event.HAND_OVER, 12, NodeId(9)), "notice n7 12 hand-over to=9"),
        (Log(Event.HAND_OVER, 12, "to nobody in particular"), 'notice n7 12 hand-over to="to nobody in particular"'),
        (Log(Event.CONFIGURATION, 12, IDENTITY), "notice n7 12 configuration configuration=8:abcdef12"),
        (
            Log(Event.STAGED, 12, Staged(Ballot(12, 3, 1), IDENTITY)),
            "info n7 12 staged ballot=12.3.1 configuration=8:abcdef12",
        ),
        (
            Log(Event.STAGED, 12, Staged(Ballot(12, 3, 2), None)),
            "info n7 12 staged ballot=12.3.2 configuration=nothing",
        ),
        (
            Warn(Alarm.STORE, "disk full"),
            'alert n7 12 alarm what=store text="the state cannot be stored" detail="disk full"',
        ),
    ],
)
def test_lines_of_the_core(berlin: None, action: Log | Warn, text: str) -> None:
    entry = describe(action, 12)
    made = Row(1, MOMENT, 5, "n7", entry.term, entry.level, entry.name, entry.details)
    assert line(made) == f"2026-11-22T14:30:45.123+01:00 {text}"


@pytest.mark.parametrize("event", list(Event))
def test_every_event_has_a_level_and_its_name(event: Event) -> None:
    assert describe(Log(event, 5)) == Entry(describe(Log(event, 5)).level, event.value, 5, {})


@pytest.mark.parametrize("alarm", list(Alarm))
def test_every_alarm_is_an_alert_with_its_text(alarm: Alarm) -> None:
    entry = describe(Warn(alarm), 5)
    assert entry.level is Level.ALERT
    assert entry.details["text"] == alarm.value
    assert token(str(entry.details["what"])) == entry.details["what"]


nasty = st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs"]) | st.sampled_from('"\\= m['))


@given(nasty, nasty, st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), nasty, max_size=4))
def test_any_line_is_one_printable_line_and_reads_back(node: str, name: str, details: dict[str, str]) -> None:
    node, details = bounded(node), {key: bounded(value) for key, value in details.items()}
    made = line(row(bounded(name), {**details}, node))
    assert made.isprintable()
    assert made.splitlines() == [made]
    read = words(made)
    assert read[1:5] == [("", "notice"), ("", node), ("", "12"), ("", bounded(name))]
    assert read[5:] == list(details.items())


def test_a_terminal_finds_nothing_to_act_on() -> None:
    assert brief(row("x", {"name": "\x1b[31mred\x1b[0m\nfake line", "bidi": "\u202eabc", "wide": "\U000e0001"})) == (
        r'n7 12 x name="\u001b[31mred\u001b[0m\nfake line" bidi="\u202eabc" wide="\udb40\udc01"'
    )
    assert token("grün") == "grün"
    assert token("") == '""'


def test_actor_and_origin_stand_at_the_end() -> None:
    asked = row("priority", {"node": "n9"})._replace(actor="root", origin="ssh from 10.0.0.1")
    assert brief(asked) == 'n7 12 priority node=n9 actor=root origin="ssh from 10.0.0.1"'


def test_long_and_undecodable_texts_are_bounded() -> None:
    assert bounded("x" * 1000) == "x" * (MOST_TEXT - 1) + "…"
    assert bounded("a\udcff") == r"a\udcff"
    bounded("a\udcff").encode("utf-8")


@pytest.mark.parametrize("moment", [0, -1, 1_795_350_645_000_000 - 10 * 365 * 86400 * 10**6, 253_402_300_799_999_999])
def test_the_wall_clock_may_stand_anywhere(moment: int) -> None:
    stamp = line(row()._replace(time_us=moment)).split()[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", stamp)
