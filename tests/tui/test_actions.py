"""Actions in the console: pictures of each dialog, keys alone, and what read-only leaves out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

import pytest
from textual.events import Key
from textual.widgets import Input, OptionList

from coroctl.actions import ACTIONS, IN_CONSOLE, MACHINE_MOVE, SUSPEND, Ask, Check, Effect, Outlook, Seen, Verdict
from coroctl.client import Denied
from coroctl.conduct import Report, Step
from coroctl.model import NodeId
from coroctl.sight import NodeReport
from coroctl.sources.logs import LogFollower
from coroctl.tui.app import Console
from coroctl.tui.screens.action import ActionScreen
from coroctl.tui.screens.menu import MenuScreen
from coroctl.tui.screens.node import NodeScreen
from coroctl.tui.screens.overview import Overview
from coroctl.tui.sheets import HOPELESS, outlook_sheet, report_sheet, running_sheet
from coroctl_widgets import LiveTable, SheetDialog, Tone
from tests.tui.feeds import ByHand, recorded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from textual.pilot import Pilot

WELL = recorded()[0]
SIZES = [(120, 40), (80, 24)]
PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL
CHECKS = (
    Check("quorate", PASS, "3 votes, 2 needed", safety=True),
    Check("holder", PASS, "node1 holds the lease and carries it out", safety=True),
    Check("current", PASS, "version 7 is loaded here and on a majority", safety=True),
    Check("joined", PASS, "node2 is a member", safety=False),
    Check("manager", WARN, "vmmgr.service on node2: not known from here (no answer within 2 s)", safety=False),
    Check("quorum", PASS, "3 votes are here, 2 are needed: 1 more node may fail", safety=False),
)
EFFECTS = (
    Effect("configuration", "priority of node2: 40 -> 101; version 8 on every node"),
    Effect("address", "10.0.0.100/32 moves from node1 to node2 after 1 s, silent for less than 0.1 s"),
    Effect("manager", "vmmgr.service stops on node1 (at most 30 s), then starts on node2 (at most 30 s)"),
    Effect("machines", "no machines are managed"),
    Effect("quorum", "3 votes are here, 2 are needed: 1 more node may fail"),
)
OUTLOOK = Outlook("node2", Seen(3, 7, "ab"), CHECKS, EFFECTS, "", NodeId(1), NodeId(2), 1.0, True, False)
QUIET = OUTLOOK._replace(loses=None, gains=None, interrupts=False)
LAST = Check("successor", FAIL, "node2 is the last node that may be master: nobody would serve", safety=False)
BUSY = Check("idle", FAIL, "another change is under way (suspend node3)", safety=True)
STEPS = (
    Step(0.01, "asked"),
    Step(0.28, "version 8 is loaded by node1, node2, node3"),
    Step(1.22, "node1 has given the role up"),
    Step(1.47, "node2 is master"),
)
REPORT = Report(
    "ok",
    "",
    "",
    tuple(NodeReport(NodeId(n), f"node{n}", "8:f7d2b241", True, "master" if n == 2 else "slave") for n in (1, 2, 3)),
    1.47,
)


class Told:
    """An operator whose preflights and reports the test decides."""

    def __init__(self, outlook: Outlook = OUTLOOK, report: Report = REPORT) -> None:
        self.outlook = outlook
        self.report = report
        self.looked: list[Ask] = []
        self.asked: list[Ask] = []
        self.may_end = threading.Event()
        self.may_end.set()

    def preflight(self, ask: Ask) -> Outlook:
        self.looked.append(ask)
        return self.outlook

    def conduct(self, ask: Ask, outlook: Outlook, tell: Callable[[Step], object]) -> Report:
        assert outlook is self.outlook
        self.asked.append(ask)
        for step in STEPS[:3]:
            tell(step)
        assert self.may_end.wait(10)
        tell(STEPS[3])
        return self.report


class Powerless(Told):
    """Somebody who is not in the group."""

    def conduct(self, ask: Ask, outlook: Outlook, tell: Callable[[Step], object]) -> Report:  # noqa: ARG002
        raise Denied("coroctl-admin")


class Compare(Protocol):
    def __call__(
        self, app: Console, *, terminal_size: tuple[int, int], run_before: Callable[[Pilot[None]], Awaitable[None]]
    ) -> bool: ...


class Stand:
    """A console on a feed by hand."""

    def __init__(self, log: LogFollower) -> None:
        self.feed = ByHand()
        self.log = log
        self.operator = Told()

    def console(self, *, read_only: bool = False) -> Console:
        operator = None if read_only else self.operator
        return Console(self.feed, self.log, wall_clock=lambda: "03:12:44", operator=operator)

    async def show(self, pilot: Pilot[None]) -> None:
        """The recorded cluster, the cursor on node2."""
        while self.feed.publish is None:
            await pilot.pause()
        self.feed.say(WELL)
        await pilot.pause()
        await pilot.press("j")


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corosync.log").write_text("a line\n")
    return Stand(LogFollower("corosync.log"))


def dialog(pilot: Pilot[None]) -> SheetDialog:
    screen = pilot.app.screen
    assert isinstance(screen, ActionScreen)
    return screen.query_one(SheetDialog)


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    while not condition():
        await pilot.pause()


async def ends(pilot: Pilot[None], word: str) -> None:
    """Until the dialog says so."""
    await until(pilot, lambda: any(word in line for line in dialog(pilot).texts))


# Pictures


@pytest.mark.parametrize("size", SIZES)
def test_picture_of_the_menu(snap_compare: Compare, stand: Stand, size: tuple[int, int]) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await stand.show(pilot)
        await pilot.press("m")
        await pilot.pause()

    assert snap_compare(stand.console(), terminal_size=size, run_before=play)


@pytest.mark.parametrize("size", SIZES)
def test_picture_of_a_promotion_that_may_be_made(snap_compare: Compare, stand: Stand, size: tuple[int, int]) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await stand.show(pilot)
        await pilot.press("P")
        await ends(pilot, "What will happen")

    assert snap_compare(stand.console(), terminal_size=size, run_before=play)


@pytest.mark.parametrize("size", SIZES)
def test_picture_of_a_check_that_may_be_overridden(snap_compare: Compare, stand: Stand, size: tuple[int, int]) -> None:
    stand.operator.outlook = OUTLOOK._replace(checks=(*CHECKS, LAST))

    async def play(pilot: Pilot[None]) -> None:
        await stand.show(pilot)
        await pilot.press("s")
        await ends(pilot, "FAIL successor")

    assert snap_compare(stand.console(), terminal_size=size, run_before=play)


@pytest.mark.parametrize("size", SIZES)
def test_picture_of_a_check_of_safety_that_fails(snap_compare: Compare, stand: Stand, size: tuple[int, int]) -> None:
    stand.operator.outlook = QUIET._replace(checks=(*CHECKS, BUSY))

    async def play(pilot: Pilot[None]) -> None:
        await stand.show(pilot)
        await pilot.press("r")
        await ends(pilot, "FAIL idle")

    assert snap_compare(stand.console(), terminal_size=size, run_before=play)


@pytest.mark.parametrize("size", SIZES)
def test_picture_of_a_priority_that_is_asked_for(snap_compare: Compare, stand: Stand, size: tuple[int, int]) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await stand.show(pilot)
        await pilot.press("p", *"200x", "enter")
        await ends(pilot, "is no priority")

    assert snap_compare(stand.console(), terminal_size=size, run_before=play)


@pytest.mark.parametrize("size", SIZES)
def test_picture_of_a_change_under_way(snap_compare: Compare, stand: Stand, size: tuple[int, int]) -> None:
    stand.operator.may_end.clear()

    async def play(pilot: Pilot[None]) -> None:
        await stand.show(pilot)
        await pilot.press("P")
        await ends(pilot, "What will happen")
        await pilot.press(*"node2", "enter")
        await ends(pilot, "has given the role up")

    try:
        assert snap_compare(stand.console(), terminal_size=size, run_before=play)
    finally:
        stand.operator.may_end.set()  # for the thread: the picture is taken


@pytest.mark.parametrize("size", SIZES)
def test_picture_of_the_end(snap_compare: Compare, stand: Stand, size: tuple[int, int]) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await stand.show(pilot)
        await pilot.press("P")
        await ends(pilot, "What will happen")
        await pilot.press(*"node2", "enter")
        await ends(pilot, "ok, after")

    assert snap_compare(stand.console(), terminal_size=size, run_before=play)


# By keys alone


@pytest.mark.parametrize("action", IN_CONSOLE)
async def test_every_action_by_its_key(stand: Stand, action: object) -> None:
    [wanted] = [one for one in IN_CONSOLE if one == action]
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press(wanted.key)
        if wanted.takes_value:
            await pilot.press(*"200", "enter")
        await ends(pilot, "What will happen")
        await pilot.press(*"node2", "enter")
        await ends(pilot, "ok, after 1.47 s")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Overview)
    assert stand.operator.asked == [Ask(wanted, WELL.nodes[1].nodeid, 200 if wanted.takes_value else None)]


async def test_without_an_interruption_one_choice_is_enough(stand: Stand) -> None:
    stand.operator.outlook = QUIET
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press("r")
        await ends(pilot, "What will happen")
        await pilot.press("tab", "enter")
        await ends(pilot, "ok, after")


@pytest.mark.parametrize("key", ["m", "P", "r"])
async def test_what_something_else_has_written_over_a_dialog_goes(
    stand: Stand, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(Console, "action_redraw", lambda console: drawn.append(type(console.screen).__name__))
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press(key)
        if key == "P":
            await ends(pilot, "What will happen")
            await pilot.press(*"nod", "ctrl+l")
            assert dialog(pilot).query_one(Input).value == "nod"
        else:
            await pilot.press("ctrl+l")
    assert drawn == ["MenuScreen" if key == "m" else "ActionScreen"]


async def test_the_menu_and_enter_on_everything_changes_nothing(stand: Stand) -> None:
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press("m")
        await pilot.pause()
        assert isinstance(pilot.app.screen, MenuScreen)
        await pilot.press("j", "enter")
        await ends(pilot, "What will happen")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Overview)
    assert stand.operator.asked == []


async def test_a_check_is_overridden_by_its_name_and_then_looked_at_again(stand: Stand) -> None:
    stand.operator.outlook = OUTLOOK._replace(checks=(*CHECKS, LAST))
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press("s")
        await ends(pilot, "FAIL successor")
        await pilot.press(*"successor", "enter")
        await ends(pilot, "forced successor")
        assert dialog(pilot).sheet.foot.endswith("--force successor --yes")
        await pilot.press(*"node2", "enter")
        await ends(pilot, "ok, after")
    forced = frozenset({"successor"})
    ask = Ask(SUSPEND, WELL.nodes[1].nodeid)
    assert stand.operator.looked == [ask, ask._replace(force=forced)]
    assert stand.operator.asked == [ask._replace(force=forced)]


async def test_a_check_of_safety_leaves_nothing_but_closing(stand: Stand) -> None:
    stand.operator.outlook = OUTLOOK._replace(checks=(*CHECKS, BUSY, LAST))
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press("s")
        await ends(pilot, "FAIL idle")
        assert (dialog(pilot).sheet.accept, dialog(pilot).sheet.entry) == ("", None)
        await pilot.press(*"successor", "enter")
        await pilot.pause()
    assert stand.operator.asked == []


async def test_the_node_is_the_chosen_one_wherever_the_cursor_is_at_the_end(stand: Stand) -> None:
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press("P")
        await ends(pilot, "What will happen")
        stand.feed.say(WELL._replace(nodes=(WELL.nodes[0], WELL.nodes[2])))
        await pilot.pause()
        await pilot.press(*"node2", "enter")
        await ends(pilot, "ok, after")
    assert [ask.node for ask in stand.operator.asked] == [WELL.nodes[1].nodeid]


async def test_what_is_typed_ahead_opens_nothing_else(stand: Stand) -> None:
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        overview = pilot.app.screen
        assert isinstance(overview, Overview)
        for key in ("s", "s", "enter", "m"):
            pilot.app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: isinstance(pilot.app.screen, ActionScreen))
        await ends(pilot, "What will happen")
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is overview
    assert stand.operator.asked == []


async def test_who_has_no_right_reads_why(stand: Stand) -> None:
    stand.operator = Powerless(QUIET)
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press("r")
        await ends(pilot, "What will happen")
        await pilot.press("tab", "enter")
        await ends(pilot, "refused: corolistener answers root and members of group coroctl-admin only")


async def test_closing_does_not_end_what_is_under_way(stand: Stand) -> None:
    stand.operator.may_end.clear()
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press("P")
        await ends(pilot, "What will happen")
        await pilot.press(*"node2", "enter")
        await ends(pilot, "has given the role up")
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Overview)
        stand.operator.may_end.set()
        await pilot.press("j")
        assert pilot.app.screen.query_one(LiveTable).cursor_key == str(WELL.nodes[2].nodeid)


async def test_the_palette_offers_the_actions_on_the_node(stand: Stand) -> None:
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press("ctrl+p", *"promote")
        await until(pilot, lambda: pilot.app.screen.query("CommandList").first().has_class("--populating") is False)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ActionScreen))
        assert dialog(pilot).sheet.title == "Promote node2"


# On the screen of a node


@pytest.mark.parametrize("size", SIZES)
def test_picture_of_a_node_with_its_actions(snap_compare: Compare, stand: Stand, size: tuple[int, int]) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await stand.show(pilot)
        await pilot.press("enter")
        await pilot.pause()

    assert snap_compare(stand.console(), terminal_size=size, run_before=play)


@pytest.mark.parametrize(
    "keys", [("m", "j", "j", "enter"), ("s",), ("ctrl+p", *"suspend")], ids=["menu", "key", "palette"]
)
async def test_a_nodes_screen_has_the_same_actions(stand: Stand, keys: tuple[str, ...]) -> None:
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, NodeScreen))
        await pilot.press(*keys)
        if keys[0] == "ctrl+p":
            commands = pilot.app.screen.query("CommandList").first
            await until(pilot, lambda: not commands().has_class("--populating"))
            await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ActionScreen))
        await ends(pilot, "What will happen")
        await pilot.press(*"node2", "enter")
        await ends(pilot, "ok, after 1.47 s")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, NodeScreen)
    assert stand.operator.asked == [Ask(SUSPEND, WELL.nodes[1].nodeid)]


async def test_a_node_that_has_left_the_configuration_has_no_actions(stand: Stand) -> None:
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, NodeScreen))
        stand.feed.say(WELL._replace(nodes=(WELL.nodes[0], WELL.nodes[2])))
        await pilot.pause()
        await pilot.press("s", "m")
        await pilot.pause()
        assert isinstance(pilot.app.screen, NodeScreen)
    assert stand.operator.looked == []


async def test_the_console_offers_what_the_registry_has_for_it_and_nothing_else(stand: Stand) -> None:
    """What takes more than a node to be chosen is the command line's."""
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        for _ in range(2):
            await pilot.press("m")
            await until(pilot, lambda: isinstance(pilot.app.screen, MenuScreen))
            offered = set()
            for _ in ACTIONS:
                offered.add(pilot.app.screen.query_one(LiveTable).cursor_key)
                await pilot.press("j")
            assert offered == {one.name for one in IN_CONSOLE}
            await pilot.press("escape", "enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, NodeScreen))


# Read-only


async def test_read_only_has_no_actions_anywhere(stand: Stand) -> None:
    async with stand.console(read_only=True).run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        for key in ("m", *(one.key for one in IN_CONSOLE)):
            await pilot.press(key)
            assert isinstance(pilot.app.screen, Overview)
        assert not bound(pilot) & {"act", "menu"}
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, NodeScreen))
        for key in ("m", *(one.key for one in IN_CONSOLE)):
            await pilot.press(key)
            assert isinstance(pilot.app.screen, NodeScreen)
        assert not bound(pilot) & {"act", "menu"}
        await pilot.press("ctrl+p")
        await until(pilot, lambda: bool(pilot.app.screen.query("CommandList")))
        offered = pilot.app.screen.query_one(OptionList)
        await until(pilot, lambda: offered.option_count > 0)
        names = [str(offered.get_option_at_index(index).prompt) for index in range(offered.option_count)]
        assert not any(one.label in name for one in IN_CONSOLE for name in names)
        assert any("Save the screen" in name for name in names)


