"""A walk through every screen and dialog of one running console, each as text: what stands where, in which style.

A picture is two blocks: the cells, and under them a letter for each cell's style, which the last lines explain.
"""

from __future__ import annotations

from string import ascii_letters
from typing import TYPE_CHECKING, NamedTuple

from textual.widgets import Footer, OptionList

from coroctl.tui.screens.action import ActionScreen
from coroctl.tui.screens.log import LogScreen
from coroctl_widgets import Listing, LiveTable, LogTail, LogView, Notes, SheetDialog

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.style import Style
    from textual.app import App
    from textual.pilot import Pilot
    from textual.screen import Screen


class Scene(NamedTuple):
    """One picture: the keys that lead there from the overview, when it is whole, and how many steps lead back."""

    name: str
    keys: tuple[str, ...] = ()
    whole: Callable[[Screen[object]], bool] = lambda _: True
    back: int = 1
    acts: bool = False
    """Only for who may act."""


def _log_shown(screen: Screen[object]) -> bool:
    frame = screen.query_one(LogView).frame if isinstance(screen, LogScreen) else None
    return frame is not None and bool(frame.rows)


def _dialog_says(word: str) -> Callable[[Screen[object]], bool]:
    return lambda screen: (
        isinstance(screen, ActionScreen) and any(word in line for line in screen.query_one(SheetDialog).texts)
    )


SCENES = (
    Scene(
        "overview", (), lambda screen: screen.query_one(LogTail).count() > 0 or not screen.query_one(LogTail).display, 0
    ),
    Scene("filter", ("slash", "n", "2"), back=1),
    Scene("sorted", ("greater_than_sign",) * 2, back=0),
    Scene("links", ("less_than_sign", "less_than_sign", "l", "down", "right", "right")),
    Scene("machines", ("v",), lambda screen: screen.query_one("#machines", LiveTable).cursor_key is not None),
    Scene("alarms", ("a",)),
    Scene("configuration", ("c", "n"), lambda screen: bool(screen.query_one(Listing).text)),
    Scene(
        "difference",
        ("c", "tab", "g", "down", "d"),
        lambda screen: any(notes.value for notes in screen.query("#differing").results(Notes)),
        back=2,
    ),
    Scene("this-node", ("g", "enter"), lambda screen: bool(screen.query_one("#machine", Notes).value)),
    Scene("node", ("G", "enter")),
    Scene("log", ("O",), _log_shown),
    Scene("menu", ("m",), acts=True),
    Scene("preflight", ("P",), _dialog_says("What will happen"), acts=True),
    Scene("priority", ("p",), acts=True),
    Scene(
        "palette",
        ("ctrl+p",),
        lambda screen: bool(screen.query(OptionList)) and screen.query_one(OptionList).option_count > 0,
    ),
    Scene("help", ("question_mark",), back=0),
)


async def reach(pilot: Pilot[None], scene: Scene) -> None:
    """Go there, and wait until it is whole."""
    await pilot.press(*scene.keys)
    while not scene.whole(pilot.app.screen) or not _footed(pilot.app.screen):
        await pilot.pause()
    await pilot.pause()


def _footed(screen: Screen[object]) -> bool:
    """Its footer comes with the keys a moment after the screen."""
    return all(footer.children for footer in screen.query(Footer))


async def leave(pilot: Pilot[None], scene: Scene) -> None:
    """Back to the overview."""
    await pilot.press(*["escape"] * scene.back)
    await pilot.pause()


def picture(app: App[None]) -> str:
    """What is seen, as text."""
    letters: dict[str, str] = {}
    rows, styles = [], []
    for strip in app.screen._compositor.render_strips():
        rows.append(strip.text)
        marks = ""
        for segment in strip:
            style = look(segment.style)
            if style not in letters:
                letters[style] = ascii_letters[len(letters)] if style else "."
            marks += letters[style] * segment.cell_length
        styles.append(marks.rstrip("."))
    legend = [f"{letter} {style or 'plain'}" for style, letter in letters.items()]
    return "\n".join([*(f"|{row}|" for row in rows), "", *styles, "", *legend, ""])


def look(style: Style | None) -> str:
    """A style in words, without what a terminal does not show."""
    if style is None:
        return ""
    words = [word for word in ("bold", "dim", "italic", "underline", "reverse") if getattr(style, word)]
    if style.color is not None and not style.color.is_default:
        words.append(style.color.name)
    if style.bgcolor is not None and not style.bgcolor.is_default:
        words += ["on", style.bgcolor.name]
    return " ".join(words)


def colours(app: App[None]) -> set[str]:
    """Colours beyond the terminal's own sixteen."""
    return {
        colour.name
        for strip in app.screen._compositor.render_strips()
        for segment in strip
        if segment.style is not None and segment.text.strip()
        for colour in (segment.style.color, segment.style.bgcolor)
        if colour is not None and not (colour.is_default or (colour.number is not None and colour.number < 16))
    }
