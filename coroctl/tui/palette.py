"""What the command palette offers: the actions on the screen's node, the screens, and what the app can do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from textual.command import DiscoveryHit, Hit, Provider

from coroctl.tui.screens.acting import ActingScreen
from coroctl_widgets import neutral

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textual.command import Hits

GENERAL = (
    ("Links", "open('links')", "who hears whom, and every link from this node"),
    ("Machines", "open_machines", "where each virtual machine is, and what recovery waits for"),
    ("Alarms", "open('alarms')", "what is wrong, and what to do about it"),
    ("Configuration", "open('configuration')", "the file, lint, and what each node has loaded"),
    ("Whole log", "open_log", "a log of any size: search, filter, go to a time"),
    ("Save the screen", "save", "as SVG and as text"),
    ("Keys", "help", "all of this screen"),
    ("Quit", "quit", "leave the console"),
)
"""What it is called, the app's action, and what it does."""


class _Command(NamedTuple):
    text: str
    run: Callable[[], object]
    help: str


class Commands(Provider):
    """The node is the one of the moment when the palette was opened."""

    async def discover(self) -> Hits:
        for text, run, about in self._commands():
            yield DiscoveryHit(text, run, help=about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for text, run, about in self._commands():
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, text, run, help=about)

    def _commands(self) -> Iterator[_Command]:
        screen = self.screen
        if isinstance(screen, ActingScreen):
            for action in screen.OFFERS:
                wanted = screen.wanted(action)
                if wanted is not None and screen.acts:
                    text = f"{action.label} {neutral(wanted.label)}"
                    yield _Command(text, partial(screen.post_message, wanted), action.help)
        for text, run, about in GENERAL:
            yield _Command(text, partial(self.app.run_action, run), about)
