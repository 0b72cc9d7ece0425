"""``coroctl events`` beside real sockets: the last ones, those after an id, those to come, and its errors."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from coroctl.cli.main import main
from coroctl.daemon.rendering import Level
from tests.daemon.control_sockets import DEADLINE_S, Daemon, serving

if TYPE_CHECKING:
    from pathlib import Path

PROBE = "import sys, coroctl.client as c; c.Client.__init__.__defaults__ = (sys.argv[1],)\n"
PROBE += "from coroctl.cli.main import main; sys.exit(main(sys.argv[2:]))"


async def command(daemon: Daemon, *words: str) -> asyncio.subprocess.Process:
    """``coroctl``, but for where the sockets are."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROBE, str(daemon.folder), *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


async def printed(daemon: Daemon, *words: str) -> list[str]:
    process = await command(daemon, *words)
    out, err = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    assert (process.returncode, err) == (0, b"")
    return out.decode().splitlines()


async def test_the_last_ones(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        for number in range(60):
            daemon.journal.event(Level.INFO, "step", 4, number=number)
        lines = await printed(daemon, "events")
        assert len(lines) == 50
        assert lines[-1].endswith("info node1 4 step number=59")
        assert [line.split("=")[1] for line in await printed(daemon, "events", "-n", "2")] == ["58", "59"]


async def test_since_an_id_all_pages(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        ids = [daemon.journal.event(Level.INFO, "step", 4).id for _ in range(450)]
        found = [json.loads(line) for line in await printed(daemon, "events", "--json", "--since", str(ids[9]))]
        assert [event["id"] for event in found] == ids[10:]


async def test_since_a_time(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        events = [daemon.journal.event(Level.INFO, "step", 4) for _ in range(40)]
        cut = events[25].time_us
        stamp = datetime.fromtimestamp(cut / 1e6, UTC).isoformat(timespec="microseconds")
        found = [json.loads(line) for line in await printed(daemon, "events", "--json", "--since", stamp)]
        assert [event["id"] for event in found] == [event.id for event in events if event.time_us >= cut]
        assert await printed(daemon, "events", "--since", "2020-01-01") == await printed(daemon, "events")
        assert await printed(daemon, "events", "--since", "2999-01-01") == []


def test_what_is_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"):
        main(["events", "--since", "soon"])
    assert "neither an event's id nor a time: 'soon'" in capsys.readouterr().err


async def test_following(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.journal.event(Level.INFO, "before", 1)
        process = await command(daemon, "events", "-f")
        assert process.stdout is not None
        seen = [await asyncio.wait_for(process.stdout.readline(), DEADLINE_S)]
        daemon.journal.event(Level.ALERT, "alarm", 2, text="line\nbreak \x1b[2J")
        seen.append(await asyncio.wait_for(process.stdout.readline(), DEADLINE_S))
        assert seen[0].endswith(b"info node1 1 before\n")
        assert b"alert node1 2 alarm" in seen[1]
        assert b"\x1b" not in seen[1]
        await daemon.sockets.close()
        _, err = await asyncio.wait_for(process.communicate(), DEADLINE_S)
        assert (process.returncode, err) == (1, b"coroctl: corolistener ended the connection\n")


def test_without_a_daemon(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events"]) == 1
    assert capsys.readouterr().err == "coroctl: no corolistener runs on this node\n"
