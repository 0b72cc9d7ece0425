"""The screen of the configuration: the file with what lint says of it, and what every node has loaded."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from textual.geometry import Region

from coroctl.client import Client
from coroctl.model import Configuration, Snapshot
from coroctl.sources.reading import read
from coroctl.tui import conf_page
from coroctl.tui.conf_diff import Side, compared
from coroctl.tui.screens.configuration import ConfigurationScreen
from coroctl.tui.screens.difference import Difference
from coroctl_widgets import Listing, LiveTable, Notes, TitleBar
from tests.alarms.build import ONE, THREE, TWO, WELL, changed
from tests.tui.test_screens import Stage, lines, stage

if TYPE_CHECKING:
    from textual.pilot import Pilot

__all__ = ["stage"]

CONF = """\
# of the test
totem {
    version: 2
    cluster_name: VMmanager
    config_version: 8
    transport: knet
    token: 1000000000
}

quorum {
    provider: corosync_votequorum
    expected_votes: 5
}

nodelist {
    node {
        ring0_addr: 10.0.0.1
        name: n1
        nodeid: 1
        prio: 100
    }
    node {
        ring0_addr: 10.0.0.2
        name: n2
        nodeid: 2
        prio: fifty
    }
    node {
        ring0_addr: 10.0.0.3
        name: n3
        nodeid: 3
    }
}

corolistener {
    cloud_ip: 10.0.0.100
    clowd_mask: 32
}
"""


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """This node has loaded the file before this one, n2 has this one, n3 is behind both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("coroctl.sources.reading.local_facts", lambda: None)
    Path("corosync.conf").write_text(CONF)
    snapshot = WELL._replace(configuration=Configuration("corosync.conf", 7, 8, digest(CONF)))
    snapshot = changed(ONE, snapshot, config_version=8, config_sha256="e0" * 32)
    snapshot = changed(TWO, snapshot, config_version=8, config_sha256=digest(CONF))
    return changed(THREE, snapshot, config_version=6, config_sha256="a1" * 32, current=False)


async def shown(pilot: Pilot[None]) -> None:
    """Until the file was read."""
    while not pilot.app.screen.query_one(Listing).text:
        await pilot.pause()
    await pilot.pause()


def test_each_node_is_compared_by_content(cluster: Snapshot) -> None:
    says = [row.cells[-1].text for row in conf_page.rows(cluster)]
    assert says == [
        "DIFFERS: another file of the same version",
        "the same file",
        "STALE: older than this file",
    ]


def test_without_corolistener_only_versions_are_compared(cluster: Snapshot) -> None:
    nodes = tuple(one._replace(config_sha256="", current=None) for one in cluster.nodes)
    bare = cluster._replace(nodes=nodes)
    says = [row.cells[-1].text for row in conf_page.rows(bare)]
    assert says[0] == "the same version; contents are not compared"
    assert says[2].startswith("STALE: older")
    assert conf_page.summary(bare, None)[-1].text.startswith("only versions are compared")


async def test_findings_stand_under_their_lines(stage: Stage, cluster: Snapshot) -> None:
    async with stage.console.run_test(size=(100, 60)) as pilot:
        await stage.show(pilot, cluster, "c")
        await shown(pilot)
        listing = pilot.app.screen.query_one(Listing)
        painted = [strip.text.rstrip() for strip in listing.render_lines(Region(0, 0, *listing.size))]
        for finding in read("corosync.conf").findings:
            said = f"! {finding.severity.value}: {finding.message}"[:60]
            at = next(i for i, line in enumerate(painted) if said in line)
            above = next(line for line in reversed(painted[:at]) if "! " not in line and line.strip()[:1].isdigit())
            assert not finding.line or above.split()[0] in (str(finding.line), ">")
        assert pilot.app.screen.query_one(TitleBar).value.node == "n1 › Configuration"


async def test_keys_lead_from_finding_to_finding(stage: Stage, cluster: Snapshot) -> None:
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, cluster, "c")
        await shown(pilot)
        listing = pilot.app.screen.query_one(Listing)
        numbers = sorted({one.line for one in read("corosync.conf").findings})
        seen = []
        for _ in numbers:
            await pilot.press("n")
            seen.append(listing.number)
        assert set(seen) <= set(numbers)
        assert len(set(seen)) > 1
        await pilot.press("escape")


async def test_a_file_that_changes_is_read_again(stage: Stage, cluster: Snapshot) -> None:
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, cluster, "c")
        await shown(pilot)
        listing = pilot.app.screen.query_one(Listing)
        assert listing.number in (0, 1)
        Path("corosync.conf").write_text("# another one\n")
        stage.feed.say(cluster._replace(configuration=Configuration("corosync.conf", 7, 0, digest("other"))))
        while listing.text not in ("# another one", ""):
            await pilot.pause()


async def test_a_file_that_cannot_be_read_says_why(stage: Stage) -> None:
    gone = WELL._replace(configuration=Configuration("/nowhere/corosync.conf", 7, None, ""))
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, gone, "c")
        while "NOT READABLE" not in lines(stage.console, "summary")[0]:
            await pilot.pause()
        listing = pilot.app.screen.query_one(Listing)
        assert "there is no such file" in listing.render_lines(Region(0, 0, 80, 1))[0].text


async def test_where_there_is_no_file_it_says_so(stage: Stage) -> None:
    async with stage.console.run_test(size=(80, 24)) as pilot:
        await stage.show(pilot, WELL._replace(configuration=None), "c")
        assert lines(stage.console, "summary") == ["this source has no configuration file"]
        assert pilot.app.screen.query_one(LiveTable).cursor_key == str(ONE)
        assert pilot.app.screen.query_one(Notes).display


def test_differences_are_told_by_setting_and_by_line() -> None:
    after = CONF.replace("prio: 100", "prio: 50").replace("config_version: 8", "config_version: 9").encode()
    found = compared(Side("here", CONF.encode()), Side("n2", after))
    assert [note.text for note in found.notes] == [
        "- here",
        "+ n2",
        "2 settings differ: node 1: prio, totem.config_version",
    ]
    told = {line.spans[0].text: line.number for line in found.lines if line.spans}
    prio = CONF.splitlines().index("        prio: 100") + 1
    assert told["-        prio: 100"] == told["+        prio: 50"] == prio
    assert told["         nodeid: 1"] == prio - 1
    assert [line.notes[0].text for line in found.lines if line.notes] == ["from line 2 on", f"from line {prio - 3} on"]


def test_differences_of_files_that_are_none() -> None:
    found = compared(Side("here", CONF.encode()), Side("n2", b"junk\xff {\n"))
    assert "settings cannot be compared: n2:1" in found.notes[-1].text
    assert any(span.text.startswith("+junk") for line in found.lines for span in line.spans)
    assert "the same" in compared(Side("here", b"\xff"), Side("n2", b"\xff")).notes[0].text


async def test_a_file_that_cannot_be_had(stage: Stage, cluster: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coroctl.sources.loaded.Client", lambda: Client("/nonexistent"))
    async with stage.console.run_test(size=(100, 30)) as pilot:
        await stage.show(pilot, cluster, "c", "tab", "down", "enter")
        assert [type(screen) for screen in pilot.app.screen_stack[-2:]] == [ConfigurationScreen, Difference]
        await pilot.app.workers.wait_for_complete()
        [note] = pilot.app.screen.query_one(Notes).value
        assert note.text.startswith("the file of n2 cannot be compared: ")
        await pilot.press("d")
        assert type(pilot.app.screen) is ConfigurationScreen
