"""``make screenshots``: the README's pictures, SVG and PNG, taken from a running lab and never by hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import resvg_py
from rich.console import Console

from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted, down, up
from coroctl.lab.processes import this_process

FOLDER = Path(__file__).parents[1] / "screenshots"
FONTS = "/usr/share/fonts/truetype/firacode"
"""Debian's fonts-firacode; without it the PNG would have no text, silently."""


def main() -> int:
    """Take every picture."""
    if not Path(FONTS).is_dir():
        print(f"{FONTS} is missing (Debian package fonts-firacode)", file=sys.stderr)
        return 1
    name = f"shots{os.getpid()}"
    try:
        lab = Lab(up(Wanted(name=name, token_ms=1000), owner=this_process()))
        _list(lab)
    finally:
        down(name)
    return 0


def _list(lab: Lab) -> None:
    lab.kill("node3")
    lab.wait("node3=left")
    console = Console(record=True, width=72, file=Path(os.devnull).open("w"))  # noqa: SIM115 - as long as the console
    console.print("[b]root@node1:~#[/b] coroctl -l", highlight=False)
    console.print(lab.tell("node1", "coroctl", "-l"), highlight=False, markup=False, end="")
    console.print("[b]root@node1:~#[/b] echo $?", highlight=False)
    console.print("0", highlight=False)
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
