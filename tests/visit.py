"""Runs on a lab node: a real console without a terminal, driven by keys, its screens told as text.

``visit.py WIDTH HEIGHT``, then on each line of stdin ``KEYS; WORDS``: keys separated by blanks are pressed, and once
all the words (separated by ``|``) stand on the screen it is printed as JSON. What has not come after DEADLINE_S is not
waited for.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from coroctl.sources.logs import LogFollower, choose_log
from coroctl.sources.watch import Watch
from coroctl.tui.app import Console

DEADLINE_S, LOOK_S = 15.0, 0.05


def text(console: Console) -> str:
    """What stands there."""
    return "\n".join(strip.text for strip in console.screen._compositor.render_strips())


async def main() -> None:
    """One walk."""
    console = Console(Watch(), LogFollower(choose_log()))
    async with console.run_test(size=(int(sys.argv[1]), int(sys.argv[2]))) as pilot:
        for line in sys.stdin:
            keys, _, words = line.strip().partition(";")
            await pilot.press(*keys.split())
            end = time.monotonic() + DEADLINE_S
            while time.monotonic() < end and not all(word.strip() in text(console) for word in words.split("|")):
                await pilot.pause(LOOK_S)
            print(json.dumps(text(console)), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
