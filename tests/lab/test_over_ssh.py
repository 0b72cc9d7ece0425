"""As an operator would: the console through a real sshd of a node, over a line of 64 kbit/s, by keys, bytes counted.

``PICTURES=FOLDER`` keeps every screen at three sizes as SVG.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coroctl.lab.lab import Wanted
from coroctl.lab.run import until
from tests.lab.slow_line import Cost, Terminal, slow_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from coroctl.lab.fixtures import MakeLab
    from coroctl.lab.handle import Lab

KBIT = 64
IDLE_S = 10.0
SIZES = ((80, 24), (120, 40), (200, 60))
WATCHER, VICTIM = "node2", "node1"
SCREENS = {
    "overview": (),
    "links": ("l",),
    "alarms": ("Escape", "a"),
    "configuration": ("Escape", "c"),
    "difference": ("Tab", "Down", "d"),
    "log": ("Escape", "Escape", "O"),
    "node": ("Escape", "Home", "Enter"),
    "other-node": ("Escape", "Down", "Enter"),
    "actions": ("Escape", "m"),
    "preflight": ("Escape", "s"),
    "help": ("Escape", "?"),
}
"""Keys that lead from one to the next."""
OVERVIEW = "c Config"
OPENED = {
    "Links": ("l",),
    "node": ("Home", "Enter"),
    "Log": ("O",),
    "Configuration": ("c",),
    "Machines": ("v",),
    "Alarms": ("a",),
}
"""Each from the overview, by its title."""
MOST_NEW = 2
FIRST, FAILOVER = "log in, and the first frame", "a failover on the screen"
OTHERWISE = (FIRST, FAILOVER)
"""Costs with bounds of their own."""

pytestmark = [
    pytest.mark.lab,
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/usr/sbin/sshd").exists(), reason="openssh-server is not installed"),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    pytest.mark.skipif(shutil.which("tc") is None, reason="tc (iproute2) is not installed"),
]


def is_master(lab: Lab, name: str) -> bool:
    seen = lab.listing(WATCHER)
    return seen is not None and seen.role.get(lab.plan.node(name).nodeid) == "M"


def idle_minute(terminal: Terminal) -> float:
    """Bytes that come in a minute in which nobody does anything."""
    terminal.calm()
    begin, received = time.monotonic(), terminal.received()
    until(lambda: time.monotonic() - begin >= IDLE_S, 2 * IDLE_S, "a quiet while")
    return (terminal.received() - received) / IDLE_S * 60


def tell(costs: dict[str, Cost], idle: dict[str, float]) -> None:
    print(f"\nthe console over ssh at {KBIT} kbit/s:")
    for what, cost in costs.items():
        print(f"  {what:36} {cost}")
    print("and a minute in which nobody does anything:")
    for what, count in idle.items():
        print(f"  {what:36} {'':8}  {count:7.0f} bytes in")


def still(screen: str) -> list[str]:
    """Its lines, without what lives: numbers, and bars of their course."""
    return [re.sub(r"[-\d.:▁-█· ]+", " ", line) for line in screen.splitlines()]


def whole(picture: str) -> Callable[[str], bool]:
    """Whether a screen is that one from its title to its footer; a line or two may be told by the cluster since."""
    lines = still(picture)
    return lambda screen: sum(a != b for a, b in zip(lines, still(screen), strict=False)) <= MOST_NEW


def go(terminal: Terminal, word: str, *keys: str) -> None:
    """To the screen that has this word, until it is quiet there."""
    terminal.press(*keys)
    terminal.until(word)
    terminal.calm()


def visit(terminal: Terminal, screens: dict[str, tuple[str, ...]]) -> dict[str, Cost]:
    """Each twice, from the overview and back: once to have its picture, and once to see how soon it is whole."""
    costs = {}
    terminal.calm()
    overview = terminal.screen()
    for name, keys in screens.items():
        go(terminal, f"› {name}", *keys)
        picture = terminal.screen()
        go(terminal, OVERVIEW, "Escape")
        costs[f"to the {name}"] = terminal.cost(lambda keys=keys: terminal.press(*keys), done=whole(picture))  # type: ignore[misc]
        terminal.calm()
        costs[f"back from the {name}"] = terminal.cost(lambda: terminal.press("Escape"), done=whole(overview))
        terminal.calm()
    return costs


def pictures(terminal: Terminal) -> None:
    for width, height in SIZES:
        terminal.size(width, height)
        for name, keys in SCREENS.items():
            for key in keys:
                terminal.press(key)
                terminal.calm()
            terminal.picture(f"{width}x{height}-{name}", width)
        terminal.press("?")
        terminal.calm()


@pytest.mark.timeout(580)
def test_usable_over_a_slow_line(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(Wanted(listener=True, networks=2))
    until(lambda: is_master(lab, VICTIM), 60, f"{VICTIM} to be master", every_s=0.5)
    costs: dict[str, Cost] = {}
    idle: dict[str, float] = {}
    with slow_line(lab, WATCHER, KBIT, SIZES[0], tmp_path) as (terminal, ssh):

        def measure(what: str, *keys: str, words: tuple[str, ...]) -> None:
            terminal.calm()
            costs[what] = terminal.cost(lambda: terminal.press(*keys), *words)

        measure(FIRST, f"{ssh} coroctl", "Enter", words=("QUORATE", "is master", "Quit"))
        for width, height in SIZES:
            size = f"{width}x{height}"
            terminal.size(width, height)
            idle[f"{size}: the overview"] = idle_minute(terminal)
            go(terminal, "› node", *OPENED["node"])
            idle[f"{size}: a node's screen"] = idle_minute(terminal)
            go(terminal, OVERVIEW, "Escape")
            costs.update({f"{size}: {what}": cost for what, cost in visit(terminal, OPENED).items()})
            idle[f"{size}: the overview after it"] = idle_minute(terminal)
        terminal.size(*SIZES[0])
        terminal.press("O")
        terminal.until("› Log", "Back")
        terminal.press("2")
        terminal.until("corosync.log")
        terminal.calm()
        before = terminal.screen().splitlines()

        def turned(screen: str) -> bool:
            return sum(a != b for a, b in zip(before, screen.splitlines(), strict=False)) > len(before) // 2

        costs["PageUp in it"] = terminal.cost(lambda: terminal.press("PPage"), "› Log", done=turned)
        terminal.press("Escape")
        terminal.until("Alarms", "Config")
        terminal.calm()
        costs[FAILOVER] = terminal.cost(lambda: lab.kill(VICTIM), f"{WATCHER} is master")
        tell(costs, idle)
        if "PICTURES" in os.environ:
            pictures(terminal)
        terminal.press("q")

    assert costs[FIRST].seconds < 5
    for what, cost in costs.items():
        assert cost.seconds < (3 if what.startswith("200x60") else 2) or what in OTHERWISE, what
    assert costs[FAILOVER].seconds < 6, "the failover itself takes 2.2 s"
    for what, count in idle.items():
        assert count / 60 * 8 < KBIT * 1000 / 4, f"{what}: more than a quarter of the line while nobody does anything"
