"""The console as a whole: pictures at two sizes, what it does when its source falters, and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from coroctl.model import Availability, Lease, Mastership
from coroctl.sources.feed import Update
from coroctl.sources.logs import LogFollower
from coroctl.sources.watch import silenced
from coroctl.tui.app import WAITING, Console
from coroctl_widgets import EventList, LiveTable, LogTail, Notes, QuorumGauge, TitleBar
from tests.tui.feeds import ByHand, recorded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from textual.message import Message
    from textual.pilot import Pilot

MOMENTS = recorded()
WELL = MOMENTS[0]
SIZES = [(120, 40), (80, 24)]
LOG = "Nov 22 11:51:18 node3 corosync notice  [TOTEM ] A new membership (1.d) was formed\n"


class Compare(Protocol):
    def __call__(
        self, app: Console, *, terminal_size: tuple[int, int], run_before: Callable[[Pilot[None]], Awaitable[None]]
    ) -> bool: ...


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LogFollower:
    """A log of one line, by a name that is the same on every machine."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corosync.log").write_text(LOG)
    return LogFollower("corosync.log")


@pytest.fixture
def feed() -> ByHand:
    return ByHand()


@pytest.fixture
def console(feed: ByHand, log: LogFollower) -> Console:
    return Console(feed, log, ["a picture for a test"], wall_clock=lambda: "03:12:44")