def bound(pilot: Pilot[None]) -> set[str]:
    """What keys do here, and the help says."""
    return {binding.binding.action.partition("(")[0] for binding in pilot.app.screen.active_bindings.values()}


async def test_otherwise_the_help_has_them(stand: Stand) -> None:
    async with stand.console().run_test(size=(80, 24)) as pilot:
        await stand.show(pilot)
        keys = set(pilot.app.screen.active_bindings)
        assert {"m", "ctrl+p", "s", "p", "r", "upper_p"} <= keys or {"m", "ctrl+p", "s", "p", "r", "P"} <= keys


def _said(outlook: Outlook) -> list[str]:
    return [remark.text for remark in outlook_sheet(Ask(SUSPEND, NodeId(2)), outlook).remarks]


def test_a_refused_preflight_says_so_first_and_foretells_nothing() -> None:
    refused = _said(QUIET._replace(checks=(*CHECKS, BUSY)))
    assert refused[:2] == [HOPELESS, BUSY.reason], "what stands in the way is not first"
    assert {"What would happen", *(one.text for one in EFFECTS)} <= set(refused)
    assert "What will happen" not in refused
    forceable = _said(QUIET._replace(checks=(*CHECKS, LAST)))
    assert "What would happen" in forceable
    assert HOPELESS not in forceable
    well = _said(QUIET)
    assert "What will happen" in well
    assert HOPELESS not in well


def test_of_what_there_is_nothing_to_do_for_no_effects_are_told() -> None:
    said = _said(QUIET._replace(nothing="node2 is suspended already"))
    assert "Nothing to do: node2 is suspended already" in said
    assert not {one.text for one in EFFECTS} & {text for text in said if text not in {one.reason for one in CHECKS}}
    assert not any("happen" in text for text in said)


def test_what_has_not_happened_in_time_is_no_plain_ok() -> None:
    late = REPORT._replace(missing="node2 is not master yet (start hold-off)", took_s=60.2)
    shown = report_sheet(Ask(SUSPEND, NodeId(2)), OUTLOOK, STEPS, late)
    [said] = [remark for remark in shown.remarks if "not master yet" in remark.text]
    assert said.text == "in force, but after 60 s this has not happened yet: node2 is not master yet (start hold-off)"
    assert said.tone is Tone.WARN


def test_a_move_says_where_to() -> None:
    ask = Ask(MACHINE_MOVE, NodeId(3), machine="vm1", words=("vm1", "node3"))
    assert outlook_sheet(ask, QUIET._replace(name="vm1")).title == "Move vm1 to node3"
    assert running_sheet(ask, "vm1", ()).title == "Move vm1 to node3"
