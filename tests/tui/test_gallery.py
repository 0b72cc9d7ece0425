"""Every screen and dialog at three sizes, with and without actions, without colours, on light terminals.

What they look like is kept in ``gallery/``: ``pytest tests/tui/test_gallery.py --snapshot-update`` takes them anew, and
``GALLERY=FOLDER`` keeps them as SVG, to be looked at.
"""

from __future__ import annotations

import os
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl.model import Configuration, NodeId
from coroctl.sources.loaded import File
from coroctl.sources.logs import KnownLog, LogFollower
from coroctl.tui import app
from coroctl.tui.app import Console
from coroctl.tui.profile import Profile
from tests.alarms.build import ONE, TWO, changed
from tests.logfile.files import corosync_log
from tests.tui import gallery
from tests.tui.feeds import ByHand
from tests.tui.fleets import FLEET, MACHINERY
from tests.tui.test_actions import Told
from tests.tui.test_configuration import CONF
from tests.tui.test_screens import BROKEN, MACHINE

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = Path(__file__).parent / "gallery"
PLAIN = Profile()
LIGHT = Profile(theme="light")
WALKS = [
    ("80x24", PLAIN, True),
    ("120x40", PLAIN, True),
    ("200x60", PLAIN, True),
    ("60x18", PLAIN, True),
    ("80x24-no-colours", PLAIN, True),
    ("80x24-read-only", PLAIN, False),
    ("80x24-light", LIGHT, True),
]
DIGEST = sha256(CONF.encode()).hexdigest()
THERE = File(CONF.replace("prio: 100", "prio: 50").replace("    token: 1000000000\n", "").encode(), 8)
"""What the other nodes have loaded."""
CLUSTER = changed(
    TWO,
    changed(ONE, BROKEN._replace(configuration=Configuration("corosync.conf", 8, 8, DIGEST)), config_sha256=DIGEST),
    config_sha256="b0" * 32,
)._replace(machinery=MACHINERY)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a log and a configuration, and a machine that is always the same."""
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("TZ", "UTC")
        time.tzset()
        patch.setattr("coroctl.sources.host.HostReader.read", lambda _reader: MACHINE)
        patch.setattr("coroctl.sources.hosts.host_of", lambda _node: MACHINE)
        patch.setattr("coroctl.tui.screens.node.LOOK_S", 3600)
        patch.setattr("coroctl.tui.screens.machines.LOOK_S", 3600)
        patch.setattr("coroctl.tui.presenters.FRESH_S", 3600)
        patch.setattr("coroctl.tui.screens.difference.loaded_by", lambda _node: THERE)
        patch.setattr("coroctl.sources.reading.local_facts", lambda: None)
        patch.setattr(app, "known_logs", lambda: (KnownLog("corosync", "corosync.log"),))
        corosync_log(tmp_path / "corosync.log", 40)
        (tmp_path / "corosync.conf").write_text(CONF)
        yield tmp_path
    time.tzset()


@pytest.mark.parametrize(("walk", "profile", "acts"), WALKS, ids=[walk for walk, _, _ in WALKS])
async def test_walk(
    walk: str,
    profile: Profile,
    acts: bool,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if walk.endswith("no-colours"):
        monkeypatch.setenv("NO_COLOR", "1")
    width, height = map(int, walk.partition("-")[0].split("x"))
    feed, operator = ByHand(), Told() if acts else None
    console = Console(
        feed,
        LogFollower("corosync.log"),
        wall_clock=lambda: "03:12:44",
        operator=operator,
        profile=profile,
        fleet=lambda: FLEET,
    )
    folder = KEPT / walk
    if request.config.getoption("--snapshot-update"):
        folder.mkdir(parents=True, exist_ok=True)
    differing = []
    async with console.run_test(size=(width, height)) as pilot:
        while feed.publish is None:
            await pilot.pause()
        feed.say(CLUSTER)
        await pilot.pause()
        for scene in gallery.SCENES:
            if scene.acts and not acts:
                continue
            await gallery.reach(pilot, scene)
            seen = gallery.picture(console)
            _keep_svg(console, f"{walk}-{scene.name}")
            file = folder / f"{scene.name}.txt"
            if request.config.getoption("--snapshot-update"):
                file.write_text(seen)
            if not file.exists() or file.read_text() != seen:
                differing.append(scene.name)
                (place / f"{scene.name}.txt").write_text(seen)
            assert not gallery.colours(console), scene.name
            await gallery.leave(pilot, scene)
    assert not differing, f"diff -r {folder} {place}"


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 40)])
@pytest.mark.parametrize("count", [3, 16, 64])
async def test_nothing_is_driven_off_the_overview(size: tuple[int, int], count: int, place: Path) -> None:
    feed = ByHand()
    console = Console(feed, LogFollower("corosync.log"), operator=Told())
    nodes = tuple(BROKEN.nodes[number % 3]._replace(nodeid=NodeId(number + 1)) for number in range(count))
    async with console.run_test(size=size) as pilot:
        while feed.publish is None:
            await pilot.pause()
        feed.say(BROKEN._replace(nodes=nodes))
        await pilot.pause()
        screen = console.screen
        assert screen.max_scroll_y == 0
        assert screen.query_one("#events").size.height >= 2
        log = screen.query_one("#log")
        assert log.display is (size[1] > 24 or (count == 3 and size[1] == 24))
        assert not log.display or log.size.height >= 3


def _keep_svg(console: Console, name: str) -> None:
    if "GALLERY" in os.environ:
        (Path(os.environ["GALLERY"]) / f"{name}.svg").write_text(console.export_screenshot())