async def settle(pilot: Pilot[None]) -> None:
    """Until the console has begun, and shows the log that its thread reads."""
    app = pilot.app
    assert isinstance(app, Console)
    while not (tail := app.screen.query_one(LogTail)).count():
        await pilot.pause()
    assert tail.count() == 1
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
def test_picture_of_a_failover(snap_compare: Compare, console: Console, feed: ByHand, size: tuple[int, int]) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await settle(pilot)
        for snapshot in MOMENTS[: len(MOMENTS) // 3]:
            feed.say(snapshot)
        await pilot.pause()

    assert snap_compare(console, terminal_size=size, run_before=play)


@pytest.mark.parametrize("size", SIZES)
def test_picture_before_the_first_data(snap_compare: Compare, console: Console, size: tuple[int, int]) -> None:
    assert snap_compare(console, terminal_size=size, run_before=settle)


@pytest.mark.parametrize("size", SIZES)
def test_picture_of_a_frozen_corosync(
    snap_compare: Compare, console: Console, feed: ByHand, size: tuple[int, int]
) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await settle(pilot)
        feed.say(WELL)
        feed.say(silenced(WELL, "corosync does not answer (for 12 s now): frozen or starved"), age=12.5)
        await pilot.pause()

    assert snap_compare(console, terminal_size=size, run_before=play)


def test_picture_of_the_help(snap_compare: Compare, console: Console, feed: ByHand) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await settle(pilot)
        feed.say(WELL)
        await pilot.press("question_mark")
        await pilot.pause()

    assert snap_compare(console, terminal_size=(120, 40), run_before=play)


async def test_the_first_frame_comes_before_the_first_data(console: Console, feed: ByHand) -> None:
    async with console.run_test(size=(80, 24)) as pilot:
        assert console.screen.query_one(TitleBar).value.state == "CONNECTING"
        while feed.publish is None:
            await pilot.pause()
        feed.say(WELL)
        await pilot.pause()
        assert console.screen.query_one(TitleBar).value.state == "QUORATE"
    assert feed.stopped


async def test_a_source_that_falls_silent_is_seen_at_the_next_tick(console: Console, feed: ByHand) -> None:
    async with console.run_test(size=(80, 24)) as pilot:
        while feed.publish is None:
            await pilot.pause()
        feed.say(WELL)
        await pilot.pause()
        feed.fall_silent(silenced(WELL, "frozen"), age=7)
        while console.screen.query_one(TitleBar).value.state == "QUORATE":
            await pilot.pause()
        assert console.screen.query_one(TitleBar).value.state == "NOT ANSWERING"
        assert console.screen.query_one(QuorumGauge).value.reason == "frozen"


async def test_the_cursor_stays_on_its_node(console: Console, feed: ByHand) -> None:
    async with console.run_test(size=(80, 24)) as pilot:
        while feed.publish is None:
            await pilot.pause()
        feed.say(WELL)
        await pilot.pause()
        await pilot.press("j")
        table = console.screen.query_one(LiveTable)
        assert table.cursor_key == str(WELL.nodes[1].nodeid)
        feed.say(WELL._replace(nodes=WELL.nodes[1:]))
        await pilot.pause()
        assert table.cursor_key == str(WELL.nodes[1].nodeid)


async def test_a_filter_hides_nodes_and_says_so(console: Console, feed: ByHand) -> None:
    async with console.run_test(size=(80, 24)) as pilot:
        while feed.publish is None:
            await pilot.pause()
        feed.say(WELL)
        await pilot.pause()
        await pilot.press("e", "slash", *WELL.nodes[1].name, "p", "backspace", "enter")  # no action of key p
        table = console.screen.query_one(LiveTable)
        assert table.cursor_key == str(WELL.nodes[1].nodeid)
        await pilot.pause()
        assert table.size.height == table.needed == 3
        await pilot.press("escape")
        await pilot.pause()
        assert table.size.height == len(WELL.nodes) + 1
        assert table.cursor_key == str(WELL.nodes[1].nodeid)


async def test_keys_reach_every_part(console: Console) -> None:
    async with console.run_test(size=(80, 24)) as pilot:
        for key, part in (("e", EventList), ("o", LogTail), ("n", LiveTable)):
            await pilot.press(key)
            assert isinstance(console.focused, part)
        await pilot.press("q")
    assert not console.is_running


async def test_an_update_that_comes_too_late_harms_nobody(console: Console, feed: ByHand) -> None:
    async with console.run_test(size=(80, 24)) as pilot:
        while feed.publish is None:
            await pilot.pause()
    feed.say(WELL)
    console._publish(Update(WELL, 0))
    console.show_updates()


async def test_while_nothing_can_be_shown_only_the_newest_updates_wait(
    console: Console, feed: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console.run_test(size=(80, 24)) as pilot:
        while feed.publish is None:
            await pilot.pause()
        told: list[Message] = []
        monkeypatch.setattr(console, "post_message", told.append)
        for number in range(10 * WAITING):  # without a pause: the loop stands still
            feed.say(WELL._replace(cluster_name=f"after {number}"))
        waiting = len(console._waiting)
        console.show_updates()
        assert waiting == WAITING
        assert len(told) == 1
        assert console.screen.query_one(TitleBar).value.cluster == f"after {10 * WAITING - 1}"


async def test_names_cannot_paint_the_screen(console: Console, feed: ByHand) -> None:
    evil = WELL.nodes[0]._replace(name="\x1b[2J[bold]x[/]\u202e")
    async with console.run_test(size=(80, 24)) as pilot:
        while feed.publish is None:
            await pilot.pause()
        feed.say(WELL._replace(nodes=(evil,), cluster_name="\x07bell", reason="\x9b31m"))
        await pilot.pause()
        drawn = "".join(strip.text for strip in console.screen._compositor.render_strips())
        assert "[bold" in drawn
        assert not any(letter in drawn for letter in "\x1b\x07\x9b\u202e")


async def test_every_availability_can_be_shown(console: Console, feed: ByHand) -> None:
    async with console.run_test(size=(80, 24)) as pilot:
        while feed.publish is None:
            await pilot.pause()
        for availability in Availability:
            feed.say(WELL._replace(availability=availability, reason="why"))
            await pilot.pause()
            assert console.screen.query_one(TitleBar).value.state


def is_shown(notes: Notes) -> bool:
    return notes.display


async def test_who_is_master_stands_under_the_nodes(console: Console, feed: ByHand) -> None:
    lease = Lease(WELL.nodes[1].nodeid, 7, 2000, 100, 1900)
    told = Mastership(WELL.nodes[1].nodeid, None, lease, "", "", "", "none", (), (), "", (), 0, 0, ())
    reasons = ("n2 holds the lease", "", "priority 0")
    nodes = tuple(node._replace(reason=reason) for node, reason in zip(WELL.nodes, reasons, strict=True))
    async with console.run_test(size=(80, 24)) as pilot:
        while feed.publish is None:
            await pilot.pause()
        feed.say(WELL)
        await pilot.pause()
        notes = console.screen.query_one(Notes)
        assert not is_shown(notes)
        feed.say(WELL._replace(nodes=nodes, mastership=told))
        await pilot.pause()
        assert is_shown(notes)
        assert notes.size.height == len(notes.value)
        assert [note.text for note in notes.value[:2]] == [
            "node2 is master, term 7",
            "node1 is not master: n2 holds the lease",
        ]
        await pilot.press("G")
        await pilot.pause()
        assert notes.value[1].text == "node3 is not master: priority 0"
        feed.say(WELL)
        await pilot.pause()
        assert not is_shown(notes)
