"""The machines screen: what it shows of each, what can be done by keys alone, what it says where nobody can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.actions import CONFIRM_DEAD, MACHINE_FORGET, MACHINE_MOVE, Ask
from coroctl.alarms import alarms
from coroctl.alarms.memory import Memory
from coroctl.client import NoDaemon
from coroctl.model import Machinery, NodeId, Wait
from coroctl.sources.logs import LogFollower
from coroctl.tui import guests
from coroctl.tui.app import Console
from coroctl.tui.screens.machines import MachinesScreen
from coroctl.tui.screens.node import NodeScreen
from coroctl.tui.screens.overview import Overview
from coroctl.tui.view import View
from coroctl_widgets import LiveTable, Notes
from tests.alarms.build import NOW, TWO, WELL
from tests.tui.feeds import ByHand
from tests.tui.fleets import FLEET, MACHINERY
from tests.tui.test_actions import OUTLOOK, Told, ends, until

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

    from coroctl.sources.fleet import Fleet

OF_A_MACHINE = OUTLOOK._replace(name="db", loses=None, gains=None)
"""Something is interrupted, so that the name is to be typed."""


class Stand:
    """A console whose machines the test decides."""

    def __init__(self, fleet: Fleet | None = FLEET, *, acts: bool = True) -> None:
        self.feed = ByHand()
        self.operator = Told(OF_A_MACHINE)
        self.fleet = fleet
        self.console = Console(
            self.feed, LogFollower("corosync.log"), operator=self.operator if acts else None, fleet=self._look
        )

    def _look(self) -> Fleet:
        if self.fleet is None:
            raise NoDaemon
        return self.fleet

    async def open(self, pilot: Pilot[None]) -> LiveTable:
        while self.feed.publish is None:
            await pilot.pause()
        self.feed.say(WELL._replace(machinery=MACHINERY))
        await pilot.pause()
        await pilot.press("v")
        await until(pilot, lambda: isinstance(pilot.app.screen, MachinesScreen))
        return pilot.app.screen.query_one("#machines", LiveTable)


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_is_said_of_each() -> None:
    told = {row.key: [cell.text for cell in row.cells] for row in guests.rows(FLEET, WELL)}
    states = {name: cells[2] for name, cells in told.items()}
    assert states == {
        "db": "● running",
        "mail": "‖ paused",
        "old": "- off",
        "queue": "! waits",
        "web": "● running",
        "web2": "… starts",
        "wiki": "! waits",
    }
    assert told["web"][1] == "n1 > n2"
    assert told["db"][-1].endswith("to n2: recovered")
    assert told["queue"][-1].endswith("from n3: fenced by its agent in 3.1 s")
    assert told["wiki"][-1] == "failed on n1, n2"


def test_the_head_says_what_recovery_waits_for_and_who_failed() -> None:
    wait = Wait(TWO, "its watchdog, until that must have fired", NOW + 12, "")
    snapshot = WELL._replace(machinery=Machinery(7, (wait,), MACHINERY.failures, ()))
    view = View(snapshot, 0.0, alarms(snapshot, NOW), Memory())
    texts = [note.text for note in guests.notes(view, FLEET, "", 120)]
    assert texts[0].endswith(
        "n2 is lost, and its machines wait for its watchdog, until that must have fired, 12 s more"
    )
    assert any("n3 failed" in text and text.endswith("fenced by its agent in 3.1 s; machines: 2") for text in texts)
    assert texts[-1] == "2 running, 2 waiting, 1 paused, 1 off, 1 starting"
    old = guests.notes(view, FLEET._replace(known=False), "", 120)
    assert "not as new as what the master knows" in [note.text for note in old]


async def test_a_machine_is_moved_by_keys_alone() -> None:
    stand = Stand()
    async with stand.console.run_test(size=(120, 40)) as pilot:
        table = await stand.open(pilot)
        await until(pilot, lambda: table.cursor_key == "db")
        await pilot.press("M")
        await ends(pilot, "n1, n3")
        await pilot.press(*"n2", "enter")
        await ends(pilot, "no other node is called 'n2'")
        await pilot.press("backspace", "3", "enter")
        await ends(pilot, "What will happen")
        await pilot.press(*"n3", "enter")
        await pilot.pause()
        assert stand.operator.asked == []
        await pilot.press("backspace", "backspace", *"db", "enter")
        await ends(pilot, "ok, after 1.47 s")
    assert stand.operator.asked == [Ask(MACHINE_MOVE, NodeId(3), machine="db", words=("db", "n3"))]


async def test_one_is_forgotten_and_it_is_the_one_under_the_cursor() -> None:
    stand = Stand()
    async with stand.console.run_test(size=(80, 24)) as pilot:
        table = await stand.open(pilot)
        await until(pilot, lambda: table.cursor_key == "db")
        await pilot.press("j", "F")
        await ends(pilot, "What will happen")
    assert stand.operator.looked == [Ask(MACHINE_FORGET, NodeId(0), machine="mail")]


async def test_enter_opens_the_node_that_has_it() -> None:
    stand = Stand()
    async with stand.console.run_test(size=(80, 24)) as pilot:
        table = await stand.open(pilot)
        await until(pilot, lambda: table.cursor_key == "db")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, NodeScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, MachinesScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, Overview))


async def test_read_only_it_has_no_actions() -> None:
    stand = Stand(acts=False)
    async with stand.console.run_test(size=(80, 24)) as pilot:
        table = await stand.open(pilot)
        await until(pilot, lambda: table.cursor_key == "db")
        await pilot.press("M", "F", "m")
        await pilot.pause()
        assert isinstance(pilot.app.screen, MachinesScreen)
    assert stand.operator.looked == []


async def test_without_a_daemon_it_says_so() -> None:
    stand = Stand(None)
    async with stand.console.run_test(size=(80, 24)) as pilot:
        await stand.open(pilot)
        notes = pilot.app.screen.query_one("#told", Notes)
        await until(pilot, lambda: any("no corolistener runs on this node" in note.text for note in notes.value))


async def test_confirm_dead_is_typed() -> None:
    stand = Stand()
    stand.operator.outlook = OUTLOOK._replace(loses=None, gains=None, interrupts=False)
    async with stand.console.run_test(size=(120, 40)) as pilot:
        await stand.open(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, Overview))
        await pilot.press("j", "D")
        await ends(pilot, "What will happen")
        await pilot.press("n", "enter")
        await pilot.pause()
        assert stand.operator.asked == []
        await pilot.press(*"ode2", "enter")
        await ends(pilot, "ok, after 1.47 s")
    assert stand.operator.asked == [Ask(CONFIRM_DEAD, NodeId(2))]
