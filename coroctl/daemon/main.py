"""The daemon's process: checks, the lock of the one instance, the loop, and its end."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

from coroctl.daemon.daemon import Daemon
from coroctl.daemon.echo import echo
from coroctl.daemon.journal import Journal
from coroctl.daemon.locks import single_instance
from coroctl.daemon.preflight import check

if TYPE_CHECKING:
    from coroctl.daemon.paths import Paths
    from coroctl.daemon.preflight import Ready


def run(paths: Paths) -> None:
    """Until it is told to stop. Raises StartRefused, or another CoroctlError, if it cannot start."""
    ready = check(paths.conf)
    for folder in (paths.run, paths.state):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with single_instance(paths.lock):
        asyncio.run(_run(ready, paths))


async def _run(ready: Ready, paths: Paths) -> None:
    # What is there now stays: a collection need not look through it again and again.
    gc.collect()
    gc.freeze()
    journal = await Journal.opened(paths.events, paths.log, ready.name, echo())
    await Daemon(ready, paths, journal).run()
