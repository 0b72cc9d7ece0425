"""The screens above the overview (test_gallery.py has pictures): the ways there and back, and updates meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest
from textual.geometry import Region

from coroctl.alarms.hearing import ears
from coroctl.client import Silent
from coroctl.model import Gap, Load, NodeStatus, Snapshot
from coroctl.sources.logs import LogFollower
from coroctl.sources.machine import Disk, Host, Service, Traffic
from coroctl.tui.app import Console
from coroctl.tui.screens.alarms import Alarms
from coroctl.tui.screens.links import Links
from coroctl.tui.screens.node import NodeScreen
from coroctl.tui.screens.overview import Overview
from coroctl_widgets import EventList, LinkMatrix, LiveTable, Notes, Sparkline, TitleBar
from tests.alarms.build import ONE, THREE, TWO, WELL, changed, hearing, link
from tests.tui.feeds import ByHand

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from textual.pilot import Pilot

    from coroctl.model import NodeId

SIZES = [(80, 24), (120, 40), (200, 60)]
SLOW = (link(0, THREE, 40_000), link(1, THREE)._replace(connected=False, downs=3))
BROKEN = changed(THREE, hearing({TWO: (ONE,)}), links=SLOW, skew_ms=5000)
BARE = WELL._replace(
    transport="udpu",
    mastership=None,
    nodes=tuple(
        one._replace(links=(), hears=None, role=None, reason="", prio=None, current=None, eligible=None, skew_ms=None)
        for one in WELL.nodes
    ),
    gaps=(Gap("roles", "no corolistener runs on this node"), Gap("links", "transport udpu does not tell")),
)
MACHINE = Host(
    cpu=12.0,
    load=0.84,
    cores=8,
    memory_used=11 << 30,
    memory_total=32 << 30,
    swap_used=1 << 30,
    disks=(Disk("/", 20 << 30, 100 << 30), Disk("/var/log", 95 << 30, 100 << 30)),
    traffic=(Traffic("eth0", 1.2e6, 3.4e5, 0), Traffic("eth1", None, None, 7)),
    services=(
        Service("corosync.service", "active", "running"),
        Service("corolistener.service", "active", "running"),
        Service("corolistener-guard.service", "missing", "dead"),
        Service("vmmgr.service", "failed", "failed"),
    ),
    trouble="",
)


class Compare(Protocol):
    def __call__(
        self, app: Console, *, terminal_size: tuple[int, int], run_before: Callable[[Pilot[None]], Awaitable[None]]
    ) -> bool: ...


class Stage(NamedTuple):
    console: Console
    feed: ByHand

    async def show(self, pilot: Pilot[None], snapshot: Snapshot, *keys: str) -> None:
        """The console shows it, and keys were pressed."""
        while self.feed.publish is None:
            await pilot.pause()
        self.feed.say(snapshot)
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """No log, and a machine that is always the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("coroctl.sources.host.HostReader.read", lambda _reader: MACHINE)
    monkeypatch.setattr("coroctl.sources.hosts.host_of", lambda _node: MACHINE)
    monkeypatch.setattr("coroctl.tui.screens.node.LOOK_S", 3600)
    feed = ByHand()
    return Stage(Console(feed, LogFollower("corosync.log"), wall_clock=lambda: "03:12:44"), feed)


def lines(console: Console, part: str) -> list[str]:
    return [note.text for note in console.screen.query_one(f"#{part}", Notes).value]


@pytest.mark.parametrize("size", SIZES)
def test_picture_without_corolistener(snap_compare: Compare, stage: Stage, size: tuple[int, int]) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await stage.show(pilot, BARE, "l")

    assert snap_compare(stage.console, terminal_size=size, run_before=play)


async def look(pilot: Pilot[None]) -> None:
    """Until the machine was looked at."""
    while not pilot.app.screen.query_one("#machine", Notes).value:
        await pilot.pause()
    await pilot.pause()


async def test_every_screen_has_a_way_back_and_says_where_it_is(stage: Stage) -> None:
    ways = (("l", Links, "n1 › Links"), ("a", Alarms, "n1 › Alarms"), ("enter", NodeScreen, "n1 › node n1"))
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL)
        for key, screen, place in ways:
            await pilot.press(key)
            assert isinstance(pilot.app.screen, screen)
            assert pilot.app.screen.query_one(TitleBar).value.node == place
            await pilot.press("escape")
            assert isinstance(pilot.app.screen, Overview)


async def test_open_screens_follow_the_cluster(stage: Stage) -> None:
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL, "a")
        assert lines(stage.console, "alarms") == ["no alarms: all is well"]
        stage.feed.say(changed(THREE, status=NodeStatus.LEFT))
        await pilot.pause()
        assert lines(stage.console, "alarms")[0] == "warning: n3 has left the cluster"
        await pilot.press("escape", "l")
        stage.feed.say(BROKEN)
        await pilot.pause()
        assert lines(stage.console, "findings") == ["ONE WAY: n2 does not hear n3, which hears n2"]


