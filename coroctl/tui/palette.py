"""What the command palette offers: the actions on the node under the cursor."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Provider

from coroctl.actions import ACTIONS
from coroctl.tui.screens.overview import Overview
from coroctl_widgets import neutral

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.command import Hits

    from coroctl.actions import Action
    from coroctl.tui.messages import Wanted


class NodeActions(Provider):
    """The node is the one of the moment when the palette was opened."""

    async def discover(self) -> Hits:
        for text, action, wanted in self._commands():
            yield DiscoveryHit(text, partial(self.screen.post_message, wanted), help=action.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for text, action, wanted in self._commands():
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, text, partial(self.screen.post_message, wanted), help=action.help)

    def _commands(self) -> Iterator[tuple[str, Action, Wanted]]:
        if isinstance(self.screen, Overview):
            for action in ACTIONS:
                wanted = self.screen.wanted(action)
                if wanted is not None:
                    yield f"{action.label} {neutral(wanted.label)}", action, wanted
