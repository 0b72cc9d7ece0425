"""A terminal shows the same, whether it is told everything or only what differs.

The terminal is pyte's: it does not know "dim", so "blink" stands for it here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual._compositor import CompositorUpdate

from coroctl.sources.logs import LogFollower
from coroctl.tui.app import Console
from coroctl.tui.canvas import CLEAR, Canvas
from tests.tui import gallery
from tests.tui.feeds import ByHand
from tests.tui.fleets import FLEET
from tests.tui.test_actions import Told
from tests.tui.test_gallery import CLUSTER, place

if TYPE_CHECKING:
    from pathlib import Path

    from textual.screen import Screen

__all__ = ["place"]

WIDTH, HEIGHT = 20, 4
STYLES = ["", "39;49", "1", "5;39;49", "31", "1;32;49", "4", "7;39;49", "44", "4;38;5;208;49", "37;48;2;10;20;30", "9"]
NARROW, ANY = "abc  ─●…äß·é", "abc  漢字é🙂"
Shown = list[list[tuple[object, ...]]]


def shown(screen: pyte.Screen) -> Shown:
    """What is seen: a colour of letters is not, on a blank."""
    lines = []
    for y in range(screen.lines):
        row = []
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            marks = (cell.bg, cell.underscore, cell.strikethrough, cell.reverse)
            row.append((cell.data, *marks) if cell.data == " " else tuple(cell))
        lines.append(row)
    return lines


class Two:
    """Terminals: one is told everything."""

    def __init__(self, width: int, height: int) -> None:
        self.all, self.less = pyte.Screen(width, height), pyte.Screen(width, height)
        self._streams = pyte.Stream(self.all), pyte.Stream(self.less)
        self.canvas = Canvas()
        self.canvas.resize(width, height)
        self.bytes = [0, 0]
        self.write("\x1b[?7l")

    def write(self, text: str) -> str:
        less = self.canvas.take(text)
        for which, (stream, part) in enumerate(zip(self._streams, (text, less), strict=True)):
            stream.feed(part)
            self.bytes[which] += len(part.encode())
        return less

    def resize(self, width: int, height: int) -> None:
        for screen in (self.all, self.less):
            screen.resize(height, width)
        self.canvas.resize(width, height)

    def scribble(self, text: str) -> None:
        """Somebody else."""
        self._streams[1].feed(text)

    def agree(self) -> bool:
        at = [(one.cursor.x, one.cursor.y) for one in (self.all, self.less)]
        return shown(self.all) == shown(self.less) and at[0] == at[1]


def piece(style: str, text: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style else text


@st.composite
def strips(draw: st.DrawFn) -> str:
    """As Textual writes them: nothing beyond the right edge. Lines with wide characters only as a whole."""
    y = draw(st.integers(1, HEIGHT))
    x = draw(st.integers(1, WIDTH)) if y % 2 else 1
    room = WIDTH - x + 1
    pieces: list[str] = []
    while room and (not pieces or y % 2 == 0 or draw(st.booleans())):
        text = draw(st.text(st.sampled_from(NARROW if y % 2 else ANY), min_size=1, max_size=room))
        text = text if cell_len(text) <= room else " " * room
        pieces.append(piece(draw(st.sampled_from(STYLES)), text))
        room -= cell_len(text)
    return f"\x1b[{y};{x}H{''.join(pieces)}{chr(10) * (y < HEIGHT)}"


FRAMES = st.builds(lambda found: "".join(found) + "\x1b[1;1H", st.lists(strips(), max_size=6))
MODES = st.sampled_from(["\x1b[?2026h", "\x1b[?2026l", "\x07"])


@given(st.lists(FRAMES | MODES, max_size=8))
def test_the_terminal_shows_the_same(frames: list[str]) -> None:
    two = Two(WIDTH, HEIGHT)
    two.write("\x1b[1;1H")
    for frame in frames:
        two.write(frame)
        assert two.agree(), (shown(two.all), shown(two.less))


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_every_screen_comes_whole_and_for_a_third(
    size: tuple[int, int], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frames are Textual's own."""
    two = Two(*size)
    dim = re.compile(r"(\x1b\[(?:\d+;)*)2;")

    def display(console: Console, _screen: Screen[object], frame: object) -> None:
        if isinstance(frame, CompositorUpdate):
            text = dim.sub(r"\g<1>5;", frame.render_segments(console.console))
            two.write(f"{text}\x1b[1;1H")

    monkeypatch.setattr(Console, "_display", display)
    feed = ByHand()
    console = Console(feed, LogFollower("corosync.log"), operator=Told(), fleet=lambda: FLEET)
    async with console.run_test(size=size) as pilot:
        while feed.publish is None:
            await pilot.pause()
        feed.say(CLUSTER)
        for scene in gallery.SCENES:
            await gallery.reach(pilot, scene)
            assert two.agree(), scene.name
            await gallery.leave(pilot, scene)
    assert two.bytes[1] < two.bytes[0] / 3


