"""What the lab's machines write, seen by the sizes of their files: when, where, and how far they have counted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from coroctl.lab import machines
from coroctl.lab.checker.records import Wrote

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.lab.checker.records import Record
    from coroctl.lab.plan import Plan


class Writes:
    """Call `look` regularly. What is there at the first look was written before."""

    def __init__(self, plan: Plan, tell: Callable[[Record], None]) -> None:
        self._folders = {node.name: machines.writes(plan, node) for node in plan.nodes} if plan.machines else {}
        self._tell = tell
        self._sizes: dict[str, int] = {}
        self._since = 0

    def look(self, now_us: Callable[[], int]) -> None:
        """Tell of every file that has grown."""
        began = now_us()
        for node, folder in self._folders.items():
            with os.scandir(folder) as entries:
                for entry in entries:
                    size = entry.stat().st_size
                    if size != self._sizes.get(entry.path, 0):
                        self._sizes[entry.path] = size
                        if self._since and (counted := machines.counted(folder / entry.name)):
                            self._tell(Wrote(now_us(), self._since, node, entry.name, counted))
        self._since = began
