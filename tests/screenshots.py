"""``make screenshots``: the README's pictures, SVG and PNG, taken from a running lab and never by hand."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import resvg_py
from rich.console import Console

from coroctl.lab import network, node
from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted, down, up
from coroctl.lab.processes import this_process
from coroctl.lab.run import until
from tests.film import animated

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parents[1] / "screenshots"
FONTS = "/usr/share/fonts/truetype/firacode"
"""Debian's fonts-firacode; without it the PNG would have no text, silently."""


WATCHER = "node2"
SIZES = {"console": (120, 32), "console-80x24": (80, 24)}
SCREENS = {
    "links": "l",
    "alarms": "escape a",
    "configuration": "escape c",
    "log": "escape O",
    "node": "escape g j enter",
    "actions": "escape m",
    "preflight": "escape P",
    "palette": "escape ctrl+p",
    "keys": "escape question_mark",
}
"""Keys that lead from one to the next, beginning at the overview."""


def main() -> int:
    """Take every picture."""
    if not Path(FONTS).is_dir():
        print(f"{FONTS} is missing (Debian package fonts-firacode)", file=sys.stderr)
        return 1
    name = f"shots{os.getpid()}"
    try:
        lab = Lab(up(Wanted(name=name, token_ms=1000, networks=2, listener=True), owner=this_process()))
        _consoles(lab)
        _list(lab)
    finally:
        down(name)
    return 0


def _consoles(lab: Lab) -> None:
    """Consoles on node2 that have seen the master die, their node take over, the old master return, and a link go."""
    until(_master(lab, 1), 60, "node1 to be master", every_s=0.5)
    with contextlib.ExitStack() as stack:
        shootings = {name: stack.enter_context(_shooting(lab, size)) for name, size in SIZES.items()}
        for shooting in shootings.values():
            _line(shooting)  # it is watching
        _tell(shootings["console"], "film")
        lab.kill("node1")
        until(_master(lab, 2), 60, "node2 to be master", every_s=0.5)
        lab.start("node1")
        lab.wait("node1=joined")
        network.unplug(lab.plan, lab.plan.ports(lab.plan.node("node3"))[1:])
        until(lambda: "DOWN" in lab.tell(WATCHER, "coroctl", "links"), 30, "a link to go down", every_s=0.5)
        for name, shooting in shootings.items():
            _tell(shooting, "cut" if name == "console" else "")
            if name == "console":
                _save_film(json.loads(_line(shooting)))
                _tell(shooting, "")
            save(name, json.loads(_line(shooting)))
        for name, keys in SCREENS.items():
            _tell(shootings["console"], keys)
            save(name, json.loads(_line(shootings["console"])))
    lab.heal()


def _master(lab: Lab, nodeid: int) -> Callable[[], bool]:
    """Whether a node is master, as the watcher sees it."""

    def look() -> bool:
        seen = lab.listing(WATCHER)
        return seen is not None and seen.role.get(nodeid) == "M"

    return look


def _shooting(lab: Lab, size: tuple[int, int]) -> subprocess.Popen[str]:
    shoot = [sys.executable, str(FOLDER.parent / "tests/shoot.py"), *map(str, size)]
    command = [*node.enter(lab.plan, lab.plan.node(WATCHER)), "timeout", "240", *shoot]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _tell(shooting: subprocess.Popen[str], words: str) -> None:
    assert shooting.stdin is not None
    shooting.stdin.write(f"{words}\n")
    shooting.stdin.flush()


def _save_film(frames: list[tuple[float, str]]) -> None:
    svg = animated(frames)
    (FOLDER / "failover.svg").write_text(svg)
    print(f"{FOLDER}/failover.svg: {len(frames)} pictures, {len(svg) // 1024} KiB")


def _line(shooting: subprocess.Popen[str]) -> str:
    assert shooting.stdout is not None
    return shooting.stdout.readline()


def _list(lab: Lab) -> None:
    lab.kill("node3")
    lab.wait("node3=left")
    console = Console(record=True, width=100, file=io.StringIO())
    console.print("[b]root@node2:~#[/b] coroctl -l", highlight=False)
    console.print(lab.tell(WATCHER, "coroctl", "-l"), highlight=False, markup=False, end="")
    console.print("[b]root@node2:~#[/b] coroctl status", highlight=False)
    console.print(lab.tell(WATCHER, "coroctl", "status"), highlight=False, markup=False, end="")
    save("list", console.export_svg(title="coroctl -l"))


def save(name: str, svg: str) -> None:
    """Write a picture as SVG and, drawn with Fira Code, as PNG."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(svg)
    png = resvg_py.svg_to_bytes(svg_string=svg, font_dirs=[FONTS], monospace_family="Fira Code", zoom=2)
    (FOLDER / f"{name}.png").write_bytes(bytes(png))
    print(f"{FOLDER / name}.svg and .png")


if __name__ == "__main__":
    sys.exit(main())