def test_after_a_resize_all_of_it_goes_out() -> None:
    two = Two(WIDTH, HEIGHT)
    two.write("\x1b[1;1H\x1b[31mabc\x1b[0m\x1b[2;1Hdef\x1b[1;1H")
    two.resize(WIDTH + 5, HEIGHT + 2)
    two.scribble("\x1b[5;3Hgarbage")
    assert two.write("\x1b[4;1Hx\x1b[1;1H").startswith(CLEAR)
    assert two.agree()
    two.resize(WIDTH - 5, HEIGHT + 2)
    two.write("\x1b[1;1H")
    assert two.agree()


def test_what_others_have_written_goes_when_it_is_drawn_anew() -> None:
    two = Two(WIDTH, HEIGHT)
    two.write("\x1b[1;1Habc\x1b[1;1H")
    two.scribble("\x1b[1;2HKERNEL")
    two.canvas.forget()
    two.write("\x1b[1;1H")
    assert two.agree()


@pytest.mark.parametrize("strange", ["\x1b[?1049h", "\x1b[2J\x1b[3;3Hpanic", "\x1b[3;1Ha\x1b[5nb\x1b[1;1H"])
def test_what_is_not_understood_passes_and_makes_nothing_certain(strange: str) -> None:
    canvas = Canvas()
    canvas.resize(WIDTH, HEIGHT)
    canvas.take("\x1b[1;1Habc\x1b[1;1H")
    assert canvas.take(strange) == strange
    assert canvas.take("\x1b[1;1H") == f"{CLEAR}\x1b[1;1Habc\x1b[1;1H"


@pytest.mark.parametrize(
    "harmless", ["\x1b[?1000h", "\x1b[?2026$p", "\x1b[>25u", "\x07", "\x1b]52;c;YWJj\x07", "\x1b]22;default\x07"]
)
def test_what_leaves_the_cells_alone_costs_nothing_later(harmless: str) -> None:
    canvas = Canvas()
    canvas.resize(WIDTH, HEIGHT)
    canvas.take("\x1b[1;1Habc\x1b[1;1H")
    assert canvas.take(harmless) == harmless
    assert canvas.take("\x1b[1;1Habc\x1b[1;1H") == ""


def test_a_terminal_that_takes_a_character_for_another_width_is_not_led_astray() -> None:
    """After each such character the place is told, and its line is written as a whole whenever anything in it is."""
    canvas = Canvas()
    canvas.resize(WIDTH, HEIGHT)
    assert canvas.take("\x1b[1;1Ha漢b\x1b[1;1H") == f"{CLEAR}\x1b[1H\x1b[K\x1b[1;1Ha漢\x1b[1;4Hb\x1b[1;1H"
    assert canvas.take("\x1b[1;6Hc\x1b[1;1H") == "\x1b[1H\x1b[K\x1b[1;1Ha漢\x1b[1;4Hb c\x1b[1;1H"
    assert canvas.take("\x1b[1;2Hxy\x1b[1;1H") == "\x1b[1H\x1b[K\x1b[1;1Haxyb c\x1b[1;1H"
    assert canvas.take("\x1b[1;2Hz\x1b[1;1H") == "\x1b[1;2Hz\x1b[1;1H"


def test_blanks_to_the_right_are_erased_and_not_written() -> None:
    canvas = Canvas()
    canvas.resize(WIDTH, HEIGHT)
    canvas.take(f"\x1b[1;1H{'abcdefghij' * 2}\x1b[1;1H")
    assert canvas.take(f"\x1b[1;1Hab\x1b[2;39;49m{' ' * 18}\x1b[0m\x1b[1;1H") == "\x1b[1;3H\x1b[K\x1b[1;1H"
