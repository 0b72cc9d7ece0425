"""Runs on a lab node for `tests.screenshots`: a real console without a terminal, of which SVGs are taken when told.

``shoot.py WIDTH HEIGHT`` prints a line once it watches. Then each line on stdin is ``film``, which keeps a picture of
every change from now on; ``cut``, which prints them as JSON, each with its second; or keys, separated by blanks, after
which it prints one picture. An empty line presses nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING

from coroctl.client import Client
from coroctl.conduct import Operator
from coroctl.sources.logs import LogFollower, choose_log
from coroctl.sources.watch import Watch
from coroctl.tui.app import Console
from coroctl_widgets import TitleBar

if TYPE_CHECKING:
    from textual.pilot import Pilot

LOOK_S, SETTLE_S = 0.2, 1.2
TITLE = "coroctl on node2"


class Film:
    """Pictures of a console, one for each change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begin = time.monotonic()
        self._seen: list[str] = []
        self.frames: list[tuple[float, str]] = []

    def look(self) -> None:
        """Keep a picture if it is another one."""
        lines = [strip.text for strip in self._console.screen._compositor.render_strips()]
        if lines != self._seen:
            self._seen = lines
            self.frames.append((time.monotonic() - self._begin, self._console.export_screenshot(title=TITLE)))


def tell(what: object) -> None:
    """A line for who asked."""
    print(json.dumps(what), file=sys.__stdout__, flush=True)


async def serve(console: Console, pilot: Pilot[None]) -> None:
    """Do what the lines say, until there are no more."""
    film: Film | None = None
    asked = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    while True:
        await asyncio.wait([asked], timeout=LOOK_S)
        if film is not None:
            film.look()
        if not asked.done():
            continue
        line = asked.result()
        if not line:
            return
        match line.strip():
            case "film":
                film = Film(console)
            case "cut":
                tell(film.frames if film is not None else [])
                film = None
            case keys:
                await pilot.press(*keys.split())
                await pilot.pause(SETTLE_S)
                tell(console.export_screenshot(title=TITLE))
        asked = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))


async def main() -> None:
    """One console."""
    console = Console(Watch(), LogFollower(choose_log()), operator=Operator(Client()))
    async with console.run_test(size=(int(sys.argv[1]), int(sys.argv[2]))) as pilot:
        while console.screen.query_one(TitleBar).value.state != "QUORATE":
            await pilot.pause(0.05)
        tell("watching")
        await serve(console, pilot)


if __name__ == "__main__":
    asyncio.run(main())
