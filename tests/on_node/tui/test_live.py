"""The console on a real corosync: it lives through a freeze, a death and a return, and says so each time."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from coroctl.conf.document import Document
from coroctl.model import Availability, NodeStatus
from coroctl.sources.logs import LogFollower
from coroctl.sources.watch import Watch
from coroctl.tui.app import Console
from coroctl_widgets import LiveTable, TitleBar
from tests.on_node import corosync_control as control

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from coroctl.sources.feed import Update

DEADLINE_S = 30


class Seen:
    """The updates of a watch, as they come, without a screen."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.updates: list[Update] = []
        self.pause = Event()
        self.watch.start(self.updates.append)

    def until(self, wanted: Callable[[Update], bool]) -> Update:
        end = time.monotonic() + DEADLINE_S
        while not (latest := self.watch.latest()) or not wanted(latest):
            assert time.monotonic() < end, latest
            self.pause.wait(0.02)
        return latest


def is_well(update: Update) -> bool:
    snapshot = update.snapshot
    joined = [node.status is NodeStatus.JOINED for node in snapshot.nodes]
    return bool(snapshot.quorate) and joined == [True] * 3 and snapshot.quorum is not None


def test_the_watch_lives_through_freeze_death_and_return() -> None:
    seen = Seen()
    try:
        well = seen.until(is_well)
        assert well.snapshot.quorum is not None
        assert well.snapshot.quorum.ring_id
        with control.frozen():
            silent = seen.until(lambda update: update.snapshot.availability is Availability.SILENT)
            assert {node.status for node in silent.snapshot.nodes} == {NodeStatus.UNKNOWN}
            assert silent.snapshot.quorate is None
        seen.until(is_well)
        control.kill()
        down = seen.until(lambda update: update.snapshot.availability is Availability.DOWN)
        assert [node.prio for node in down.snapshot.nodes] == [100, 40, 10]
        control.restart()
        seen.until(lambda update: update.snapshot.availability is Availability.ANSWERED)
        control.await_whole()
        seen.until(is_well)
    finally:
        seen.watch.stop()


def test_stopping_returns_at_once_with_corosync_frozen() -> None:
    seen = Seen()
    seen.until(is_well)
    with control.frozen():
        seen.until(lambda update: update.snapshot.availability is Availability.SILENT)
        begin = time.monotonic()
        seen.watch.stop()
        assert time.monotonic() - begin < 1


def test_a_file_that_is_ahead_and_then_loaded_is_seen() -> None:
    file = Path("/etc/corosync/corosync.conf")
    before = file.read_bytes()
    seen = Seen()
    try:
        old = seen.until(is_well).snapshot.configuration
        assert old is not None
        assert old.version == old.loaded_version
        version = (old.version or 0) + 1
        file.write_bytes(Document.parse(before).set("totem.config_version", str(version)).render())
        seen.until(lambda update: versions(update) == (old.version, version))
        subprocess.run(["corosync-cfgtool", "-R"], check=True, capture_output=True)
        seen.until(lambda update: versions(update) == (version, version))
    finally:
        seen.watch.stop()
        file.write_bytes(before)
        control.restart()
        control.await_whole()


def versions(update: Update) -> tuple[int | None, int | None]:
    """Loaded, and in the file."""
    conf = update.snapshot.configuration
    return (conf.loaded_version, conf.version) if conf else (None, None)


async def shows(pilot: Pilot[None], wanted: Callable[[Console], bool]) -> None:
    assert isinstance(pilot.app, Console)
    end = time.monotonic() + DEADLINE_S
    while not wanted(pilot.app):
        assert time.monotonic() < end
        await pilot.pause(0.02)


def state(console: Console) -> str:
    return console.screen.query_one(TitleBar).value.state


async def test_the_screen_follows() -> None:
    console = Console(Watch(), LogFollower("/var/log/corosync/corosync.log"))
    async with console.run_test(size=(120, 40)) as pilot:
        await shows(pilot, lambda app: state(app) == "QUORATE")
        with control.frozen():
            await shows(pilot, lambda app: state(app) == "NOT ANSWERING")
        await shows(pilot, lambda app: state(app) == "QUORATE")
        subprocess.run(["systemctl", "stop", "corosync"], check=True)
        await shows(pilot, lambda app: state(app) == "NOT RUNNING")
        table = console.screen.query_one(LiveTable)
        assert table.cursor_key == "1"
        control.restart()
        await shows(pilot, lambda app: state(app) in ("QUORATE", "NOT QUORATE"))
    control.await_whole()
