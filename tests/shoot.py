"""Runs on a lab node for `tests.screenshots`: a real console without a terminal, of which an SVG is taken when told.

``shoot.py WIDTH HEIGHT`` prints a line once it watches, waits for a line on stdin, prints the SVG as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys

from coroctl.sources.logs import LogFollower, choose_log
from coroctl.sources.watch import Watch
from coroctl.tui.app import Console
from coroctl_widgets import TitleBar


async def main() -> None:
    """One console, one picture."""
    console = Console(Watch(), LogFollower(choose_log()))
    async with console.run_test(size=(int(sys.argv[1]), int(sys.argv[2]))) as pilot:
        while console.screen.query_one(TitleBar).value.state != "QUORATE":
            await pilot.pause(0.05)
        print("watching", file=sys.__stdout__, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await pilot.pause(1.2)
        print(json.dumps(console.export_screenshot(title="coroctl on node1")), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