async def test_what_happens_under_another_screen_is_shown_afterwards(stage: Stage) -> None:
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL, "l")
        overview = stage.console.screen_stack[-2]
        stage.feed.say(changed(THREE, status=NodeStatus.LEFT))
        await pilot.pause()
        painted = [strip.text for strip in overview.query_one(EventList).render_lines(Region(0, 0, 80, 9))]
        assert not any("n3 has left" in line for line in painted)
        await pilot.press("escape")
        await pilot.pause()
        drawn = [strip.text for strip in stage.console.screen._compositor.render_strips()]
        assert sum("n3 has left" in line for line in drawn) >= 2
        assert any("○ left" in line for line in drawn)


async def test_a_screen_may_be_opened_before_there_are_data(stage: Stage) -> None:
    async with stage.console.run_test(size=(80, 24)) as pilot:
        for key in ("l", "a"):
            await pilot.press(key, "escape")
        await stage.show(pilot, WELL, "l")
        assert stage.console.screen.query_one(LiveTable).cursor_key == f"{TWO}.0"


async def test_the_table_follows_the_matrix(stage: Stage) -> None:
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL, "l", "right", "right")
        assert stage.console.screen.query_one(LinkMatrix).cursor == (0, 2)
        assert stage.console.screen.query_one(LiveTable).cursor_key == f"{THREE}.0"


async def test_the_matrix_leads_to_its_nodes(stage: Stage) -> None:
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL, "l", "right", "enter")
        assert pilot.app.screen.query_one(TitleBar).value.node == "n1 › node n2"
        await pilot.press("escape", "tab", "G", "enter")
        await pilot.pause()
        assert pilot.app.screen.query_one(TitleBar).value.node == "n1 › node n3"
        await pilot.press("escape", "escape")
        assert isinstance(pilot.app.screen, Overview)


async def test_a_node_that_leaves_the_configuration(stage: Stage) -> None:
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL, "G", "enter")
        stage.feed.say(WELL._replace(nodes=WELL.nodes[:2]))
        await pilot.pause()
        assert lines(stage.console, "facts") == ["node 3 is not in the configuration any more"]


async def test_the_machines_of_all_nodes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage.console.run_test(size=(120, 40)) as pilot:
        await stage.show(pilot, WELL)
        for key in ("g", "G"):  # this one, and another one
            await pilot.press(key, "enter")
            await look(pilot)
            shown = [*lines(stage.console, "services"), *lines(stage.console, "machine")]
            assert "vmmgr has FAILED: journalctl -u vmmgr" in shown[2]
            assert any("/var/log 95% of 100.0 GiB FULL" in line for line in shown)
            await pilot.press("escape")

        def unknown(node: NodeId) -> Host:
            raise Silent(f"node {node} is deaf")

        monkeypatch.setattr("coroctl.sources.hosts.host_of", unknown)
        await pilot.press("G", "enter")
        while not lines(stage.console, "services"):
            await pilot.pause()
        assert lines(stage.console, "services") == ["machine     not known now: node 3 is deaf"]
        assert lines(stage.console, "machine") == []


async def test_of_a_node_that_has_died_nothing_old_is_shown(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = ""

    def host(_node: NodeId) -> Host:
        if gone:
            raise Silent(gone)
        return MACHINE

    monkeypatch.setattr("coroctl.sources.hosts.host_of", host)
    monkeypatch.setattr("coroctl.tui.screens.node.LOOK_S", 0.05)
    async with stage.console.run_test(size=(120, 40)) as pilot:
        await stage.show(pilot, WELL, "G", "enter")
        await look(pilot)
        assert shown_courses(stage.console) == 3
        gone = "it does not answer (10.0.0.3: no route to host)"
        await stage.show(pilot, changed(THREE, status=NodeStatus.LEFT, heard_ms=95_000))
        while shown_courses(stage.console):
            await pilot.pause()
        said = f"not known now: last heard 1 min 35 s ago; {gone}"
        assert lines(stage.console, "services") == [f"machine     {said}"]
        assert lines(stage.console, "machine") == []


def shown_courses(console: Console) -> int:
    return sum(one.display for one in console.screen.query(Sparkline))


async def test_without_corolistener_only_this_node_is_looked_at(stage: Stage) -> None:
    async with stage.console.run_test(size=(120, 40)) as pilot:
        await stage.show(pilot, BARE, "G", "enter")
        assert lines(stage.console, "machine") == []
        assert "not known from here" in lines(stage.console, "services")[0]


def test_picture_of_loads(snap_compare: Compare, stage: Stage) -> None:
    async def play(pilot: Pilot[None]) -> None:
        for average in (0.1, 0.9, 1.7, 15.2):
            stage.console._current._memory._loads_sampled = float("-inf")
            loads = {ONE: Load(average, 2), TWO: Load(average / 10, 2)}
            nodes = tuple(node._replace(load=loads.get(node.nodeid)) for node in WELL.nodes)
            await stage.show(pilot, WELL._replace(nodes=nodes))

    assert snap_compare(stage.console, terminal_size=(120, 40), run_before=play)


async def test_without_corolistener_the_matrix_says_what_it_lacks(stage: Stage) -> None:
    assert ears(BARE) == {}
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, BARE, "l")
        told = lines(stage.console, "findings")
        assert told[0] == "links: transport udpu does not tell"
        assert told[1].startswith("only this node's own view is known")
